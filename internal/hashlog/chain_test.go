package hashlog_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/internal/hashlog"
)

var update = flag.Bool("update", false, "write the golden files anew")

type body struct {
	Step string `json:"step"`
	Note string `json:"note,omitempty"`
}

var bodies = []any{
	body{Step: "stage", Note: `a -> b & "c" <d> é ` + "\u2028\n"},
	map[string]any{"n": 1, "list": []int{1, 2}},
	json.RawMessage(" { \"spaced\" :\n 1 } "),
	nil,
	"text }",
}

// seal makes a chain of the bodies and returns its lines and its last head.
func seal(t testing.TB, stream string, bodies ...any) ([][]byte, hashlog.Head) {
	t.Helper()
	chain := hashlog.NewChain(stream)
	var lines [][]byte
	for i, b := range bodies {
		line, next, err := chain.Seal(b)
		require.NoError(t, err)
		require.Equal(t, uint64(i), chain.Head().Seq, "Seal does not advance")
		_, err = chain.Open(line)
		require.NoError(t, err)
		require.Equal(t, next, chain.Head())
		lines = append(lines, line)
	}
	return lines, chain.Head()
}

// open opens lines in order and returns the bodies and the first error.
func open(stream string, lines [][]byte) (bodies []string, chain *hashlog.Chain, err error) {
	chain = hashlog.NewChain(stream)
	for _, line := range lines {
		b, err := chain.Open(line)
		if err != nil {
			return bodies, chain, err
		}
		bodies = append(bodies, string(b))
	}
	return bodies, chain, nil
}

func TestGolden(t *testing.T) {
	path := filepath.Join("testdata", "v1.jsonl")
	lines, head := seal(t, "api/stg", bodies...)
	got := append(bytes.Join(lines, []byte("\n")), '\n')
	if *update {
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))

	read, chain, err := open("api/stg", bytes.Split(bytes.TrimSuffix(want, []byte("\n")), []byte("\n")))
	require.NoError(t, err)
	require.Equal(t, head, chain.Head())
	require.Equal(t, []string{
		`{"step":"stage","note":"a -> b & \"c\" <d> é \u2028\n"}`,
		`{"list":[1,2],"n":1}`, `{"spaced":1}`, `null`, `"text }"`,
	}, read)
}

// The formula of the package comment, by other means than the package's.
func TestFormula(t *testing.T) {
	lines, _ := seal(t, "api/stg", bodies...)
	prev := fmt.Sprintf("%x", sha256.Sum256([]byte("devops hashlog v1\nstream api/stg\n")))
	for i, line := range lines {
		var r struct {
			V, Seq     int
			Prev, Hash string
			Body       json.RawMessage
		}
		require.NoError(t, json.Unmarshal(line, &r))
		require.NotContains(t, string(line), "\n")
		require.Equal(t, 1, r.V)
		require.Equal(t, i+1, r.Seq)
		require.Equal(t, prev, r.Prev)
		prev = fmt.Sprintf("%x", sha256.Sum256([]byte("devops hashlog v1\n"+fmt.Sprint(r.Seq)+"\n"+r.Prev+"\n"+string(r.Body))))
		require.Equal(t, prev, r.Hash)
	}
}

func TestDamage(t *testing.T) {
	lines, _ := seal(t, "api/stg", 1, 2, 3, 4)
	other, _ := seal(t, "api/prod", 1, 2, 3, 4)
	history, _ := seal(t, "api/stg", 1, "another past", 3, 4)
	replace := func(i int, line []byte) [][]byte {
		c := slices.Clone(lines)
		c[i] = line
		return c
	}
	edit := func(i int, old, new string) [][]byte {
		return replace(i, []byte(strings.Replace(string(lines[i]), old, new, 1)))
	}
	tests := []struct {
		name  string
		lines [][]byte
		seq   uint64
		want  error
	}{
		{"body edited", edit(1, `"body":2`, `"body":9`), 2, hashlog.ErrEdited},
		{"number edited", edit(1, `"seq":2`, `"seq":3`), 2, hashlog.ErrEdited},
		{"spaces", edit(1, `,"body"`, `, "body"`), 2, hashlog.ErrEdited},
		{"leading zero", edit(1, `"seq":2`, `"seq":02`), 2, hashlog.ErrEdited},
		{"upper case", replace(1, bytes.ToUpper(lines[1])), 2, hashlog.ErrEdited},
		{"upper-case hash", edit(1, sub(lines[1], `"hash":"`), strings.ToUpper(sub(lines[1], `"hash":"`))), 2, hashlog.ErrEdited},
		{"empty line", replace(2, nil), 3, hashlog.ErrEdited},
		{"half a line", replace(3, lines[3][:40]), 4, hashlog.ErrEdited},
		{"line feed at the end", replace(3, append(slices.Clone(lines[3]), '\n')), 4, hashlog.ErrEdited},
		{"version 0", edit(0, `"v":1`, `"v":0`), 1, hashlog.ErrEdited},
		{"version 2", edit(0, `"v":1`, `"v":2`), 1, hashlog.ErrVersion},
		{"two swapped", [][]byte{lines[0], lines[2], lines[1], lines[3]}, 2, hashlog.ErrReordered},
		{"one missing", [][]byte{lines[0], lines[2], lines[3]}, 2, hashlog.ErrReordered},
		{"first missing", lines[1:], 1, hashlog.ErrReordered},
		{"one twice", [][]byte{lines[0], lines[1], lines[1], lines[2]}, 3, hashlog.ErrReordered},
		{"another stream", other, 1, hashlog.ErrSpliced},
		{"record of another stream", replace(2, other[2]), 3, hashlog.ErrSpliced},
		{"record of another past", replace(2, history[2]), 3, hashlog.ErrSpliced},
		{"replaced together with its hash", replace(1, history[1]), 3, hashlog.ErrSpliced},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, chain, err := open("api/stg", tt.lines)
			require.ErrorIs(t, err, tt.want)
			var e *hashlog.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, "api/stg", e.Stream)
			require.Equal(t, tt.seq, e.Seq)
			require.Contains(t, err.Error(), fmt.Sprintf("stream api/stg, record %d: ", tt.seq))
			require.Equal(t, tt.seq-1, chain.Head().Seq, "the chain stays where it was")
		})
	}
}

