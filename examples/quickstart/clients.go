package main

import (
	"context"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"
)

// tally is what a client counted of one release.
type tally struct {
	Requests int `json:"requests"`
	Failed   int `json:"failed"`
}

// clients are users of the service: they ask without pause, over connections
// that they keep, and never ask again for an answer that went wrong.
type clients struct {
	url    string
	mu     sync.Mutex
	counts map[string]tally // by the release that answered; "" for no answer
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// clientCount and clientPause make about 200 requests a second.
const (
	clientCount = 2
	clientPause = 10 * time.Millisecond
)

func newClients(addr string) *clients {
	return &clients{url: "http://" + addr + "/orders", counts: map[string]tally{}}
}

// start lets the clients ask; a second call does nothing.
func (c *clients) start() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cancel != nil {
		return
	}
	var ctx context.Context
	ctx, c.cancel = context.WithCancel(context.Background())
	for range clientCount {
		c.wg.Go(func() { c.ask(ctx) })
	}
}

// stop ends the clients after the answers that they wait for.
func (c *clients) stop() {
	c.mu.Lock()
	cancel := c.cancel
	c.mu.Unlock()
	if cancel != nil {
		cancel()
		c.wg.Wait()
	}
}

func (c *clients) snapshot() map[string]tally {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.counts)
}

func (c *clients) ask(ctx context.Context) {
	transport := &http.Transport{MaxIdleConnsPerHost: 1}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 30 * time.Second}
	tick := time.NewTicker(clientPause)
	defer tick.Stop()
	for n := 0; ctx.Err() == nil; n++ {
		release, ok := request(client, c.url, n%2 == 1)
		c.count(release, ok)
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// request asks once. It is not cut off at the end of the run: an answer that
// is on its way is waited for, so that both sides count it.
func request(client *http.Client, url string, post bool) (release string, ok bool) {
	method, body := http.MethodGet, io.Reader(http.NoBody)
	if post {
		method, body = http.MethodPost, strings.NewReader(`{"item":"tea","count":2}`)
	}
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		return "", false
	}
	req.GetBody = nil // nothing is sent twice
	resp, err := client.Do(req)
	if err != nil {
		return "", false
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.Header.Get("X-Release"), err == nil && resp.StatusCode < 500
}

func (c *clients) count(release string, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.counts[release]
	t.Requests++
	if !ok {
		t.Failed++
	}
	c.counts[release] = t
}
