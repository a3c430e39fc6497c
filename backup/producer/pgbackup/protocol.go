package pgbackup

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// LSN is a place in the write-ahead log: the number of bytes before it.
type LSN uint64

// ParseLSN reads what PostgreSQL writes, such as "0/1A2B3C".
func ParseLSN(text string) (LSN, error) {
	high, low, ok := strings.Cut(text, "/")
	h, err1 := strconv.ParseUint(high, 16, 32)
	l, err2 := strconv.ParseUint(low, 16, 32)
	if !ok || err1 != nil || err2 != nil {
		return 0, fmt.Errorf("%q is not a place in the write-ahead log", text)
	}
	return LSN(h<<32 | l), nil
}

// String writes it as PostgreSQL does.
func (l LSN) String() string { return fmt.Sprintf("%X/%X", uint64(l)>>32, uint32(l)) }

// MarshalText writes it as String does.
func (l LSN) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads it as ParseLSN does.
func (l *LSN) UnmarshalText(text []byte) (err error) {
	*l, err = ParseLSN(string(text))
	return err
}

// tablespace is one of the server, as it announces them.
type tablespace struct {
	oid, location string
}

// baseBackup reads the answer to BASE_BACKUP, message by message, in the order
// of the documentation: start, tablespaces, archives and manifest, end. It is
// used by one goroutine.
// https://www.postgresql.org/docs/current/protocol-replication.html
type baseBackup struct {
	front    *pgproto3.Frontend
	progress func(done int64)
	cause    func() error // why the connection was closed, where we did it

	start, stop      LSN
	timeline         uint32
	tablespaces      []tablespace
	estimate         int64 // bytes
	warnings         []string
	pending          []byte // of the archive or the manifest at hand
	next             string // archive that was announced; "" and inManifest false is the end
	inManifest, over bool
}

// errProtocol reports an answer that is not in the order that is documented.
var errProtocol = errors.New("the server's answer to BASE_BACKUP is not as documented")

// startBackup sends the command and reads up to the first archive. Somebody else
// closes the connection when ctx ends.
func startBackup(ctx context.Context, front *pgproto3.Frontend, command string) (*baseBackup, error) {
	b := &baseBackup{front: front, cause: func() error { return context.Cause(ctx) }}
	b.front.Send(&pgproto3.Query{String: command})
	if err := b.front.Flush(); err != nil {
		return nil, err
	}
	var err error
	if b.start, b.timeline, err = b.position(); err != nil {
		return nil, err
	}
	if err := b.readTablespaces(); err != nil {
		return nil, err
	}
	m, err := b.receive()
	if err != nil {
		return nil, err
	}
	if _, ok := m.(*pgproto3.CopyOutResponse); !ok {
		return nil, fmt.Errorf("%w: %T in place of the archives", errProtocol, m)
	}
	return b, b.advance()
}

// maxWarnings is how many are kept; a disk that fails gives more of them.
const maxWarnings = 100

// receive returns the next message that is none of the kinds that may come at
// any time.
func (b *baseBackup) receive() (pgproto3.BackendMessage, error) {
	for {
		m, err := b.front.Receive()
		if err != nil {
			return nil, cmp.Or(b.cause(), err)
		}
		switch m := m.(type) {
		case *pgproto3.NoticeResponse:
			if len(b.warnings) < maxWarnings {
				b.warnings = append(b.warnings, m.Severity+": "+m.Message)
			}
		case *pgproto3.ParameterStatus:
		case *pgproto3.ErrorResponse:
			return nil, explain(pgconn.ErrorResponseToPgError(m))
		default:
			return m, nil
		}
	}
}

// rows reads a result set up to its CommandComplete.
func (b *baseBackup) rows() (rows [][]string, err error) {
	for {
		m, err := b.receive()
		if err != nil {
			return nil, err
		}
		switch m := m.(type) {
		case *pgproto3.RowDescription:
		case *pgproto3.DataRow:
			row := make([]string, len(m.Values))
			for i, v := range m.Values {
				row[i] = string(v)
			}
			rows = append(rows, row)
		case *pgproto3.CommandComplete:
			return rows, nil
		default:
			return nil, fmt.Errorf("%w: %T in a result", errProtocol, m)
		}
	}
}

