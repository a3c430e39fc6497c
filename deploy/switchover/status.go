package switchover

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// Status is what a switchover is doing.
type Status struct {
	// PID is the process that serves.
	PID int `json:"pid"`
	// Addr is the public address, as host:port.
	Addr string `json:"addr"`
	// Since is when counting began: the start of the first process of a chain
	// of handovers.
	Since time.Time `json:"since"`
	// Live is the backend that gets every new request; zero while there is
	// none.
	Live Backend `json:"live"`
	// LiveSince is when it got the traffic.
	LiveSince time.Time `json:"live_since,omitzero"`
	// InFlight is the number of requests whose answers have not ended. Where
	// it is 0, Counts holds every request answered before the call.
	InFlight int `json:"in_flight"`
	// Connections is the number of open client connections.
	Connections int `json:"connections"`
	// Draining lists the backends that still answer what they were sent
	// before a swap, by name.
	Draining []Draining `json:"draining,omitempty"`
	// Counts is kept by backend name; "" counts the requests that found no
	// backend.
	Counts map[string]Counts `json:"counts"`
	// Handing is the process that handed its listener to this one and still
	// answers on connections it had accepted; 0 where there is none. Its
	// counts are in Counts.
	Handing int `json:"handing,omitempty"`
}

// Draining is a backend that gets no new requests and still answers old ones.
type Draining struct {
	Backend
	// InFlight is how many.
	InFlight int `json:"in_flight"`
	// Until is when they will be cut.
	Until time.Time `json:"until"`
}

// status reports on the server, and on the process it took over from while
// that one still answers.
func (s *Server) status(ctx context.Context) Status {
	s.predecessorMu.Lock()
	defer s.predecessorMu.Unlock()
	st := s.ownStatus()
	if p := s.predecessor; p != nil {
		p.refresh(ctx)
		st.Handing = p.last.PID
		st.InFlight += p.last.InFlight
		st.Connections += p.last.Connections
		st.Draining = mergeDraining(st.Draining, p.last.Draining)
		addCounts(st.Counts, p.last.Counts)
	}
	return st
}

func (s *Server) ownStatus() Status {
	s.mu.Lock()
	st := Status{PID: s.pid, Addr: s.addr, Since: s.since}
	if rt := s.live.Load(); rt != nil {
		st.Live, st.LiveSince = rt.Backend, rt.since
		st.InFlight = int(rt.inFlight.Load())
	}
	for _, d := range s.draining {
		n := int(d.route.inFlight.Load())
		st.InFlight += n
		st.Draining = append(st.Draining, Draining{Backend: d.route.Backend, InFlight: n, Until: d.until})
	}
	s.mu.Unlock()
	st.Connections = int(s.connections.Load())
	sortDraining(st.Draining)
	// Read last: what was not in flight above is counted by now.
	st.Counts = s.ledger.read()
	return st
}

func mergeDraining(a, b []Draining) []Draining {
	for _, d := range b {
		i := slices.IndexFunc(a, func(e Draining) bool { return e.Backend == d.Backend })
		if i < 0 {
			a = append(a, d)
			continue
		}
		a[i].InFlight += d.InFlight
		if d.Until.After(a[i].Until) {
			a[i].Until = d.Until
		}
	}
	sortDraining(a)
	return a
}

func sortDraining(d []Draining) {
	slices.SortStableFunc(d, func(a, b Draining) int { return cmp.Compare(a.Name, b.Name) })
}