// sub returns the 64 digits behind the marker.
func sub(line []byte, marker string) string {
	_, rest, _ := strings.Cut(string(line), marker)
	return rest[:64]
}

func TestTruncationNeedsAnAnchor(t *testing.T) {
	lines, head := seal(t, "api/stg", 1, 2, 3)
	_, cut, err := open("api/stg", lines[:2])
	require.NoError(t, err, "a cut at a record boundary leaves a correct chain")
	err = cut.CheckAnchor(head)
	require.ErrorIs(t, err, hashlog.ErrTruncated)
	require.ErrorContains(t, err, "ends at record 2, the anchor is for record 3")

	_, whole, err := open("api/stg", lines)
	require.NoError(t, err)
	for _, anchor := range []hashlog.Head{head, cut.Head(), hashlog.NewChain("api/stg").Head()} {
		require.NoError(t, whole.CheckAnchor(anchor))
	}
	_, rewritten := seal(t, "api/stg", 1, 2, "x")
	require.ErrorIs(t, whole.CheckAnchor(rewritten), hashlog.ErrSpliced)
	require.ErrorIs(t, whole.CheckAnchor(hashlog.Head{}), hashlog.ErrSpliced, "an anchor that says nothing proves nothing")
}

func TestSealRefusesWhatIsNoJSON(t *testing.T) {
	chain := hashlog.NewChain("api/stg")
	_, _, err := chain.Seal(make(chan int))
	var e *hashlog.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, uint64(1), e.Seq)
}

func TestHeadText(t *testing.T) {
	_, head := seal(t, "api/stg", 1, 2)
	text, err := json.Marshal(head)
	require.NoError(t, err)
	require.Equal(t, `"`+head.String()+`"`, string(text))
	var back hashlog.Head
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, head, back)
	for _, bad := range []string{"", "2", "2:", ":" + head.String()[2:], "+" + head.String(), strings.ToUpper(head.String()), head.String() + "0"} {
		require.Error(t, back.UnmarshalText([]byte(bad)), "%q", bad)
	}
	require.Equal(t, head, back)
}

func TestEveryByteCounts(t *testing.T) {
	lines, _ := seal(t, "api/stg", bodies...)
	text := append(bytes.Join(lines, []byte("\n")), '\n')
	for pos := range text {
		for _, mask := range []byte{1, 0x20, 0x80} {
			checkFlip(t, text, pos, mask)
		}
	}
}

func FuzzFlip(f *testing.F) {
	golden, err := os.ReadFile(filepath.Join("testdata", "v1.jsonl"))
	require.NoError(f, err)
	for pos := 0; pos < len(golden); pos += 37 {
		f.Add(pos, byte(1))
	}
	f.Fuzz(func(t *testing.T, pos int, mask byte) {
		if pos < 0 || mask == 0 {
			return
		}
		checkFlip(t, golden, pos%len(golden), mask)
	})
}

// checkFlip fails if a flipped byte goes unnoticed and changes a body.
func checkFlip(t *testing.T, text []byte, pos int, mask byte) {
	damaged := slices.Clone(text)
	damaged[pos] ^= mask
	want, _, err := open("api/stg", split(text))
	require.NoError(t, err)
	got, _, err := open("api/stg", split(damaged))
	if err == nil {
		require.Equal(t, want, got, "byte %d changed by %#x", pos, mask)
	}
}

func split(text []byte) [][]byte {
	return bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
}

func FuzzOpen(f *testing.F) {
	lines, _ := seal(f, "api/stg", bodies...)
	for _, line := range lines {
		f.Add(line)
	}
	f.Add([]byte(`{"v":1,"seq":1,"prev":"`))
	f.Fuzz(func(t *testing.T, line []byte) {
		chain := hashlog.NewChain("api/stg")
		before := chain.Head()
		b, err := chain.Open(line)
		if err != nil {
			require.Equal(t, before, chain.Head())
			return
		}
		require.True(t, json.Valid(b))
		require.Equal(t, uint64(1), chain.Head().Seq)
	})
}