// position reads a result set of one place in the log and its timeline.
func (b *baseBackup) position() (LSN, uint32, error) {
	rows, err := b.rows()
	if err != nil {
		return 0, 0, err
	}
	if len(rows) != 1 || len(rows[0]) < 2 {
		return 0, 0, fmt.Errorf("%w: no position", errProtocol)
	}
	lsn, err := ParseLSN(rows[0][0])
	if err != nil {
		return 0, 0, err
	}
	timeline, err := strconv.ParseUint(rows[0][1], 10, 32)
	return lsn, uint32(timeline), err
}

func (b *baseBackup) readTablespaces() error {
	rows, err := b.rows()
	if err != nil {
		return err
	}
	for _, row := range rows {
		if len(row) < 3 {
			return fmt.Errorf("%w: a tablespace without its size", errProtocol)
		}
		if size, err := strconv.ParseInt(row[2], 10, 64); err == nil {
			b.estimate += size << 10
		}
		if row[0] != "" {
			b.tablespaces = append(b.tablespaces, tablespace{row[0], row[1]})
		}
	}
	return nil
}

// advance reads messages until there is content, a new archive or the end.
func (b *baseBackup) advance() error {
	for {
		m, err := b.receive()
		if err != nil {
			return err
		}
		switch m := m.(type) {
		case *pgproto3.CopyDone:
			b.over = true
			return nil
		case *pgproto3.CopyData:
			if len(m.Data) == 0 {
				return fmt.Errorf("%w: empty data", errProtocol)
			}
			kind, data := m.Data[0], m.Data[1:]
			switch kind {
			case 'd':
				if b.pending = data; len(data) > 0 {
					return nil
				}
			case 'n':
				name, _, ok := strings.Cut(string(data), "\x00")
				if !ok || name == "" {
					return fmt.Errorf("%w: an archive without a name", errProtocol)
				}
				b.next = name
				return nil
			case 'm':
				b.next, b.inManifest = "", true
				return nil
			case 'p':
				if len(data) == 8 && b.progress != nil {
					b.progress(int64(binary.BigEndian.Uint64(data)))
				}
			default:
				return fmt.Errorf("%w: data of kind %q", errProtocol, kind)
			}
		default:
			return fmt.Errorf("%w: %T among the archives", errProtocol, m)
		}
	}
}

// archive returns the name of the next archive; false behind the last one.
func (b *baseBackup) archive() (name string, ok bool) {
	name = b.next
	return name, name != "" && !b.over
}

// Read reads the content of the archive that archive named, or of the manifest,
// up to io.EOF at its end.
func (b *baseBackup) Read(p []byte) (int, error) {
	for len(b.pending) == 0 {
		before, manifest := b.next, b.inManifest
		if b.over {
			return 0, io.EOF
		}
		b.next = ""
		if err := b.advance(); err != nil {
			return 0, err
		}
		if b.next != "" || b.over || b.inManifest != manifest {
			return 0, io.EOF
		}
		b.next = before
	}
	n := copy(p, b.pending)
	b.pending = b.pending[n:]
	return n, nil
}

// finish reads what follows the data: where the backup ends.
func (b *baseBackup) finish() error {
	if !b.over {
		return fmt.Errorf("%w: something follows the manifest", errProtocol)
	}
	stop, timeline, err := b.position()
	if err != nil {
		return err
	}
	if timeline != b.timeline {
		return fmt.Errorf("the server changed its timeline from %d to %d during the backup: make another one", b.timeline, timeline)
	}
	b.stop = stop
	for {
		m, err := b.receive()
		if err != nil {
			return err
		}
		switch m.(type) {
		case *pgproto3.CommandComplete:
		case *pgproto3.ReadyForQuery:
			return nil
		default:
			return fmt.Errorf("%w: %T at the end", errProtocol, m)
		}
	}
}

// closeOn closes the connection when ctx ends, which ends all that waits for
// it; the function that is returned stops that.
func closeOn(ctx context.Context, conn *pgconn.PgConn) (stop func() bool) {
	return context.AfterFunc(ctx, func() { _ = conn.Conn().Close() })
}
