package switchover

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

// askTimeout bounds a question to the other process of a handover.
const askTimeout = 2 * time.Second

// predecessor is the process that handed its listeners over, while it still
// answers on connections it had accepted.
type predecessor struct {
	client *Client
	socket string
	final  atomic.Pointer[Status] // set when it has ended
	last   Status                 // guarded by Server.predecessorMu
}

// refresh asks for the counts; where there is no answer the last ones stand.
func (p *predecessor) refresh(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	st, err := p.client.Status(ctx)
	if err == nil {
		p.last = st
	} else if end := p.final.Load(); end != nil {
		p.last = *end
	}
}

// follow has the predecessor swap as this process did. It returns when the
// predecessor sends requests to the new backend, with the drain that goes on
// there.
func (s *Server) follow(q SwapRequest) []*drain {
	s.predecessorMu.Lock()
	p := s.predecessor
	s.predecessorMu.Unlock()
	if p == nil {
		return nil
	}
	same := SwapRequest{To: q.To, Proven: true, Drain: q.Drain, NoWait: true}
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	if _, err := p.client.Swap(ctx, same); err != nil {
		s.log.Warn("predecessor did not follow the swap", "to", q.To.Name, "error", err)
		return nil // it has ended, or answers nobody
	}
	d := &drain{done: make(chan struct{})}
	s.background.Go(func() {
		defer close(d.done)
		ctx, cancel := s.untilStop(context.Background())
		defer cancel()
		same.NoWait = false
		if res, err := p.client.Swap(ctx, same); err == nil {
			d.cut, d.took = res.Cut, res.Drain
		}
	})
	return []*drain{d}
}

// collect waits for the predecessor to end, and takes over its counts.
func (s *Server) collect() {
	ctx, cancel := s.untilStop(context.Background())
	defer cancel()
	s.predecessorMu.Lock()
	p := s.predecessor
	s.predecessorMu.Unlock()
	st, err := p.client.final(ctx)
	if err == nil {
		p.final.Store(&st)
	}
	s.predecessorMu.Lock()
	defer s.predecessorMu.Unlock()
	if err != nil {
		st = p.last
		s.log.Warn("predecessor ended without its last counts", "pid", st.PID, "error", err)
		_ = os.Remove(p.socket) // it could not do so itself
	}
	s.ledger.add(st.Counts)
	s.predecessor = nil
	s.log.Info("predecessor ended", "pid", st.PID)
}

// handleFinal gives the successor the counts once they cannot change.
func (s *Server) handleFinal(w http.ResponseWriter, r *http.Request) {
	select {
	case <-s.drained:
		reply(w, http.StatusOK, s.ownStatus())
		if s.retired.Load() {
			s.collectedOnce.Do(func() { close(s.collected) })
		}
	case <-r.Context().Done():
	}
}

// awaitCollection gives the successor time to fetch the final counts.
func (s *Server) awaitCollection() {
	timer := time.NewTimer(5 * askTimeout)
	defer timer.Stop()
	select {
	case <-s.collected:
	case <-timer.C:
		s.log.Warn("successor did not fetch the last counts")
	}
}

// privateSocket is where a process that handed its listeners over answers.
func (s *Server) privateSocket() string { return fmt.Sprintf("%s.%d", s.socket, s.pid) }

// lingerAfterHandover answers on the connections this process has, until
// their clients closed them or the time for it is over.
func (s *Server) lingerAfterHandover(limit time.Time) {
	timer := time.NewTimer(time.Until(limit))
	defer timer.Stop()
	for s.connections.Load() > 0 {
		select {
		case <-s.noConns:
		case <-s.stopped.Done():
			return
		case <-timer.C:
			return
		}
	}
}
