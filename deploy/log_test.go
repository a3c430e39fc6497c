package deploy_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy"
)

func TestWhatALogRefuses(t *testing.T) {
	for _, name := range []string{"a", "prod/api", "a.b_c-d/0", "..."} {
		require.NoError(t, deploy.CheckStream(name), name)
	}
	for _, name := range []string{"", "/", "a/", "/a", "a//b", ".", "a/..", "A", "a b", "a\n", "é"} {
		require.ErrorIs(t, deploy.CheckStream(name), deploy.ErrStreamName, name)
	}
	require.NoError(t, deploy.CheckRecord([]byte("{}")))
	require.NoError(t, deploy.CheckRecord([]byte(strings.Repeat("1", deploy.MaxRecord))))
	for _, rec := range []string{"", "{\n}", "\"\x00\"", strings.Repeat("1", deploy.MaxRecord+1)} {
		require.ErrorIs(t, deploy.CheckRecord([]byte(rec)), deploy.ErrRecord)
	}
}
