//go:build unix

package filestore_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/backup/store/filestore"
)

// childEnv makes the test binary a process that stores one object in the folder
// that it names.
const childEnv = "FILESTORE_TEST_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		if err := child(dir, os.Args[1], os.Args[2]); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child stores a MiB of the letter as the object "o", once it is told to. A
// child that is to stop does so in the middle of the body, and one whose files
// may not grow has half of the room.
func child(dir, kind, letter string) error {
	s, err := filestore.New(dir)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	stdin := bufio.NewReader(os.Stdin)
	if _, err := stdin.ReadString('\n'); err != nil {
		return err
	}
	body := bytes.Repeat([]byte(letter), 1<<20)
	var from io.Reader = bytes.NewReader(body)
	switch kind {
	case "stop":
		from = io.MultiReader(from, stopped{stdin})
	case "full":
		limit := syscall.Rlimit{Cur: 1 << 19, Max: 1 << 19}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			return err
		}
	}
	err = s.Put(context.Background(), "o", from)
	switch {
	case errors.Is(err, fs.ErrExist):
		fmt.Println("taken")
	case errors.Is(err, syscall.EFBIG):
		fmt.Println("full")
	case err == nil:
		fmt.Println("stored")
	default:
		return err
	}
	return nil
}

// stopped says that a body has come so far, and goes on when it is told to.
type stopped struct{ from *bufio.Reader }

func (s stopped) Read([]byte) (int, error) {
	fmt.Println("in the middle")
	_, err := s.from.ReadString('\n')
	return 0, err
}

// process is a child.
type process struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// start returns a child that is ready.
func start(t *testing.T, dir, kind, letter string) *process {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	p := &process{cmd: exec.CommandContext(t.Context(), exe, kind, letter)}
	p.cmd.Env, p.cmd.Stderr = []string{childEnv + "=" + dir}, os.Stderr
	p.in, err = p.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	p.out = bufio.NewReader(out)
	require.NoError(t, p.cmd.Start())
	require.Equal(t, "ready", p.line(t))
	return p
}

func (p *process) line(t *testing.T) string {
	t.Helper()
	text, err := p.out.ReadString('\n')
	require.NoError(t, err)
	return strings.TrimSpace(text)
}

func (p *process) tell(t *testing.T) {
	t.Helper()
	_, err := io.WriteString(p.in, "\n")
	require.NoError(t, err)
}

// Of several processes that store under one name at the same time one does.
func TestProcessesRace(t *testing.T) {
	for range 3 {
		dir := t.TempDir()
		var all []*process
		letters := "abcd"
		for _, letter := range letters {
			all = append(all, start(t, dir, "race", string(letter)))
		}
		for _, p := range all {
			p.tell(t)
		}
		winner := ""
		for i, p := range all {
			if answer := p.line(t); answer == "stored" {
				require.Empty(t, winner, "two have stored")
				winner = letters[i : i+1]
			} else {
				require.Equal(t, "taken", answer)
			}
			require.NoError(t, p.cmd.Wait())
		}
		require.NotEmpty(t, winner)
		s, err := filestore.New(dir)
		require.NoError(t, err)
		got, err := read(t, s, "o")
		require.NoError(t, err)
		require.Equal(t, strings.Repeat(winner, 1<<20), string(got))
		require.Equal(t, []string{"o"}, tree(t, dir))
	}
}

// A killed process leaves a file that nobody sees and Sweep removes.
func TestKilledInPut(t *testing.T) {
	dir := t.TempDir()
	p := start(t, dir, "stop", "a")
	p.tell(t)
	require.Equal(t, "in the middle", p.line(t))
	require.NoError(t, p.cmd.Process.Kill())
	require.Error(t, p.cmd.Wait())
	left := tree(t, dir)
	require.Len(t, left, 1)
	info, err := os.Stat(filepath.Join(dir, left[0]))
	require.NoError(t, err)
	require.EqualValues(t, 1<<20, info.Size())

	s, err := filestore.New(dir)
	require.NoError(t, err)
	_, err = read(t, s, "o")
	require.ErrorIs(t, err, fs.ErrNotExist)
	for o, err := range s.List(t.Context(), "") {
		require.NoError(t, err)
		t.Errorf("%s is listed", o.Name)
	}
	require.NoError(t, s.Sweep(t.Context(), info.ModTime()))
	require.Len(t, tree(t, dir), 1, "it may be at work")
	require.NoError(t, s.Sweep(t.Context(), info.ModTime().Add(time.Second)))
	require.Empty(t, tree(t, dir))
	require.NoError(t, s.Put(t.Context(), "o", strings.NewReader("x")))
}

// Where there is no room nothing is stored, and nothing stays.
func TestNoRoom(t *testing.T) {
	dir := t.TempDir()
	p := start(t, dir, "full", "a")
	p.tell(t)
	require.Equal(t, "full", p.line(t))
	require.NoError(t, p.cmd.Wait())
	require.Empty(t, tree(t, dir))
	s, err := filestore.New(dir)
	require.NoError(t, err)
	require.NoError(t, s.Put(t.Context(), "o", strings.NewReader("x")), "when there is room again")
}
