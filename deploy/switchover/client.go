package switchover

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// Client drives the switchover that serves on a socket. It is safe for
// concurrent use and holds nothing open between calls.
type Client struct {
	socket string
	http   *http.Client
}

// NewClient returns a client for the socket at the given path. It does no I/O.
func NewClient(socket string) (*Client, error) {
	if err := checkSocketPath(socket); err != nil {
		return nil, &Error{Op: "new client", Subject: socket, Err: err}
	}
	return newClient(socket), nil
}

func newClient(socket string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}
	return &Client{socket: socket, http: &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}}
}

// Status asks what the switchover is doing. The error wraps [ErrNotServing]
// where none answers.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var st Status
	err := c.call(ctx, "status", http.MethodGet, "/v1/status", nil, &st)
	return st, err
}

// Swap asks for the traffic to go to another backend, and returns when it
// does and the old backend has drained. Whatever the error, at every instant
// one backend has the traffic.
//
// An error that wraps [ErrUnhealthy], [ErrNotLive] or [ErrBusy] left the
// traffic where it was. When ctx ends during the health gate the swap is
// called off; later, the old backend drains all the same. After that, and
// after [ErrUnknown], the same request may be sent again: where To has the
// traffic it only waits for the drain.
func (c *Client) Swap(ctx context.Context, q SwapRequest) (SwapResult, error) {
	var res SwapResult
	err := c.call(ctx, "swap", http.MethodPost, "/v1/swap", q, &res)
	return res, err
}

// Stop ends the switchover and with it the service: it returns when requests
// in flight have ended and the public address is closed, with the last counts.
// The state file stays.
func (c *Client) Stop(ctx context.Context) (Status, error) {
	var st Status
	err := c.call(ctx, "stop", http.MethodPost, "/v1/stop", nil, &st)
	return st, err
}

// Await returns the first Status that a switchover on the socket gives. It
// asks every 20 ms until ctx ends, and then returns the last error beside its
// cause.
func (c *Client) Await(ctx context.Context) (Status, error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		st, err := c.Status(ctx)
		if err == nil {
			return st, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return Status{}, &Error{Op: "await", Subject: c.socket, Err: errors.Join(context.Cause(ctx), err)}
		}
	}
}

func (c *Client) final(ctx context.Context) (Status, error) {
	var st Status
	err := c.call(ctx, "final", http.MethodGet, "/v1/final", nil, &st)
	return st, err
}

func (c *Client) call(ctx context.Context, op, method, path string, in, out any) error {
	fail := func(err error) error {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return &Error{Op: op, Subject: c.socket, Err: err}
	}
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return fail(err)
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://switchover"+path, body)
	if err != nil {
		return fail(err)
	}
	res, err := c.http.Do(req)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) && op.Op == "dial" {
			return fail(fmt.Errorf("%w: %w", ErrNotServing, op.Err))
		}
		return fail(fmt.Errorf("%w: %w", ErrUnknown, err))
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return fail(fmt.Errorf("%w: %w", ErrUnknown, err))
	}
	if res.StatusCode != http.StatusOK {
		return c.refusal(op, res.StatusCode, raw)
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return fail(fmt.Errorf("%w: answer cannot be read: %w", ErrUnknown, err))
	}
	return nil
}

// refusal makes an error of the answer that reports one.
func (c *Client) refusal(op string, status int, raw []byte) error {
	var w wireError
	if err := json.Unmarshal(raw, &w); err != nil || w.Error == "" {
		return &Error{Op: op, Subject: c.socket, Err: fmt.Errorf("status %d: %.256q", status, raw)}
	}
	e := &Error{Op: op, Subject: c.socket, Live: w.Live, Err: errors.New(w.Error)}
	for _, known := range codes {
		if w.Code == known.code {
			e.Err = known.state
			if text, ok := strings.CutPrefix(w.Error, known.state.Error()+": "); ok {
				e.Err = &detailed{state: known.state, text: text}
			}
		}
	}
	return e
}
