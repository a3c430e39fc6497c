package switchover

import (
	"maps"
	"sync"
	"time"
)

// Tally counts answers. Each request is counted once, when its answer has
// ended, as a request or as aborted.
type Tally struct {
	// Requests is the number of answers that ended, good or failed.
	Requests uint64 `json:"requests"`
	// Failed is how many of Requests failed: the backend answered a status of
	// 500 or above, could not be reached, broke off its answer, or was cut at
	// the end of a drain.
	Failed uint64 `json:"failed"`
	// Aborted is the number of requests whose client went away, or broke its
	// own request, before the answer ended. They are not in Requests.
	Aborted uint64 `json:"aborted"`
	// FirstAnswer, LastAnswer and FirstFailure are when the first answer, the
	// last one and the first failed one ended, since the backend was last
	// swapped in. Zero means there was none.
	FirstAnswer  time.Time `json:"first_answer,omitzero"`
	LastAnswer   time.Time `json:"last_answer,omitzero"`
	FirstFailure time.Time `json:"first_failure,omitzero"`
}

// Counts is what was counted for one backend name.
type Counts struct {
	// Tally counts the traffic: every request but those of probes.
	Tally
	// Probes counts the requests that carried [ProbeHeader]; they are in no
	// other count.
	Probes Tally `json:"probes"`
}

// outcome is how one exchange ended.
type outcome int

const (
	answered outcome = iota
	failed
	aborted
)

func (t *Tally) count(o outcome, now time.Time) {
	if o == aborted {
		t.Aborted++
		return
	}
	t.Requests++
	if t.FirstAnswer.IsZero() {
		t.FirstAnswer = now
	}
	t.LastAnswer = now
	if o == failed {
		t.Failed++
		if t.FirstFailure.IsZero() {
			t.FirstFailure = now
		}
	}
}

func (t *Tally) add(u Tally) {
	t.Requests += u.Requests
	t.Failed += u.Failed
	t.Aborted += u.Aborted
	t.FirstAnswer = earlier(t.FirstAnswer, u.FirstAnswer)
	t.FirstFailure = earlier(t.FirstFailure, u.FirstFailure)
	if u.LastAnswer.After(t.LastAnswer) {
		t.LastAnswer = u.LastAnswer
	}
}

func (t *Tally) restart() {
	t.FirstAnswer, t.LastAnswer, t.FirstFailure = time.Time{}, time.Time{}, time.Time{}
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// account holds the counts of one name.
type account struct {
	mu     sync.Mutex
	counts Counts
}

func (a *account) count(probe bool, o outcome) {
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if probe {
		a.counts.Probes.count(o, now)
	} else {
		a.counts.Tally.count(o, now)
	}
}

func (a *account) read() Counts {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.counts
}

// restart forgets the times, not the numbers: a backend is swapped in.
func (a *account) restart() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.counts.Tally.restart()
	a.counts.Probes.restart()
}

// ledger holds an account for each backend name; "" is for requests that
// found no backend.
type ledger struct {
	mu       sync.Mutex
	accounts map[string]*account
}

func (l *ledger) account(name string) *account {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.accounts[name]
	if a == nil {
		a = &account{}
		if l.accounts == nil {
			l.accounts = map[string]*account{}
		}
		l.accounts[name] = a
	}
	return a
}

func (l *ledger) read() map[string]Counts {
	l.mu.Lock()
	accounts := maps.Clone(l.accounts)
	l.mu.Unlock()
	out := make(map[string]Counts, len(accounts))
	for name, a := range accounts {
		out[name] = a.read()
	}
	return out
}

func (l *ledger) add(counts map[string]Counts) {
	for name, c := range counts {
		a := l.account(name)
		a.mu.Lock()
		a.counts.Tally.add(c.Tally)
		a.counts.Probes.add(c.Probes)
		a.mu.Unlock()
	}
}

func addCounts(to, from map[string]Counts) {
	for name, c := range from {
		sum := to[name]
		sum.Tally.add(c.Tally)
		sum.Probes.add(c.Probes)
		to[name] = sum
	}
}
