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
	post   bool // every second request
	mu     sync.Mutex
	counts map[string]tally  // by the release that answered; "" where it named none
	lost   int               // requests that got no answer
	began  map[int]time.Time // of the requests that wait for one, by client
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// clientCount and clientPause make about 200 requests a second.
const (
	clientCount = 2
	clientPause = 10 * time.Millisecond
)

// newClients returns clients that ask a service of which nothing is known but
// its address, or, where they know it, also send it orders.
func newClients(addr string, known bool) *clients {
	c := &clients{url: "http://" + addr + "/", post: known, counts: map[string]tally{}, began: map[int]time.Time{}}
	if known {
		c.url += "orders"
	}
	return c
}

// longestWait is how long the oldest request has waited for its answer.
func (c *clients) longestWait() (longest time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, began := range c.began {
		longest = max(longest, time.Since(began))
	}
	return longest
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
	for id := range clientCount {
		c.wg.Go(func() { c.ask(ctx, id) })
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

func (c *clients) snapshot() (counts map[string]tally, lost int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.counts), c.lost
}

func (c *clients) ask(ctx context.Context, id int) {
	transport := &http.Transport{MaxIdleConnsPerHost: 1}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 30 * time.Second}
	tick := time.NewTicker(clientPause)
	defer tick.Stop()
	for n := 0; ctx.Err() == nil; n++ {
		c.begin(id)
		c.count(id, request(client, c.url, c.post && n%2 == 1))
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// answer is what came of one request.
type answer struct {
	release  string
	lost, ok bool
}

// request asks once. It is not cut off at the end of the run: an answer that
// is on its way is waited for, so that both sides count it.
func request(client *http.Client, url string, post bool) answer {
	method, body := http.MethodGet, io.Reader(http.NoBody)
	if post {
		method, body = http.MethodPost, strings.NewReader(`{"item":"tea","count":2}`)
	}
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		return answer{lost: true}
	}
	req.GetBody = nil // nothing is sent twice
	resp, err := client.Do(req)
	if err != nil {
		return answer{lost: true}
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return answer{release: resp.Header.Get(releaseHeader), ok: err == nil && resp.StatusCode < 500}
}

func (c *clients) begin(id int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.began[id] = time.Now()
}

func (c *clients) count(id int, a answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.began, id)
	if a.lost {
		c.lost++
		return
	}
	t := c.counts[a.release]
	t.Requests++
	if !a.ok {
		t.Failed++
	}
	c.counts[a.release] = t
}
