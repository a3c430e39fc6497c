package pgbackup

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/masaruk/devops/backup"
	"github.com/masaruk/devops/secrets"
)

// Kind is that of the backups.
const Kind = "postgresql"

// Options configure a [Producer]. The zero value is the default.
type Options struct {
	// Password is that of the role, where it needs one; none takes what
	// PGPASSWORD or the password file gives.
	Password secrets.Value
	// SpreadCheckpoint waits for the server's next checkpoint, which spares its
	// disk and takes minutes; the default asks for one at once.
	SpreadCheckpoint bool
	// RateLimit is how many bytes a second the server sends at most, at least
	// 32 KiB and at most 1 GiB; zero is no limit.
	RateLimit int64
	// Progress is told how much has arrived; nil is not. The transfer waits for
	// it, and the server for the transfer, and so does whoever drops a database
	// or a tablespace there: it returns at once.
	Progress func(Progress)
}

// Progress is how far a backup is.
type Progress struct {
	// Done and Estimate are bytes; what the server estimates before it begins
	// may be less than what there is in the end.
	Done, Estimate int64
}

// Producer makes base backups of one PostgreSQL server, 15 or newer, over its
// replication protocol. It is safe for concurrent use.
type Producer struct {
	config  *pgconn.Config
	options Options
}

var _ backup.Producer = (*Producer)(nil)

// New returns a Producer for the server that conninfo names, in either of
// libpq's forms and without a password. It does no I/O.
func New(conninfo string, opts *Options) (*Producer, error) {
	p := &Producer{}
	if opts != nil {
		p.options = *opts
	}
	var err error
	if p.config, err = parse(conninfo, p.options.Password); err != nil {
		return nil, fmt.Errorf("pgbackup.New: %w", err)
	}
	if l := p.options.RateLimit; l != 0 && (l < 32<<10 || l > 1<<30) {
		return nil, fmt.Errorf("pgbackup.New: field RateLimit is %d bytes a second; the server takes 32 KiB (%d) to 1 GiB (%d)", l, 32<<10, 1<<30)
	}
	return p, nil
}

// Kind is [Kind].
func (p *Producer) Kind() string { return Kind }

// Details are what the record of a backup says of the server.
type Details struct {
	// Version is the server's, as a number: 150004 is 15.4.
	Version int `json:"version"`
	// System is the cluster's identifier, the same in all its copies.
	System string `json:"system"`
	// Owner is the name of its first superuser.
	Owner    string `json:"owner,omitempty"`
	Timeline uint32 `json:"timeline"`
	// Start and Stop are where the backup begins and ends in the write-ahead
	// log; a server that is restored is consistent from Stop on.
	Start       LSN   `json:"start"`
	Stop        LSN   `json:"stop"`
	SegmentSize int64 `json:"segment_size"`
	// Checksums tells whether the server has page checksums, which it checked
	// as it read.
	Checksums bool `json:"checksums"`
	// Tablespaces are where they were, by object identifier.
	Tablespaces map[string]string `json:"tablespaces,omitempty"`
	// Configuration tells where the server's configuration is from: its "data
	// directory"; the "server", which was asked for the files; or the "settings"
	// in force, since the role may not read the files. In the last two cases
	// postgresql.conf is made of the settings.
	Configuration string `json:"configuration"`
	// Collations are the databases' collation versions, which the restored
	// server compares with its own.
	Collations map[string]string `json:"collations,omitempty"`
	// Warnings are what the server said meanwhile, and what a restored server
	// lacks.
	Warnings []string `json:"warnings,omitempty"`
}

// Produce implements [backup.Producer]. The result is a [Details]. A server that
// is not fit is refused before it is asked for anything; see [Producer.Preflight].
// Pages whose checksum does not match make the backup one that is kept as
// evidence only, with the error [*backup.CorruptError].
func (p *Producer) Produce(ctx context.Context, s *backup.Session) (any, error) {
	d, err := p.produce(ctx, s)
	if err != nil {
		err = fmt.Errorf("base backup of %s: %w", p.server(), cmp.Or(context.Cause(ctx), err))
	}
	return d, err
}

func (p *Producer) server() string {
	return p.config.Host + ":" + strconv.Itoa(int(p.config.Port))
}

