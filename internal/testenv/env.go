package testenv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Options says which servers an environment has. The zero value has none.
type Options struct {
	Postgres []PostgresOptions
	SSHD     []SSHDOptions
	S3       []S3Options
	// Hosts is how many hosts are on the environment's network; 0 is no
	// network.
	Hosts int
}

// Env is a set of running servers, each list in the order of the [Options].
type Env struct {
	Postgres []*PostgresServer
	SSHD     []*SSHServer
	S3       []*S3Server
	Hosts    []*Host

	network *Network
}

// Start starts private servers side by side and returns when all of them
// answer. Where one fails, none is left and the error joins every reason; a
// reason is a [*MissingError] where the machine lacks something. The servers
// live until Close or the end of this process, whatever ends it; ctx limits
// only the start.
func Start(ctx context.Context, o Options) (*Env, error) {
	e := &Env{
		Postgres: make([]*PostgresServer, len(o.Postgres)),
		SSHD:     make([]*SSHServer, len(o.SSHD)),
		S3:       make([]*S3Server, len(o.S3)),
	}
	var jobs group
	for i, po := range o.Postgres {
		jobs.add(func() (err error) { e.Postgres[i], err = startPostgres(ctx, po); return err })
	}
	for i, so := range o.SSHD {
		jobs.add(func() (err error) { e.SSHD[i], err = startSSHD(ctx, so); return err })
	}
	for i, so := range o.S3 {
		jobs.add(func() (err error) { e.S3[i], err = startS3(ctx, so); return err })
	}
	if o.Hosts != 0 {
		jobs.add(func() (err error) { e.network, err = startNetwork(ctx, o.Hosts); return err })
	}
	if err := jobs.wait(); err != nil {
		return nil, closeAfter(fmt.Errorf("start a test environment: %w", err), e)
	}
	if e.network != nil {
		e.Hosts = e.network.Hosts
	}
	return e, nil
}

// Close ends every server and returns when nothing is left.
func (e *Env) Close() error {
	var jobs group
	for _, p := range e.Postgres {
		if p != nil {
			jobs.add(p.Close)
		}
	}
	for _, s := range e.SSHD {
		if s != nil {
			jobs.add(s.Close)
		}
	}
	for _, s := range e.S3 {
		if s != nil {
			jobs.add(s.Close)
		}
	}
	err := jobs.wait()
	if e.network != nil {
		err = errors.Join(err, e.network.Close())
	}
	return err
}

// group runs functions side by side and joins their errors.
type group struct {
	wg   sync.WaitGroup
	mu   sync.Mutex
	errs []error
}

func (g *group) add(f func() error) {
	g.wg.Go(func() {
		if err := f(); err != nil {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.errs = append(g.errs, err)
		}
	})
}

func (g *group) wait() error {
	g.wg.Wait()
	return errors.Join(g.errs...)
}

// closeAfter closes c on the way out with err.
func closeAfter(err error, c io.Closer) error { return errors.Join(err, c.Close()) }
