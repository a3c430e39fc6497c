package secrets

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
)

// HandlerOptions are the options of [NewHandler]. The zero value hides what
// the default keys name.
type HandlerOptions struct {
	// Keys are the paths of the attributes to hide; nil means [DefaultKeys],
	// and &Keys{} none. A path begins at the groups that the logger was given
	// by WithGroup.
	Keys *Keys
	// Redactor replaces what it knows in messages, texts and errors; nil
	// knows nothing. Values may be added to it later.
	Redactor *Redactor
}

// NewHandler returns a handler that hides secrets in what it passes on to
// next, of any kind. It never changes what the caller logged, and passes on a
// record with nothing to hide as it is, without an allocation (but for
// LogValuers, and maps of unusual types).
//
// An attribute that a key path leads to becomes the [Placeholder], whatever
// it is. In all others strings, errors and byte slices pass the Redactor, and
// so does the message. What slog.Any gives to the log is judged as it will be
// printed: by the names of JSON, as package encoding/json finds them in
// structs and maps; and for a handler that prints text by the names of the Go
// fields as well. Where there is something to hide, or where methods make the
// text (json.Marshaler, encoding.TextMarshaler, fmt.Stringer), next gets a
// stand-in that prints itself, masked, with package fmt and as JSON; it reads
// the value when next prints it. A [slog.JSONHandler] gets a copy of a struct
// instead where nothing but fields of text are to be hidden, by their names.
// Errors become errors with the masked text. A LogValuer is resolved at the top
// and in groups, as everywhere in log/slog, and not in other values. Panics in
// methods of a value end in the record as log/slog prints them, masked.
//
// Not looked at: names of attributes, and numbers with the Redactor. For these
// the finished line can pass a Redactor too ([Redactor.Writer]). A handler
// that prints unexported fields or what pointers in a value lead to, such as a
// dumper, finds the original in no stand-in.
//
// NewHandler refuses a nil next. The handler is safe for concurrent use, as
// far as next is.
func NewHandler(next slog.Handler, opts *HandlerOptions) (slog.Handler, error) {
	if next == nil {
		return nil, errors.New("secrets: NewHandler needs the handler that prints, such as slog.NewJSONHandler(os.Stderr, nil); got nil")
	}
	if opts == nil {
		opts = &HandlerOptions{}
	}
	keys := opts.Keys
	if keys == nil {
		var err error
		if keys, err = NewKeys(DefaultKeys()...); err != nil {
			return nil, fmt.Errorf("secrets: the default keys: %w", err)
		}
	}
	_, isJSON := next.(*slog.JSONHandler)
	return &handler{next: next, mask: newMask(keys, opts.Redactor, isJSON)}, nil
}

type handler struct {
	next   slog.Handler
	mask   *mask
	path   []element // of the open groups
	hidden bool      // an open group is secret as a whole
}

// Enabled asks the next handler.
func (h *handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// Handle passes on rec, or a masked copy of it.
func (h *handler) Handle(ctx context.Context, rec slog.Record) error {
	c := copier{mask: h.mask, engine: h.mask.redactor.engine(), hidden: h.hidden}
	at := h.mask.trail(h.path)
	message, changed := c.engine.string(rec.Message)
	attrs, n := c.room(rec.NumAttrs()), 0
	rec.Attrs(func(a slog.Attr) bool {
		v, dirty := c.attr(at, a.Key, a.Value)
		to := &attrs[n]
		to.Key, to.Value = a.Key, v // an Attr as a whole takes twice the time
		changed = changed || dirty
		n++
		return true
	})
	h.mask.leave(at)
	if !changed {
		c.end()
		return h.next.Handle(ctx, rec)
	}
	out := slog.NewRecord(rec.Time, rec.Level, message, rec.PC)
	c.add(&out, attrs)
	err := h.next.Handle(ctx, out)
	c.end()
	return err
}

// WithAttrs masks attrs at once.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := copier{mask: h.mask, engine: h.mask.redactor.engine(), hidden: h.hidden}
	at := h.mask.trail(h.path)
	out := slices.Clone(attrs)
	for i := range out {
		out[i].Value, _ = c.attr(at, out[i].Key, out[i].Value)
	}
	h.mask.leave(at)
	with := *h
	with.next = h.next.WithAttrs(out)
	c.end()
	return &with
}

// WithGroup opens a group in the next handler and in the paths.
func (h *handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	with := *h
	with.next = h.next.WithGroup(name)
	with.path = append(h.path[:len(h.path):len(h.path)], key(name))
	with.hidden = h.hidden || h.mask.keys.hit(with.path)
	return &with
}
