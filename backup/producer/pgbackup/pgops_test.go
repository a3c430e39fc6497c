//go:build unix

package pgbackup_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/internal/testenv"
)

// machine is one that runs pgops: its home and nothing else.
type machine struct {
	program, home string
}

// pgops runs it, and returns its exit code and what it wrote.
func (m machine) pgops(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), m.program, args...)
	cmd.Env = []string{"HOME=" + m.home, "XDG_CONFIG_HOME=" + filepath.Join(m.home, "conf"), "PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir()}
	var out, err bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &err
	_ = cmd.Run()
	return cmd.ProcessState.ExitCode(), out.String(), err.String()
}

// works runs it, and reads what it says as JSON.
func (m machine) works(t *testing.T, into any, args ...string) {
	t.Helper()
	code, out, err := m.pgops(t, append(args, "-json")...)
	require.Zero(t, code, "%v: %s", args, err)
	require.NoError(t, json.Unmarshal([]byte(out), into), out)
}

func (m machine) fails(t *testing.T, text string, args ...string) {
	t.Helper()
	code, out, err := m.pgops(t, args...)
	require.Equal(t, 1, code, "%v: %s%s", args, out, err)
	require.Contains(t, err, text)
	require.Empty(t, out)
}

func identityFile(t *testing.T) (file, recipient string) {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	file = filepath.Join(t.TempDir(), "identity")
	require.NoError(t, os.WriteFile(file, []byte(id.String()+"\n"), 0o600))
	return file, id.Recipient().String()
}

// The tool of the examples, as its users call it, against a server: made,
// listed, verified and restored, on another machine that has the repository and
// an identity only.
func TestPgops(t *testing.T) {
	t.Parallel()
	p := server(t, 15, []string{"--data-checksums"})
	prepare(t, p)
	program := filepath.Join(t.TempDir(), "pgops")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "github.com/masaruk/devops/examples/pgops").CombinedOutput()
	require.NoError(t, err, "%s", out)
	here, there := machine{program, t.TempDir()}, machine{program, t.TempDir()}
	repo := filepath.Join(t.TempDir(), "repo")
	file, recipient := identityFile(t)
	dsn := conninfo(p)

	var made struct{ Repository, Fingerprint, Keys string }
	here.works(t, &made, "init", "-repo", repo, "-recipient", recipient)
	require.True(t, strings.HasPrefix(made.Keys, filepath.Join(here.home, "conf", "pgops")))
	var fit struct{ Fit bool }
	here.works(t, &fit, "doctor", "-repo", repo, "-conninfo", dsn)
	require.True(t, fit.Fit)
	var all []struct {
		ID         string
		Restorable bool
		Void       string
	}
	here.works(t, &all, "list", "-repo", repo)
	require.NotNil(t, all)
	require.Empty(t, all)
	var backup struct{ ID, Kind string }
	here.works(t, &backup, "backup", "-repo", repo, "-conninfo", dsn)
	require.Equal(t, "postgresql", backup.Kind)
	here.works(t, &all, "list", "-repo", repo)
	require.Len(t, all, 1)
	require.True(t, all[0].Restorable)
	require.Equal(t, backup.ID, all[0].ID)

	restoresElsewhere(t, p, there, repo, file, made.Fingerprint, backup.ID)
	refusesElsewhere(t, p, here, there, repo, file, dsn, backup.ID)
}

func restoresElsewhere(t *testing.T, p *testenv.PostgresServer, there machine, repo, file, fingerprint, id string) {
	var verified struct {
		Backup string
		Deep   bool
	}
	there.works(t, &verified, "verify", "-repo", repo, "-identity", file, "-deep", "-fingerprint", fingerprint)
	require.Equal(t, id, verified.Backup)
	require.True(t, verified.Deep)
	dir := filepath.Join(open(t, p), "data")
	var plan struct{ Target string }
	there.works(t, &plan, "restore", "-repo", repo, "-identity", file, "-target-dir", dir, "-dry-run")
	require.Equal(t, dir, plan.Target)
	require.NoDirExists(t, dir)
	var rep struct {
		Backup struct{ ID string }
		Proof  struct{ Databases []string }
	}
	user := ""
	if os.Geteuid() == 0 {
		user = p.User()
	}
	there.works(t, &rep, "restore", "-repo", repo, "-identity", file, "-target-dir", dir, "-backup", id, "-prove", "-user", user)
	require.Equal(t, id, rep.Backup.ID)
	require.Contains(t, rep.Proof.Databases, "postgres")
	sockets := open(t, p)
	launch(t, p, sockets, "-D", dir, "-p", fmt.Sprint(p.Port), "-c", "listen_addresses=")
	require.Equal(t, "50000", psql(t, p, sockets, "SELECT count(*) FROM moved"))
	there.fails(t, "not empty", "restore", "-repo", repo, "-identity", file, "-target-dir", dir)
}

func refusesElsewhere(t *testing.T, p *testenv.PostgresServer, here, there machine, repo, file, dsn, id string) {
	other, _ := identityFile(t)
	dir := filepath.Join(t.TempDir(), "data")
	there.fails(t, "identity", "restore", "-repo", repo, "-identity", other, "-target-dir", dir)
	there.fails(t, "holds no repository", "verify", "-repo", filepath.Join(t.TempDir(), "none"), "-identity", file)
	there.fails(t, "-keys", "backup", "-repo", repo, "-conninfo", dsn)
	here.fails(t, "PGPASSFILE", "backup", "-repo", repo, "-conninfo", dsn+" password="+hidden)
	here.fails(t, "refused", "doctor", "-repo", repo, "-conninfo", "host=127.0.0.1 port=1 user=u dbname=d sslmode=disable")

	part := ""
	require.NoError(t, filepath.WalkDir(filepath.Join(repo, "data", id), func(name string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(name, ".tar.zst.age") {
			part = name
		}
		return err
	}))
	whole, err := os.ReadFile(part)
	require.NoError(t, err)
	whole[len(whole)/2] ^= 1
	require.NoError(t, os.Chmod(part, 0o600))
	require.NoError(t, os.WriteFile(part, whole, 0o600))
	there.fails(t, filepath.Base(part), "verify", "-repo", repo, "-identity", file, "-deep")
	there.fails(t, filepath.Base(part), "restore", "-repo", repo, "-identity", file, "-target-dir", dir, "-prove")
	require.FileExists(t, filepath.Join(dir, "devops-restore-incomplete.json"))

	name := filepath.Join(p.DataDir(), sql(t, p, "CHECKPOINT", "SELECT pg_relation_filepath('big')")[0][0])
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte{0xde, 0xad}, 5*8192+4000)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	here.fails(t, "corrupt", "backup", "-repo", repo, "-conninfo", dsn)
	code, out, _ := here.pgops(t, "list", "-repo", repo)
	require.Zero(t, code)
	require.Contains(t, out, "void")
}
