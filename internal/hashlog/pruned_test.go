package hashlog_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/internal/hashlog"
)

func TestAdvanceIsForWhatWasSealedLast(t *testing.T) {
	chain, lines := hashlog.NewChain("api/stg"), [][]byte(nil)
	for i := range 3 {
		_, other, err := chain.Seal("not stored")
		require.NoError(t, err)
		line, next, err := chain.Seal(i)
		require.NoError(t, err)
		require.Error(t, chain.Advance(other), "another one was sealed since")
		require.Error(t, chain.Advance(hashlog.Head{Seq: next.Seq}))
		require.NoError(t, chain.Advance(next))
		require.Equal(t, next, chain.Head())
		require.Error(t, chain.Advance(next), "twice")
		require.Error(t, chain.Advance(hashlog.Head{}))
		lines = append(lines, line)
	}
	_, read, err := open("api/stg", lines)
	require.NoError(t, err)
	require.Equal(t, chain.Head(), read.Head())
}

// openPruned opens lines of which the first may be any.
func openPruned(lines [][]byte) (*hashlog.Chain, error) {
	chain := hashlog.NewChain("api/stg")
	for _, line := range lines {
		if _, err := chain.OpenPruned(line); err != nil {
			return chain, err
		}
	}
	return chain, nil
}

func TestAChainWithoutItsBeginning(t *testing.T) {
	lines, head := seal(t, "api/stg", 1, 2, 3, 4, 5)
	whole, err := openPruned(lines)
	require.NoError(t, err)
	require.Equal(t, hashlog.NewChain("api/stg").Head(), whole.Base())
	for n := 1; n < len(lines); n++ {
		_, _, err := open("api/stg", lines[n:])
		require.ErrorIs(t, err, hashlog.ErrReordered, "Open takes nothing on trust")
		chain, err := openPruned(lines[n:])
		require.NoError(t, err)
		require.Equal(t, head, chain.Head())
		require.Equal(t, whole.At(uint64(n)), chain.Base())
		require.Zero(t, chain.At(uint64(n-1)))
		require.Zero(t, chain.At(uint64(len(lines)+1)))
		for seq := range len(lines) + 1 {
			at := whole.At(uint64(seq))
			require.Equal(t, seq >= n, chain.Has(at))
			wrong := at
			wrong.Hash[0]++
			require.False(t, chain.Has(wrong))
			err := chain.CheckAnchor(at)
			if seq < n {
				require.ErrorIs(t, err, hashlog.ErrPruned)
				continue
			}
			require.NoError(t, err)
			require.ErrorIs(t, chain.CheckAnchor(wrong), hashlog.ErrSpliced)
		}
		require.ErrorIs(t, chain.CheckAnchor(hashlog.Head{Seq: 6}), hashlog.ErrTruncated)
		require.False(t, chain.Has(hashlog.Head{}))
	}
}

// What stands behind the first record is verified as ever.
func TestDamageBehindAMissingBeginning(t *testing.T) {
	lines, _ := seal(t, "api/stg", 1, 2, 3, 4, 5)
	other, _ := seal(t, "api/stg", 1, 2, 9, 4, 5)
	edited := append([]byte(nil), lines[2]...)
	edited[len(edited)-2]++
	for name, c := range map[string]struct {
		lines [][]byte
		want  error
	}{
		"first edited": {[][]byte{edited, lines[3]}, hashlog.ErrEdited},
		"one missing":  {[][]byte{lines[2], lines[4]}, hashlog.ErrReordered},
		"going back":   {[][]byte{lines[2], lines[1]}, hashlog.ErrReordered},
		"another past": {[][]byte{lines[2], other[3]}, hashlog.ErrSpliced},
		"no record":    {[][]byte{[]byte("{}")}, hashlog.ErrEdited},
	} {
		_, err := openPruned(c.lines)
		require.ErrorIs(t, err, c.want, name)
	}
}
