package progress

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/masaruk/devops/deploy"
)

const (
	// queueLength is how many events may wait for a slow Writer.
	queueLength = 1024
	// redrawEvery is how often the running steps are drawn anew.
	redrawEvery = 100 * time.Millisecond
	// closeWait bounds what Close waits for a Writer that hangs.
	closeWait = 2 * time.Second
)

// Options adjusts a [Printer]. The zero value finds out what w is.
type Options struct {
	// Plain writes plain lines even to a terminal.
	Plain bool
	// Live draws as for a terminal even where w is none. It excludes Plain.
	Live bool
	// Quiet shows failures and the end of the run only.
	Quiet bool
	// NoColor turns colours off even where NO_COLOR does not.
	NoColor bool
	// Width is the width of the terminal in columns; zero asks it, and takes
	// 80 if it does not say. Plain lines have no limit.
	Width int
}

// Printer shows the events of runs. Its goroutine ends with Close.
type Printer struct {
	queue   chan deploy.Event
	dropped atomic.Int64
	quit    chan struct{}
	stop    func()
	done    chan struct{}
	out     *output
	view    view
}

// view turns events into text. It is used by one goroutine.
type view interface {
	// event returns what to write when e has happened.
	event(e deploy.Event) string
	// tick returns what to write because time has passed.
	tick(now time.Time) string
	// end returns what to write at the end.
	end(now time.Time) string
}

// New returns a Printer that writes to w, and starts its goroutine; nil opts
// are the defaults. It fails when w is nil or the options contradict each
// other.
func New(w io.Writer, opts *Options) (*Printer, error) {
	o := Options{}
	if opts != nil {
		o = *opts
	}
	switch {
	case w == nil:
		return nil, errors.New("progress: the Writer is nil")
	case o.Plain && o.Live:
		return nil, errors.New("progress: Options has both Plain and Live set")
	case o.Width < 0:
		return nil, fmt.Errorf("progress: Options.Width is %d columns", o.Width)
	}
	p := &Printer{queue: make(chan deploy.Event, queueLength), quit: make(chan struct{}), done: make(chan struct{}), out: &output{w: w}}
	p.stop = sync.OnceFunc(func() { close(p.quit) })
	r := renderer{quiet: o.Quiet}
	live := o.Live || !o.Plain && isTerminal(w)
	if live {
		r.marks, r.color = liveMarks, !o.NoColor && os.Getenv("NO_COLOR") == ""
		r.width = func() int { return widthOf(w, o.Width) }
		p.view = &liveView{r: r}
	} else {
		r.marks = plainMarks
		p.view = &plainView{r: r}
	}
	go p.loop(live)
	return p, nil
}

// Handle shows e, soon. It never blocks. After Close it does nothing.
func (p *Printer) Handle(e deploy.Event) {
	if _, skip := e.(deploy.StepOutput); skip {
		return // the end of it comes with StepFinished
	}
	select {
	case <-p.quit:
		return
	default:
	}
	select {
	case p.queue <- e:
	default:
		p.dropped.Add(1)
	}
}

// Close shows what was handled before and ends the goroutine. It returns the
// first failure of the Writer, and tells when the Writer hangs or was too slow
// to show every event. Closing again returns the same.
func (p *Printer) Close() error {
	p.stop()
	timer := time.NewTimer(closeWait)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		return errors.New("progress: the Writer has not returned")
	}
	var err error
	if p.out.err != nil {
		err = fmt.Errorf("progress: %w", p.out.err)
	}
	if n := p.dropped.Load(); n > 0 {
		err = errors.Join(err, fmt.Errorf("progress: %d events were not shown, since the Writer was too slow", n))
	}
	return err
}

func (p *Printer) loop(live bool) {
	defer close(p.done)
	var tick <-chan time.Time
	if live {
		ticker := time.NewTicker(redrawEvery)
		defer ticker.Stop()
		tick = ticker.C
	}
	for {
		select {
		case e := <-p.queue:
			p.out.write(p.view.event(e))
		case now := <-tick:
			p.out.write(p.view.tick(now))
		case <-p.quit:
			p.rest()
			return
		}
	}
}

// rest shows what is in the queue still.
func (p *Printer) rest() {
	for {
		select {
		case e := <-p.queue:
			p.out.write(p.view.event(e))
		default:
			p.out.write(p.view.end(time.Now()))
			return
		}
	}
}

// output writes until the first failure.
type output struct {
	w   io.Writer
	err error
}

func (o *output) write(s string) {
	if s == "" || o.err != nil {
		return
	}
	defer func() {
		if v := recover(); v != nil {
			o.err = fmt.Errorf("panic of the Writer: %v", v)
		}
	}()
	n, err := io.WriteString(o.w, s)
	if err == nil && n < len(s) {
		err = io.ErrShortWrite
	}
	o.err = err
}
