package sourcetest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"strings"
	"sync"
)

func present(ctx context.Context, s *source) error {
	for range 2 {
		for _, name := range s.names {
			if err := s.find(ctx, name); err != nil {
				return err
			}
		}
	}
	return nil
}

func absent(ctx context.Context, s *source) error {
	names := []string{unknown()}
	for _, name := range s.names {
		names = append(names, name+"-"+unknown(), unknown()+"-"+name)
	}
	for _, name := range names {
		if err := s.miss(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

func emptyName(ctx context.Context, s *source) error {
	err := s.fail(ctx, "")
	if err.refusal != nil {
		return err.refusal
	}
	if errors.Is(err.got, fs.ErrNotExist) {
		return fmt.Errorf("the empty name is answered as if it were that of a missing secret: %s", s.hide(err.got))
	}
	return nil
}

// changed are names that a source which cleans them would take for name.
func changed(name string) []string {
	return []string{" " + name, name + "\n", name + "\x00", "/" + name, name + "/", "./" + name, "../" + name, name + "/../" + name}
}

func exactNames(ctx context.Context, s *source) error {
	for _, name := range s.names {
		for _, other := range changed(name) {
			if _, ok := s.known[other]; ok {
				continue
			}
			if err := s.fail(ctx, other).refusal; err != nil {
				return fmt.Errorf("the name is not exactly that of %q: %w", name, err)
			}
		}
	}
	return nil
}

var errEnded = errors.New("the kit ended the context")

func ended(ctx context.Context) context.Context {
	ctx, end := context.WithCancelCause(ctx)
	end(errEnded)
	return ctx
}

func endedContext(ctx context.Context, s *source) error {
	for _, name := range append([]string{unknown()}, s.names...) {
		err := s.fail(ended(ctx), name)
		switch {
		case err.refusal != nil:
			return fmt.Errorf("the context has ended: %w", err.refusal)
		case !errors.Is(err.got, errEnded):
			return fmt.Errorf("secret %q: the context has ended and the error does not wrap its cause: %s", name, s.hide(err.got))
		case errors.Is(err.got, fs.ErrNotExist):
			return fmt.Errorf("secret %q: the context has ended and the error is that of a missing secret: %s", name, s.hide(err.got))
		}
	}
	if err := present(ctx, s); err != nil {
		return fmt.Errorf("after calls whose context had ended: %w", err)
	}
	return nil
}

// concurrent lets goroutines ask for different secrets at the same time, some
// of them in vain.
func concurrent(ctx context.Context, s *source) error {
	const goroutines = 8
	errs := make([]error, goroutines)
	var all sync.WaitGroup
	start := make(chan struct{})
	for g := range goroutines {
		all.Go(func() {
			<-start
			for i := range s.names {
				if errs[g] = s.find(ctx, s.names[(g+i)%len(s.names)]); errs[g] != nil {
					return
				}
				if errs[g] = s.miss(ctx, unknown()); errs[g] != nil {
					return
				}
				_ = s.fail(ended(ctx), s.names[i]) // what it gets is another check's business
			}
		})
	}
	close(start)
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%d goroutines at a time: %w", goroutines, err)
	}
	return nil
}

// leavingCallers lets callers leave while others ask for the same secret. A
// source that shares what it asks for among callers has to notice who leaves.
func leavingCallers(ctx context.Context, s *source) error {
	const rounds = 16
	for range rounds {
		for _, name := range s.names {
			if err := leaveOne(ctx, s, name); err != nil {
				return err
			}
		}
	}
	return nil
}

func leaveOne(ctx context.Context, s *source, name string) error {
	const leavers = 4
	leaving, leave := context.WithCancelCause(ctx)
	defer leave(nil)
	errs := make([]error, leavers+1)
	var begun, all sync.WaitGroup
	begun.Add(leavers)
	for i := range leavers {
		all.Go(func() {
			begun.Done()
			v, err := s.Lookup(leaving, name)
			if err == nil && !v.Equal(s.known[name]) {
				errs[i] = fmt.Errorf("known secret %q: another value came to a caller who left", name)
			}
			if err != nil && !errors.Is(err, errEnded) {
				errs[i] = fmt.Errorf("known secret %q: a caller left and the error does not wrap why: %s", name, s.hide(err))
			}
		})
	}
	begun.Wait()
	runtime.Gosched() // so that one of them is the first, mostly
	begun.Add(1)
	all.Go(func() {
		begun.Done()
		if err := s.find(ctx, name); err != nil {
			errs[leavers] = fmt.Errorf("others left: %w", err)
		}
	})
	begun.Wait()
	runtime.Gosched()
	leave(errEnded)
	all.Wait()
	return errors.Join(errs...)
}

func errorsHideValues(ctx context.Context, s *source) error {
	names := []string{"", unknown(), "-" + unknown(), strings.Repeat("x", 1<<10)}
	for _, name := range s.names {
		names = append(names, changed(name)...)
		names = append(names, name+"-"+unknown(), name+"/"+unknown())
	}
	for _, name := range names {
		if _, err := s.Lookup(ctx, name); err != nil {
			if shown := s.leak(err); shown != "" {
				return fmt.Errorf("secret %q: %s", name, shown)
			}
		}
	}
	for _, name := range s.names {
		if _, err := s.Lookup(ended(ctx), name); err != nil {
			if shown := s.leak(err); shown != "" {
				return fmt.Errorf("secret %q, the context has ended: %s", name, shown)
			}
		}
	}
	return nil
}

// leak tells where err or an error that it wraps shows a known value, or
// returns "".
func (s *source) leak(err error) string {
	for _, format := range []string{"%v", "%+v", "%#v", "%q"} {
		if of := s.shows(fmt.Sprintf(format, err)); of != "" {
			return fmt.Sprintf("the error, a %T, shows the value of %q when printed by %s", err, of, format)
		}
	}
	var below []error
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		below = []error{e.Unwrap()}
	case interface{ Unwrap() []error }:
		below = e.Unwrap()
	}
	for _, e := range below {
		if e == nil {
			continue
		}
		if shown := s.leak(e); shown != "" {
			return shown
		}
	}
	return ""
}
