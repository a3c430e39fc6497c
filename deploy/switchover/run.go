package switchover

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

// place is what a serving switchover holds on its machine.
type place struct {
	public  net.Listener
	control *net.UnixListener
	lock    *os.File
	owned   bool // the socket file is ours to remove
}

// Run serves until ctx ends, [Client.Stop] is called, or another process has
// taken over; it lets requests in flight end, and returns nil. An error from
// before it served says what kept it from serving, and nothing was changed
// then; a later one, why it could not go on or tidy up.
func (s *Server) Run(ctx context.Context) error {
	if !s.started.CompareAndSwap(false, true) {
		return &Error{Op: "run", Subject: s.socket, Err: errors.New("Run was called before")}
	}
	taken, err := s.open(ctx)
	if err != nil {
		s.stop()
		return err
	}
	release := context.AfterFunc(ctx, s.stop)
	defer release()
	failed := make(chan error, 2)
	serve := func(srv *http.Server, l net.Listener) {
		if err := srv.Serve(l); !s.retired.Load() && s.stopped.Err() == nil {
			failed <- &Error{Op: "run", Subject: l.Addr().String(), Err: err}
		}
	}
	go serve(s.public, s.place.public)
	if taken != nil {
		// Until the old process has let go, a control call here could act on
		// half of the traffic only.
		s.swapping.Lock()
	}
	go serve(s.control, s.place.control)
	if taken != nil {
		err := errors.Join(taken.finish(), noteHolder(s.place.lock))
		s.swapping.Unlock()
		s.log.Info("took over", "from_pid", taken.status.PID, "addr", s.addr, "error", err)
		s.background.Go(s.collect)
	}
	s.log.Info("serving", "addr", s.addr, "socket", s.socket, "live", s.liveBackend().Name)
	if s.opts.Ready != nil {
		s.opts.Ready(s.status(ctx))
	}
	select {
	case <-s.stopped.Done():
	case <-s.handed:
	case err = <-failed:
	}
	limit := time.Now().Add(max(s.opts.Drain, 0))
	if s.retired.Load() {
		s.lingerAfterHandover(limit)
	}
	return errors.Join(err, s.close(limit))
}

// open takes the place: everything that can be refused is refused here.
func (s *Server) open(ctx context.Context) (*takeover, error) {
	fail := func(subject string, err error) (*takeover, error) {
		var e *Error
		if errors.As(err, &e) {
			return nil, err
		}
		return nil, &Error{Op: "run", Subject: subject, Err: err}
	}
	if err := privateFolder(s.socket); err != nil {
		return fail(s.socket, err)
	}
	lock, err := lockPlace(s.socket + ".lock")
	if errors.Is(err, errLocked) {
		if s.opts.TakeOver {
			t, err := s.takeOver(ctx)
			if err != nil {
				return fail(s.socket, err)
			}
			return t, nil
		}
		return nil, s.whoServes(ctx)
	}
	if err != nil {
		return fail(s.socket+".lock", err)
	}
	st, err := readState(s.opts.State)
	if err != nil {
		return fail(s.opts.State, errors.Join(err, lock.Close()))
	}
	s.place.lock = lock
	if err := s.listen(ctx, st); err != nil {
		return nil, errors.Join(err, s.release())
	}
	return nil, nil
}

// listen opens the public address and the socket, and restores the route.
func (s *Server) listen(ctx context.Context, st state) (err error) {
	s.since = time.Now()
	s.place.public, err = listenPublic(ctx, s.opts.Listen, st.Addr)
	if err != nil {
		return &Error{Op: "run", Subject: s.opts.Listen, Err: fmt.Errorf("public address cannot be used: %w", err)}
	}
	s.addr = s.place.public.Addr().String()
	if err := s.persist(st.Live); err != nil {
		return &Error{Op: "run", Subject: s.opts.State, Err: err}
	}
	s.place.control, err = listenControl(s.socket)
	if err != nil {
		return &Error{Op: "run", Subject: s.socket, Err: err}
	}
	s.place.owned = true
	if st.Live != (Backend{}) {
		s.setLive(st.Live, 0)
	}
	return nil
}

// listenPublic opens the address. A port that was left to us stays what it
// was, so that clients find the service again, unless somebody else has it.
func listenPublic(ctx context.Context, addr, before string) (net.Listener, error) {
	var lc net.ListenConfig
	host, port, _ := net.SplitHostPort(addr)
	oldHost, _, err := net.SplitHostPort(before)
	if port == "0" && err == nil && oldHost == host {
		if l, err := lc.Listen(ctx, "tcp", before); err == nil {
			return l, nil
		}
	}
	return lc.Listen(ctx, "tcp", addr)
}

// whoServes says who holds the place.
func (s *Server) whoServes(ctx context.Context) error {
	e := &Error{Op: "run", Subject: s.socket, PID: lockHolder(s.socket + ".lock")}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	st, err := s.askSocket(ctx)
	if err != nil {
		e.Err = because(ErrServing, "pid %d holds %s.lock but does not answer: %v", e.PID, s.socket, err)
		return e
	}
	e.PID = st.PID
	e.Err = because(ErrServing, "pid %d, on %s: drive it with NewClient, or replace it with Options.TakeOver", st.PID, st.Addr)
	return e
}

func (s *Server) askSocket(ctx context.Context) (Status, error) {
	c, err := NewClient(s.socket)
	if err != nil {
		return Status{}, err
	}
	return c.Status(ctx)
}

// close ends the public side, then the control side, then leaves the place.
func (s *Server) close(limit time.Time) error {
	s.closing.Store(true)
	s.stop()
	ctx, cancel := context.WithDeadline(context.Background(), limit)
	defer cancel()
	s.closePublic(ctx)
	close(s.drained)
	if s.retired.Load() {
		s.awaitCollection()
	}
	err := s.release()
	close(s.left)
	grace, done := context.WithTimeout(context.Background(), cutGrace)
	defer done()
	if s.control.Shutdown(grace) != nil {
		_ = s.control.Close()
	}
	s.background.Wait()
	if s.retired.Load() {
		err = errors.Join(err, os.Remove(s.privateSocket()))
	}
	return err
}

// closePublic lets requests in flight end until ctx does, and cuts the rest.
func (s *Server) closePublic(ctx context.Context) {
	release := context.AfterFunc(ctx, func() { close(s.cutNow) })
	defer release()
	_ = s.public.Shutdown(ctx) // what it leaves open is cut below
	s.mu.Lock()
	deadline, _ := ctx.Deadline()
	s.beginDrain(s.live.Swap(nil), time.Until(deadline))
	s.mu.Unlock()
	for _, d := range s.drains() {
		<-d.done
	}
	grace, cancel := context.WithTimeout(context.Background(), cutGrace)
	defer cancel()
	if s.public.Shutdown(grace) != nil {
		_ = s.public.Close()
	}
}

// release leaves the place, as far as it was taken.
func (s *Server) release() error {
	s.swapping.Lock() // a handover may be giving it away
	defer s.swapping.Unlock()
	var errs []error
	if s.place.public != nil {
		errs = append(errs, closeOnce(s.place.public))
	}
	if s.place.control != nil {
		errs = append(errs, closeOnce(s.place.control))
	}
	if s.place.owned {
		errs = append(errs, os.Remove(s.socket))
	}
	if s.place.lock != nil {
		errs = append(errs, s.place.lock.Close())
	}
	return errors.Join(errs...)
}

func closeOnce(l net.Listener) error {
	if err := l.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
