package approval

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/masaruk/devops/deploy"
)

// Ask shows a person at a terminal the request of a run and records what they
// answer. It is for the request that is open at the step named; an empty step
// is the only one there is. To approve, they type the name of the environment;
// anything else records nothing, and the error wraps [ErrNotConfirmed].
//
// By is who sits there, which the program knows and does not ask. Other errors
// are those of [Desk.Vote], [io.ErrUnexpectedEOF] where in ends before the
// answer, and the cause of ctx, which is looked at between lines, since reading
// cannot be interrupted.
func (d *Desk) Ask(ctx context.Context, ref deploy.Ref, step string, by Identity, in io.Reader, out io.Writer) (*Status, error) {
	about := Subject{Service: ref.Service, Environment: ref.Environment, Run: ref.Run, Step: step}
	s, err := d.only(ctx, ref, step)
	if err != nil {
		return nil, about.wrap("ask", err)
	}
	t := &terminal{ctx: ctx, in: bufio.NewReader(io.LimitReader(in, 1<<16)), out: out}
	b, err := t.ballot(s, by)
	if err != nil {
		return nil, s.Request.wrap("ask", err)
	}
	s, err = d.vote(ctx, s.Request, b, "terminal")
	if err != nil {
		return nil, err
	}
	t.printf("Recorded. The request is %s.\n", s.State)
	return s, nil
}

// only returns the request that is open for the run and the step.
func (d *Desk) only(ctx context.Context, ref deploy.Ref, step string) (*Status, error) {
	var found []*Status
	for s, err := range d.Requests(ctx, ref) {
		if err != nil {
			return nil, err
		}
		if s.Request.Run == ref.Run && (step == "" || s.Request.Step == step) && s.Open {
			found = append(found, s)
		}
	}
	switch {
	case len(found) == 0:
		return nil, fmt.Errorf("an open request: %w", fs.ErrNotExist)
	case len(found) > 1:
		return nil, errors.New("several steps wait; name one")
	}
	return found[0], nil
}

// terminal asks line by line.
type terminal struct {
	ctx context.Context
	in  *bufio.Reader
	out io.Writer
	err error // the first of out
}

func (t *terminal) printf(format string, args ...any) {
	if _, err := fmt.Fprintf(t.out, format, args...); err != nil && t.err == nil {
		t.err = err
	}
}

// ask returns the line that is typed.
func (t *terminal) ask(question string) (string, error) {
	t.printf("%s: ", question)
	if t.err != nil { // nobody saw what they are asked
		return "", t.err
	}
	line, err := t.in.ReadString('\n')
	if cause := context.Cause(t.ctx); cause != nil {
		return "", cause
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return strings.TrimSpace(line), err
}

func (t *terminal) ballot(s *Status, by Identity) (Ballot, error) {
	t.printf("%s\n", s.Request)
	for _, who := range s.Initiators[1:] {
		t.printf("continued by %s\n", plain(who))
	}
	for _, v := range s.Votes {
		t.printf("%s has said %s: %s\n", plain(v.By.String()), v.Verdict, plain(v.Comment))
	}
	for _, m := range s.Missing {
		t.printf("missing: %s\n", plain(m))
	}
	b := Ballot{By: by}
	verdict, err := t.ask(fmt.Sprintf("You are %s. Type approve or refuse", plain(by.String())))
	if err != nil {
		return b, err
	}
	b.Verdict = Verdict(strings.ToLower(verdict))
	switch b.Verdict {
	case Refuse:
	case Approve:
		typed, err := t.ask("To approve, type the name of the environment")
		if err != nil {
			return b, err
		}
		if typed != s.Request.Environment {
			return b, fmt.Errorf("%w: the environment is %q", ErrNotConfirmed, s.Request.Environment)
		}
	default:
		return b, ErrNotConfirmed
	}
	b.Comment, err = t.ask("Comment")
	return b, err
}
