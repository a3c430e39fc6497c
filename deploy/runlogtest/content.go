package runlogtest

import (
	"context"
	"errors"
	"fmt"

	"github.com/masaruk/devops/deploy"
)

func emptyStream(ctx context.Context, l *log) error {
	for _, from := range []int{1, 2, 1000} {
		if err := l.expectFrom(ctx, l.stream("never"), from); err != nil {
			return fmt.Errorf("stream that was never appended to: %w", err)
		}
	}
	return nil
}

func order(ctx context.Context, l *log) error {
	stream := l.stream("a")
	var want [][]byte
	for n := 1; n <= 25; n++ {
		rec := record(n)
		if err := l.append(ctx, stream, n-1, rec); err != nil {
			return err
		}
		want = append(want, rec)
		if err := l.expectFrom(ctx, stream, n, rec); err != nil {
			return fmt.Errorf("read what was just appended: %w", err)
		}
	}
	for from := 1; from <= 26; from++ {
		if err := l.expectFrom(ctx, stream, from, want[from-1:]...); err != nil {
			return err
		}
	}
	return l.expectFrom(ctx, stream, 100)
}

func exactBytes(ctx context.Context, l *log) error {
	recs := [][]byte{
		[]byte(`{}`), []byte(`null`), []byte(`0`),
		[]byte(`{"a":1,"b":[true,false,null],"a":2}`),
		[]byte(`  { "spaces" :	1 }  `),
		[]byte(`"é \u00e9 漢 \u2028 \n \r <>& \ud83d\ude00"`),
		[]byte("\"\u2028\u2029\u0085\x7f\""),
		[]byte("{\"carriage\":1}\r"),
		[]byte(`1e400`),
	}
	if err := l.append(ctx, l.stream("a"), 0, recs...); err != nil {
		return err
	}
	return l.expect(ctx, l.stream("a"), recs...)
}

func sizes(ctx context.Context, l *log) error {
	var recs [][]byte
	for _, n := range []int{2, 511, 512, 4095, 4096, 4097, 65535, 65536, 65537, deploy.MaxRecord - 1, deploy.MaxRecord, 3} {
		recs = append(recs, sized(n))
	}
	if err := l.append(ctx, l.stream("a"), 0, recs...); err != nil {
		return err
	}
	return errors.Join(l.expect(ctx, l.stream("a"), recs...), l.expectFrom(ctx, l.stream("a"), len(recs), recs[len(recs)-1]))
}

func streams(ctx context.Context, l *log) error {
	names := []string{"a", "a/b", "a/b/c", "a.b", "a-b", "a_b", "a/b.c", "a.jsonl", "a.jsonl/b", "a.lock", "0", "..a", "a..", "-"}
	for i, name := range names {
		if err := l.append(ctx, l.stream(name), 0, record(i)); err != nil {
			return fmt.Errorf("stream %q: %w", name, err)
		}
	}
	for i, name := range names {
		if err := l.append(ctx, l.stream(name), 1, record(-i)); err != nil {
			return fmt.Errorf("stream %q: %w", name, err)
		}
	}
	for i, name := range names {
		if err := l.expect(ctx, l.stream(name), record(i), record(-i)); err != nil {
			return fmt.Errorf("stream %q: %w", name, err)
		}
	}
	return l.expect(ctx, l.stream("b"))
}

func ownership(ctx context.Context, l *log) error {
	stream, rec := l.stream("a"), record(1)
	if err := l.append(ctx, stream, 0, rec); err != nil {
		return err
	}
	clear(rec) // the caller may use it again
	if err := l.expect(ctx, stream, record(1)); err != nil {
		return fmt.Errorf("after the caller changed the record it had appended: %w", err)
	}
	if err := l.append(ctx, stream, 1, record(2), record(3)); err != nil {
		return err
	}
	got, err := l.read(ctx, stream, 1)
	if err != nil {
		return err
	}
	if len(got) != 3 {
		return fmt.Errorf("read yields %d records, want 3", len(got))
	}
	for i := range got {
		if string(got[i]) != string(record(i+1)) {
			return fmt.Errorf("a record that the caller kept became %s", short(got[i]))
		}
		_ = append(got[i], "beyond"...)
		clear(got[i])
	}
	if err := l.expect(ctx, stream, record(1), record(2), record(3)); err != nil {
		return fmt.Errorf("after the caller changed the records it had read: %w", err)
	}
	return nil
}

func stopEarly(ctx context.Context, l *log) error {
	stream := l.stream("a")
	if err := l.append(ctx, stream, 0, record(1), record(2), record(3)); err != nil {
		return err
	}
	for rec, err := range l.Read(ctx, stream, 1) {
		if err != nil || string(rec) != string(record(1)) {
			return fmt.Errorf("first record is %s, error %v", short(rec), err)
		}
		break
	}
	// The reader has gone, so it holds up nobody.
	if err := l.append(ctx, stream, 3, record(4)); err != nil {
		return fmt.Errorf("after a reader stopped early: %w", err)
	}
	for _, err := range l.Read(ctx, stream, 1) {
		if err != nil {
			return err
		}
		if err := l.append(ctx, stream, 4, record(5)); err != nil {
			return fmt.Errorf("while a reader is in the middle: %w", err)
		}
		break
	}
	return l.expectFrom(ctx, stream, 4, record(4), record(5))
}