func (p *Producer) produce(ctx context.Context, s *backup.Session) (*Details, error) {
	facts, err := p.preflight(ctx)
	if err != nil {
		return nil, err
	}
	if err := facts.refuse(); err != nil {
		return nil, err
	}
	conn, err := connectReplication(ctx, p.config)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := facts.same(ctx, conn); err != nil {
		return nil, err
	}
	// So that no segment that the backup needs is recycled while it runs; the
	// slot goes with the connection.
	slot := "devops_backup_" + strings.ToLower(strings.ReplaceAll(s.ID(), "-", "_"))
	if _, err := query(ctx, conn, "CREATE_REPLICATION_SLOT "+slot+" TEMPORARY PHYSICAL (RESERVE_WAL true)"); err != nil {
		return nil, err
	}
	defer closeOn(ctx, conn)()
	b, err := startBackup(ctx, conn.Frontend(), p.command(s.ID()))
	if err != nil {
		return nil, err
	}
	t := &transfer{
		Session: s, backup: b, facts: facts, progress: p.options.Progress,
		got: map[string]received{}, wal: map[string]bool{}, scan: newWALScan(b.start),
	}
	b.progress = t.tell
	if err := t.run(); err != nil {
		return nil, err
	}
	return t.details(), t.corrupt
}

// command is BASE_BACKUP with the options of 15 and newer. The WAL that the
// backup needs comes with it, so it is whole by itself; and the server is not
// waited for to archive it.
func (p *Producer) command(id string) string {
	checkpoint := "fast"
	if p.options.SpreadCheckpoint {
		checkpoint = "spread"
	}
	options := []string{
		"LABEL 'devops backup " + id + "'", "PROGRESS true", "CHECKPOINT '" + checkpoint + "'", "WAL true", "WAIT false",
		"MANIFEST 'yes'", "MANIFEST_CHECKSUMS 'CRC32C'", "VERIFY_CHECKSUMS true",
	}
	if l := p.options.RateLimit; l != 0 {
		options = append(options, fmt.Sprintf("MAX_RATE %d", l>>10))
	}
	return "BASE_BACKUP (" + strings.Join(options, ", ") + ")"
}

// transfer moves what arrives into the session.
type transfer struct {
	*backup.Session
	backup   *baseBackup
	facts    *facts
	got      map[string]received // files, by path, but for WAL
	wal      map[string]bool     // segments that arrived: whether they are whole
	scan     *walScan
	progress func(Progress)
	corrupt  error
	config   string
}

func (t *transfer) tell(done int64) {
	if t.progress != nil {
		t.progress(Progress{Done: done, Estimate: t.backup.estimate})
	}
}

func (t *transfer) run() error {
	for name, ok := t.backup.archive(); ok; name, ok = t.backup.archive() {
		if err := t.archive(name); err != nil {
			return err
		}
	}
	raw, err := io.ReadAll(t.backup)
	if err != nil {
		return err
	}
	if err := t.finish(); err != nil {
		return err
	}
	if err := t.check(raw); err != nil {
		return err
	}
	if err := t.addText("backup_manifest", raw); err != nil {
		return err
	}
	return t.configure()
}

// check compares what has arrived with what the server says that it has sent,
// and with what a restore needs.
func (t *transfer) check(raw []byte) error {
	m, err := parseManifest(raw)
	if err != nil {
		return err
	}
	if m.Version > 1 && strconv.FormatUint(m.System, 10) != t.facts.system {
		return fmt.Errorf("backup_manifest: it is of the cluster %d, not of %s", m.System, t.facts.system)
	}
	if err := m.compare(t.got); err != nil {
		return err
	}
	if err := t.coverWAL(m); err != nil {
		return err
	}
	if len(t.scan.created) > 0 {
		return fmt.Errorf("tablespaces were made during the backup (%s), and a server restored from it would make them in the same places, where the originals are: make another backup", strings.Join(t.scan.created, "; "))
	}
	if t.scan.err != nil {
		t.facts.warnings = append(t.facts.warnings, fmt.Sprintf("whether tablespaces were made during the backup is not known: %v", t.scan.err))
	}
	return nil
}

// finish reads the end. That pages are corrupt the server says last of all, when
// everything has arrived.
func (t *transfer) finish() error {
	err := t.backup.finish()
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "XX001" {
		t.corrupt = &backup.CorruptError{Err: fmt.Errorf("pages whose checksum does not match: %s (%s)", pg.Message, strings.Join(t.backup.warnings, "; "))}
		return nil
	}
	return err
}

