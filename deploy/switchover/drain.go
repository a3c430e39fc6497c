package switchover

import (
	"slices"
	"time"
)

// cutGrace is how long exchanges that were cut may take to end: their clients
// are told, or given up.
const cutGrace = 3 * time.Second

// drain is the end of a route's service. Its results are set when done is
// closed.
type drain struct {
	route   *route
	until   time.Time
	back    chan struct{} // closed when the route gets the traffic back
	cutting bool          // too late for that; guarded by Server.mu

	done    chan struct{}
	cut     int
	took    time.Duration
	revived bool
}

// setLive sends new requests to b, and begins to drain what had them before.
// A backend that still drains gets its traffic back as it is. The zero Backend
// is none.
func (s *Server) setLive(b Backend, limit time.Duration) []*drain {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b == (Backend{}) {
		return s.beginDrain(s.live.Swap(nil), limit)
	}
	rt := s.revive(b)
	if rt == nil {
		rt = s.newRoute(b)
	}
	rt.account.restart()
	rt.since = time.Now()
	return s.beginDrain(s.live.Swap(rt), limit)
}

// revive takes a route to b back from its drain; s.mu is held.
func (s *Server) revive(b Backend) *route {
	i := slices.IndexFunc(s.draining, func(d *drain) bool { return d.route.Backend == b && !d.cutting })
	if i < 0 {
		return nil
	}
	d := s.draining[i]
	s.draining = slices.Delete(s.draining, i, i+1)
	close(d.back)
	return d.route
}

// beginDrain waits in the background until nothing is in flight on rt, and
// cuts what still is after limit; s.mu is held.
func (s *Server) beginDrain(rt *route, limit time.Duration) []*drain {
	if rt == nil {
		return nil
	}
	d := &drain{route: rt, until: time.Now().Add(max(limit, 0)), back: make(chan struct{}), done: make(chan struct{})}
	s.draining = append(s.draining, d)
	s.background.Go(func() { s.runDrain(d) })
	return []*drain{d}
}

func (s *Server) runDrain(d *drain) {
	defer close(d.done)
	start := time.Now()
	idle := s.awaitIdle(d)
	d.took = time.Since(start)
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.draining, d)
	if i < 0 {
		d.revived = true
		return
	}
	s.draining = slices.Delete(s.draining, i, i+1)
	d.cut = int(d.route.nCut.Load())
	if !idle {
		d.cut += int(d.route.inFlight.Load())
	}
	d.route.end()
	d.route.transport.CloseIdleConnections()
	s.log.Info("drained", "backend", d.route.Name, "took", d.took, "cut", d.cut)
}

// awaitIdle returns when nothing is in flight on the route, it got the
// traffic back, or its time and the grace after it are over. It says whether
// nothing is in flight.
func (s *Server) awaitIdle(d *drain) bool {
	timer := time.NewTimer(time.Until(d.until))
	defer timer.Stop()
	cutNow := s.cutNow
	for d.route.inFlight.Load() > 0 {
		select {
		case <-d.route.idle:
			continue
		case <-d.back:
			return false
		case <-timer.C:
		case <-cutNow:
		}
		cutNow = nil
		s.mu.Lock()
		grace := d.cutting
		d.cutting = true
		revived := !slices.Contains(s.draining, d)
		s.mu.Unlock()
		if grace || revived {
			return false
		}
		d.route.end()
		timer.Reset(cutGrace)
	}
	return true
}

// drains lists what is draining now.
func (s *Server) drains() []*drain {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.draining)
}

func (s *Server) liveBackend() Backend {
	if rt := s.live.Load(); rt != nil {
		return rt.Backend
	}
	return Backend{}
}

func (s *Server) liveSince() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if rt := s.live.Load(); rt != nil {
		return rt.since
	}
	return time.Time{}
}
