package slogsink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/masaruk/devops/monitor"
)

// message is the same for each record, so that logs can be searched by it.
const message = "monitor transition"

// Options adjusts [New]. The zero value has the defaults below.
type Options struct {
	// Level gives the level of a transition; nil means those of the package
	// comment.
	Level func(monitor.Transition) slog.Level
}

// Sink is a [monitor.Sink] that logs. Make one with [New].
type Sink struct {
	handler slog.Handler
	level   func(monitor.Transition) slog.Level
}

var _ monitor.Sink = (*Sink)(nil)

// New is a sink that writes to the handler of logger. It fails if there is none.
func New(logger *slog.Logger, opts *Options) (*Sink, error) {
	if logger == nil {
		return nil, errors.New("slogsink: the logger is nil; give one, slog.Default() for example")
	}
	s := &Sink{handler: logger.Handler(), level: defaultLevel}
	if opts != nil && opts.Level != nil {
		s.level = opts.Level
	}
	return s, nil
}

// Send writes a record for each transition whose level is enabled. The error is
// that of the first record which could not be written, or the cause of the end
// of ctx; records before it were written.
func (s *Sink) Send(ctx context.Context, ts []monitor.Transition) error {
	for _, t := range ts {
		if ctx.Err() != nil {
			return fmt.Errorf("slogsink: %w", context.Cause(ctx))
		}
		level := s.level(t)
		if !s.handler.Enabled(ctx, level) {
			continue
		}
		r := slog.NewRecord(t.Time, level, message, 0)
		r.AddAttrs(attributes(t)...)
		if err := s.handler.Handle(ctx, r); err != nil {
			return fmt.Errorf("slogsink: write the record of transition %d: %w", t.Seq, err)
		}
	}
	return nil
}

func defaultLevel(t monitor.Transition) slog.Level {
	switch t.Kind {
	case monitor.AlertOpened:
		return slog.LevelError
	case monitor.AlertWithheld, monitor.StuckStarted, monitor.StaleStarted, monitor.FlappingStarted:
		return slog.LevelWarn
	case monitor.RunFinished:
		return slog.LevelDebug
	case monitor.StatusChanged:
		if t.To >= monitor.Warn {
			return slog.LevelWarn
		}
	}
	return slog.LevelInfo
}