// archive splits one archive into files.
func (t *transfer) archive(name string) error {
	prefix := ""
	if oid, ok := strings.CutSuffix(name, ".tar"); !ok {
		return fmt.Errorf("%w: archive %q", errProtocol, name)
	} else if oid != "base" {
		if _, err := strconv.ParseUint(oid, 10, 32); err != nil {
			return fmt.Errorf("%w: archive %q", errProtocol, name)
		}
		prefix = "pg_tblspc/" + oid
	}
	archive := tar.NewReader(t.backup)
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("archive %s: %w", name, err)
		}
		if err := t.file(prefix, h, archive); err != nil {
			return err
		}
	}
	_, err := io.Copy(io.Discard, t.backup) // its end marker, where there is one
	return err
}

func (t *transfer) file(prefix string, h *tar.Header, content io.Reader) error {
	name := path.Clean(h.Name)
	if !fs.ValidPath(name) {
		return fmt.Errorf("%w: an archive holds the path %q", errProtocol, h.Name)
	}
	e := backup.Entry{Path: path.Join(prefix, name), Mode: h.Mode & 0o7777, Modified: h.ModTime}
	switch h.Typeflag {
	case tar.TypeReg:
		e.Type, e.Size = backup.EntryFile, h.Size
	case tar.TypeDir:
		e.Type = backup.EntryDir
	case tar.TypeSymlink:
		// To a tablespace, whose archive has come: where it goes is a matter of
		// the restore.
		if path.Dir(e.Path) != "pg_tblspc" {
			return fmt.Errorf("%w: a link at %s", errProtocol, e.Path)
		}
		e.Type, e.Mode = backup.EntryDir, 0o700
	default:
		return fmt.Errorf("%w: %s has the type %q", errProtocol, e.Path, h.Typeflag)
	}
	if e.Path == "." {
		return nil
	}
	segment, inWAL := strings.CutPrefix(e.Path, "pg_wal/")
	if inWAL = inWAL && segmentRE.MatchString(segment); inWAL {
		content = io.TeeReader(content, t.scan.segment(segmentStart(segment, t.facts.segment)))
	}
	e, err := t.Add(e, content)
	if err != nil {
		return err
	}
	if e.Type != backup.EntryFile {
		return nil
	}
	if inWAL {
		t.wal[segment] = e.Size == t.facts.segment
		return nil // the manifest has the rest of this folder, and not the segments
	}
	t.got[e.Path] = received{e.Size, e.CRC32C}
	return nil
}

// addText adds a file that no archive has.
func (t *transfer) addText(name string, content []byte) error {
	e := backup.Entry{Path: name, Type: backup.EntryFile, Mode: 0o600, Size: int64(len(content)), Modified: time.Now().UTC().Truncate(time.Second)}
	_, err := t.Add(e, bytes.NewReader(content))
	return err
}

// coverWAL makes sure that every segment that consistency needs has arrived.
func (t *transfer) coverWAL(m *manifest) error {
	if len(m.WAL) == 0 {
		return errors.New("backup_manifest: it names no write-ahead log")
	}
	for _, r := range m.WAL {
		for n := r.Start / LSN(t.facts.segment); n <= (r.End-1)/LSN(t.facts.segment); n++ {
			if name := segmentName(r.Timeline, n, t.facts.segment); !t.wal[name] {
				return fmt.Errorf("the segment %s of the write-ahead log, which the backup needs (%s to %s), did not arrive", name, r.Start, r.End)
			}
		}
	}
	return nil
}

var segmentRE = regexp.MustCompile(`^[0-9A-F]{24}$`)

// segmentName is the name of the n-th segment, which the server computes the
// same way: XLogFileName in its source.
func segmentName(timeline uint32, n LSN, size int64) string {
	perID := LSN(1<<32) / LSN(size)
	return fmt.Sprintf("%08X%08X%08X", timeline, uint64(n/perID), uint64(n%perID))
}

func (t *transfer) details() *Details {
	d := &Details{
		Version: t.facts.version, System: t.facts.system, Owner: t.facts.owner, Timeline: t.backup.timeline, Start: t.backup.start, Stop: t.backup.stop,
		SegmentSize: t.facts.segment, Checksums: t.facts.checksums, Configuration: t.config, Collations: t.facts.collations,
		Warnings: append(t.facts.warnings, t.backup.warnings...), Tablespaces: map[string]string{},
	}
	for _, ts := range t.backup.tablespaces {
		d.Tablespaces[ts.oid] = ts.location
	}
	return d
}
