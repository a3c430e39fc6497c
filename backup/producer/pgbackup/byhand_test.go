//go:build unix

package pgbackup_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The commands of FORMAT.md restore a server that starts, with age, zstd, tar,
// jq and ssh-keygen, and psql reads what was there.
func TestRestoreByHand(t *testing.T) {
	t.Parallel()
	p := server(t, 15, nil)
	prepare(t, p)
	r := newRepo(t)
	made, err := r.Backup(t.Context(), producer(t, conninfo(p), nil))
	require.NoError(t, err)
	text, err := os.ReadFile("../../FORMAT.md")
	require.NoError(t, err)
	var commands strings.Builder
	for _, word := range []string{"restore", "start"} {
		blocks := regexp.MustCompile("(?s)```sh "+word+"\n(.*?)```").FindAllStringSubmatch(string(text), -1)
		require.NotEmpty(t, blocks, word)
		for _, block := range blocks {
			commands.WriteString(block[1])
		}
	}
	target := filepath.Join(open(t, p), "data")
	require.NoError(t, os.Mkdir(target, 0o700))
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", commands.String())
	cmd.Env = append(os.Environ(), "REPOSITORY="+r.dir, "IDENTITY="+r.identity, "BACKUP="+made.ID, "TARGET="+target, "SERVER_USER="+p.User())
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	tool(t, p, "pg_verifybackup", target)
	sockets := open(t, p)
	launch(t, p, sockets, "-D", target, "-p", fmt.Sprint(p.Port), "-c", "listen_addresses=")
	require.Equal(t, "150000", psql(t, p, sockets, "SELECT count(*) FROM big WHERE text = md5(n::text)"))
	require.Equal(t, "50000", psql(t, p, sockets, "SELECT count(*) FROM moved"))
	require.Equal(t, target+".tablespaces/", psql(t, p, sockets, "SELECT left(pg_tablespace_location(oid), "+fmt.Sprint(len(target)+13)+") FROM pg_tablespace WHERE spcname = 'elsewhere'"))
}
