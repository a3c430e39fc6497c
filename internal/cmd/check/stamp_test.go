package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStampIsFreshOnlyForTheSamePinsAndProducts(t *testing.T) {
	b := testBench(t)
	product := b.tool("prog")
	mark := b.newStamp("prog", []string{product}, "v1", "lock")
	require.False(t, mark.fresh(), "nothing is installed yet")

	require.ErrorContains(t, mark.write(), "left no prog", "an installer that lied")
	require.False(t, mark.fresh())

	require.NoError(t, b.makeBin())
	require.NoError(t, os.WriteFile(product, nil, 0o755))
	require.False(t, mark.fresh(), "a product without a stamp may be half written")
	require.NoError(t, mark.write())
	require.True(t, b.newStamp("prog", []string{product}, "v1", "lock").fresh())

	for name, pins := range map[string][]string{
		"another version": {"v2", "lock"}, "another lock": {"v1", "lock2"},
		"shifted text": {"v1l", "ock"}, "fewer": {"v1"}, "more": {"v1", "lock", ""},
	} {
		require.False(t, b.newStamp("prog", []string{product}, pins...).fresh(), name)
	}

	require.NoError(t, mark.remove())
	require.False(t, mark.fresh(), "an installation that began has not ended")
	require.NoError(t, mark.remove(), "removing no stamp is no error")

	require.NoError(t, mark.write())
	require.NoError(t, os.Remove(product))
	require.False(t, mark.fresh(), "somebody took the product away")
	require.NoError(t, os.Mkdir(product, 0o755))
	require.False(t, mark.fresh())
	require.ErrorContains(t, mark.write(), "no file")
}
