package pglog_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/runlog/pglog"
	"github.com/masaruk/devops/internal/testenv"
)

// proxy stands between the log and the server. Once armed it lets one message
// that holds the text through, waits for the answer and cuts the connection
// instead of passing it on.
type proxy struct {
	net.Listener
	target string
	text   string
	armed  atomic.Bool
	fired  atomic.Int64
	wg     sync.WaitGroup
}

func newProxy(t *testing.T, target, text string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{Listener: l, target: target, text: text}
	p.wg.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			p.wg.Go(func() { p.serve(client) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		p.wg.Wait()
	})
	return p
}

func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer server.Close()
	var cut atomic.Bool
	p.wg.Go(func() {
		defer client.Close()
		buf := make([]byte, 64<<10)
		for {
			n, err := server.Read(buf)
			if err != nil {
				return
			}
			if cut.Load() {
				p.fired.Add(1)
				return
			}
			if _, err := client.Write(buf[:n]); err != nil {
				return
			}
		}
	})
	buf := make([]byte, 64<<10)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		if strings.Contains(string(buf[:n]), p.text) && p.armed.CompareAndSwap(true, false) {
			cut.Store(true)
		}
		if _, err := server.Write(buf[:n]); err != nil {
			return
		}
	}
}

// through is the DSN of the proxy.
func through(t *testing.T, dsn string, p net.Listener) string {
	t.Helper()
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	u.Host = p.Addr().String()
	return u.String()
}

func hostOf(t *testing.T, dsn string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	return u.Host
}

// Where the answer is lost, Append says that it failed, and a Read shows what
// is true: the record is there if the commit was what was lost.
func TestLostAcknowledgement(t *testing.T) {
	for text, there := range map[string]int{"commit\x00": 2, "INSERT": 1} {
		t.Run(text, func(t *testing.T) {
			dsn := database(t, 15)
			p := newProxy(t, hostOf(t, dsn), text)
			l := newLog(t, newPool(t, through(t, dsn, p), 1))
			require.NoError(t, l.Append(t.Context(), "a", 1, rec(1)))
			p.armed.Store(true)
			err := l.Append(t.Context(), "a", 2, rec(2))
			require.Error(t, err)
			require.NotErrorIs(t, err, deploy.ErrConflict)
			require.EqualValues(t, 1, p.fired.Load())
			got, err := read(l, "a", 1)
			require.NoError(t, err)
			require.Len(t, got, there)
			err = l.Append(t.Context(), "a", 2, rec(9))
			require.Equal(t, there == 2, errors.Is(err, deploy.ErrConflict))
			if there == 1 {
				require.NoError(t, err)
			}
		})
	}
}

// frozen is a DB whose first transaction stops before its commit.
type frozen struct {
	pglog.DB
	once           sync.Once
	reached, awake chan struct{}
}

type frozenTx struct {
	pgx.Tx
	f *frozen
}

func (f *frozen) BeginTx(ctx context.Context, opts pgx.TxOptions) (pgx.Tx, error) {
	tx, err := f.DB.BeginTx(ctx, opts)
	return &frozenTx{tx, f}, err
}

func (t *frozenTx) Commit(ctx context.Context) error {
	t.f.once.Do(func() {
		close(t.f.reached)
		<-t.f.awake
	})
	return t.Tx.Commit(context.WithoutCancel(ctx)) // a frozen program does not notice its timeout
}

// A controller that stopped inside Append does not hold up the one that takes
// over for longer than its timeout, and does not win when it wakes.
func TestFrozenController(t *testing.T) {
	dsn := database(t, 15)
	other := newLog(t, dialer(t, dsn))
	f := &frozen{DB: dialer(t, dsn), reached: make(chan struct{}), awake: make(chan struct{})}
	l, err := pglog.New(f, &pglog.Options{Timeout: 400 * time.Millisecond})
	require.NoError(t, err)
	result := make(chan error, 1)
	go func() { result <- l.Append(context.Background(), "a", 1, rec(1)) }()
	<-f.reached
	require.NoError(t, other.Append(t.Context(), "a", 1, rec(2)))
	close(f.awake)
	require.Error(t, <-result)
	got, err := read(other, "a", 1)
	require.NoError(t, err)
	require.Equal(t, []string{string(rec(2))}, got)
}

