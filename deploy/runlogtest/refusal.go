package runlogtest

import (
	"context"
	"errors"
	"fmt"
	"math"
)

func conflict(ctx context.Context, l *log) error {
	stream := l.stream("a")
	for _, seq := range []uint64{0, 2, math.MaxUint64} {
		if err := wantConflict(fmt.Sprintf("record %d of an empty stream", seq), l.Append(ctx, stream, seq, record(9))); err != nil {
			return err
		}
	}
	if err := l.expect(ctx, stream); err != nil {
		return fmt.Errorf("after refused records: %w", err)
	}
	if err := l.append(ctx, stream, 0, record(1), record(2), record(3)); err != nil {
		return err
	}
	for _, seq := range []uint64{0, 1, 3, 5, math.MaxUint64} {
		if err := wantConflict(fmt.Sprintf("record %d of a stream that holds 3", seq), l.Append(ctx, stream, seq, record(9))); err != nil {
			return err
		}
		if err := wantConflict("the same record again", l.Append(ctx, stream, 3, record(3))); err != nil {
			return err
		}
	}
	if err := l.expect(ctx, stream, record(1), record(2), record(3)); err != nil {
		return fmt.Errorf("after refused records: %w", err)
	}
	return l.append(ctx, stream, 3, record(4))
}

func endedContext(ctx context.Context, l *log) error {
	stream, cause := l.stream("a"), errors.New("runlogtest ended the context")
	if err := l.append(ctx, stream, 0, record(1)); err != nil {
		return err
	}
	ended, cancel := context.WithCancelCause(ctx)
	cancel(cause)
	for _, s := range []string{stream, l.stream("never")} {
		err := l.Append(ended, s, 2, record(2))
		if s != stream {
			err = l.Append(ended, s, 1, record(1))
		}
		if !errors.Is(err, cause) {
			return fmt.Errorf("append with a context that has ended returns %v, which does not wrap its cause", err)
		}
	}
	if _, err := l.read(ended, stream, 1); !errors.Is(err, cause) {
		return fmt.Errorf("read with a context that has ended yields error %v, which does not wrap its cause", err)
	}
	if err := errors.Join(l.expect(ctx, stream, record(1)), l.expect(ctx, l.stream("never"))); err != nil {
		return fmt.Errorf("after an append with a context that has ended: %w", err)
	}
	return l.append(ctx, stream, 1, record(2))
}

func names(ctx context.Context, l *log) error {
	bad := []string{
		"", "/", ".", "..", "/a", "a/", "a//b", "a/./b", "a/../b", "../a", "a/..",
		"A", "a b", "a\\b", "a:b", "a*", "a%2fb", "~", "é", "a\nb", "a\x00b", "a\xffb", "a,b", "a+b",
	}
	for _, name := range bad {
		full := name
		if name != "" && name[0] != '/' && name[0] != '.' {
			full = l.stream(name)
		}
		if err := l.Append(ctx, full, 1, record(1)); err == nil {
			return fmt.Errorf("append to stream %q was accepted", full)
		}
		if _, err := l.read(ctx, full, 1); err == nil {
			return fmt.Errorf("read of stream %q was accepted", full)
		}
	}
	return nil
}