// Append and Read give up after the timeout, also where the server does
// nothing, and when their context ends.
func TestTimeouts(t *testing.T) {
	dsn := database(t, 15)
	newLog(t, dialer(t, dsn))
	hold, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer func() { require.NoError(t, hold.Close(context.Background())) }()
	_, err = hold.Exec(t.Context(), "BEGIN; LOCK TABLE devops_runlog.record")
	require.NoError(t, err)
	l, err := pglog.New(dialer(t, dsn), &pglog.Options{Timeout: 200 * time.Millisecond})
	require.NoError(t, err)
	err = l.Append(t.Context(), "a", 1, rec(1))
	server := new(pgconn.PgError)
	require.True(t, errors.Is(err, context.DeadlineExceeded) || errors.As(err, &server) && server.Code == "57014", "%v", err)
	_, err = read(l, "a", 1)
	require.Error(t, err)

	patient, err := pglog.New(dialer(t, dsn), nil)
	require.NoError(t, err)
	cause := errors.New("the test ended it")
	ctx, cancel := context.WithCancelCause(t.Context())
	result := make(chan error, 1)
	go func() { result <- patient.Append(ctx, "a", 1, rec(1)) }()
	untilWaiting(t, dsn)
	cancel(cause)
	require.ErrorIs(t, <-result, cause)

	// Nobody answers at all.
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer mute.Close()
	l, err = pglog.New(dialer(t, through(t, dsn, mute)), &pglog.Options{Timeout: 100 * time.Millisecond})
	require.NoError(t, err)
	err = l.Append(t.Context(), "a", 1, rec(1))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "did not answer within 100ms")
}

// untilWaiting returns when an insert waits for a lock.
func untilWaiting(t *testing.T, dsn string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.Background())) }()
	for waiting := false; !waiting; {
		err := conn.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'INSERT%')`).Scan(&waiting)
		require.NoError(t, err)
	}
}

// An acknowledged record survives the server, also where the server's default
// is to acknowledge before it has written.
func TestKilledServer(t *testing.T) {
	p := testenv.Postgres(t, 15, "synchronous_commit = off", "wal_writer_delay = 10s")
	l := newLog(t, dialer(t, p.DSN("postgres")))
	for n := 1; n <= 3; n++ {
		require.NoError(t, l.Append(t.Context(), "a", uint64(n), rec(n)))
	}
	require.NoError(t, p.Kill(syscall.SIGKILL))
	<-p.Gone()
	require.Error(t, l.Append(t.Context(), "a", 4, rec(4)))
	require.NoError(t, p.Start(t.Context()))
	got, err := read(l, "a", 1)
	require.NoError(t, err)
	require.Len(t, got, 3)
}

func TestErrorsHoldNoPassword(t *testing.T) {
	const canary = "correct-horse-battery"
	dsn := database(t, 15)
	withPassword := strings.Replace(dsn, "postgres@", "postgres:"+canary+"@", 1)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	rude, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer rude.Close()
	go func() {
		for {
			conn, err := rude.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
			_ = conn.Close()
		}
	}()
	for name, bad := range map[string]string{
		"no tables": withPassword, "no database": withPassword + "0",
		"nobody listens": through(t, withPassword, closed), "another protocol": through(t, withPassword, rude),
		"no such user": strings.Replace(withPassword, "postgres:", "nobody-here:", 1),
	} {
		bad = strings.Replace(bad, "?sslmode=disable0", "0?sslmode=disable", 1)
		l, err := pglog.New(dialer(t, bad), nil)
		require.NoError(t, err)
		err = l.Append(t.Context(), "a", 1, []byte(`"`+canary+`"`))
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), canary, name)
		err = pglog.Migrate(t.Context(), dialer(t, bad), &pglog.Options{Schema: "pg_no"})
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), canary, name)
	}
}
