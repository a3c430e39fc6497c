package artefact_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/deploy/step/artefact"
)

// A bad entry leaves nothing, neither at the target nor anywhere else.
func TestHostileArchives(t *testing.T) {
	dir := func(name string) entry { return entry{name: name, typ: tar.TypeDir} }
	file := func(name string) entry { return entry{name: name, typ: tar.TypeReg, body: "x"} }
	link := func(name, to string) entry { return entry{name: name, typ: tar.TypeSymlink, link: to} }
	for name, entries := range map[string][]entry{
		"parent":                  {file("../evil")},
		"parent inside":           {file("a/../../evil")},
		"parent that stays":       {dir("a/"), file("a/../b")},
		"absolute":                {file("/evil")},
		"absolute folder":         {dir("/evil/")},
		"hidden dot":              {file("a/./b")},
		"empty element":           {file("a//b")},
		"dot":                     {file(".")},
		"not text":                {file("a\xff")},
		"absolute link":           {link("l", "/etc")},
		"link outside":            {link("l", "../evil")},
		"deep link outside":       {dir("a/"), link("a/l", "../../evil")},
		"link up again":           {dir("d/"), link("d/x", ".."), link("y", "d/x/../evil")},
		"empty link":              {link("l", "")},
		"through a link":          {link("l", "."), file("l/evil")},
		"through a link outside":  {link("l", "../"), file("l/evil")},
		"folder through a link":   {dir("a/"), link("l", "a"), dir("l/b/")},
		"replaced link":           {link("l", "a"), file("l")},
		"link over a file":        {file("l"), link("l", "a")},
		"file twice":              {file("a"), file("a")},
		"folder twice":            {dir("a/"), dir("a/")},
		"folder over a file":      {file("a"), dir("a/")},
		"below a file":            {file("a"), file("a/b")},
		"implied folder and file": {file("a/b"), file("a")},
		"hard link":               {file("a"), {name: "b", typ: tar.TypeLink, link: "a"}},
		"hard link outside":       {{name: "b", typ: tar.TypeLink, link: "/etc/passwd"}},
		"device":                  {{name: "b", typ: tar.TypeBlock}},
		"character device":        {{name: "b", typ: tar.TypeChar}},
		"pipe":                    {{name: "b", typ: tar.TypeFifo}},
		"after good ones":         {dir("a/"), file("a/b"), file("../evil")},
	} {
		archive, digest := made(t, entries...)
		root := t.TempDir()
		err := unpack(t.Context(), artefact.Unpack{Archive: archive, Digest: digest, Dir: filepath.Join(root, "v", "1")})
		require.ErrorIs(t, err, artefact.ErrUnsafe, name)
		require.Equal(t, []string{"v"}, names(t, root), name)
		require.Empty(t, names(t, filepath.Join(root, "v")), name)
	}
}

// Archives of other programs are welcome as long as they are safe.
func TestForeignArchives(t *testing.T) {
	archive, digest := made(t,
		entry{name: "pax_global_header", typ: tar.TypeXGlobalHeader, body: "0123"},
		entry{name: "./", typ: tar.TypeDir},
		entry{name: "./a/b", typ: tar.TypeReg, body: "no folder before it"},
		entry{name: "./a/", typ: tar.TypeDir},
		entry{name: "a/l", typ: tar.TypeSymlink, link: "./../a/b"},
	)
	into := filepath.Join(t.TempDir(), "v1")
	require.NoError(t, unpack(t.Context(), artefact.Unpack{Archive: archive, Digest: digest, Dir: into}))
	require.Equal(t, []string{"/a drwxr--r--", "/a/b -rw-r--r-- \"no folder before it\"", "/a/l Lrwxrwxrwx -> ./../a/b"}, shape(t, into))
}

func TestLimits(t *testing.T) {
	const size = 100 << 10
	var entries []entry
	for i := range 10 {
		entries = append(entries, entry{name: fmt.Sprintf("d/%d", i), typ: tar.TypeReg, body: strings.Repeat("x", size/10)})
	}
	archive, digest := made(t, entries...)
	for _, test := range []struct {
		limits artefact.Limits
		ok     bool
	}{
		{artefact.Limits{}, true},
		{artefact.Limits{Bytes: -1, Entries: -1}, true},
		{artefact.Limits{Bytes: size}, false},
		{artefact.Limits{Bytes: size + 11*1024}, true},
		{artefact.Limits{Entries: 10}, false}, // the folder counts
		{artefact.Limits{Entries: 11}, true},
	} {
		root := t.TempDir()
		err := unpack(t.Context(), artefact.Unpack{Archive: archive, Digest: digest, Dir: filepath.Join(root, "v1"), Limits: test.limits})
		if test.ok {
			require.NoError(t, err, "%+v", test.limits)
			continue
		}
		require.ErrorIs(t, err, artefact.ErrLimit, "%+v", test.limits)
		require.ErrorContains(t, err, "Limits.")
		require.Empty(t, names(t, root))
	}
}

// A bomb is stopped where its limit is, in a header that promises much, behind
// the end of the tar, and in what is left out.
func TestBombs(t *testing.T) {
	zeros := func(head []byte) []byte {
		var b bytes.Buffer
		zw := gzip.NewWriter(&b)
		_, err := zw.Write(head)
		require.NoError(t, err)
		chunk := make([]byte, 1<<20)
		for range 4 {
			_, err := zw.Write(chunk)
			require.NoError(t, err)
		}
		require.NoError(t, zw.Close())
		return b.Bytes()
	}
	var head bytes.Buffer
	require.NoError(t, tar.NewWriter(&head).WriteHeader(&tar.Header{Name: "a", Typeflag: tar.TypeReg, Size: 4 << 20}))
	for name, content := range map[string][]byte{"one file": zeros(head.Bytes()), "behind the end": zeros(make([]byte, 1024))} {
		archive, digest := stored(t, content)
		root := t.TempDir()
		err := unpack(t.Context(), artefact.Unpack{Archive: archive, Digest: digest, Dir: filepath.Join(root, "v1"), Limits: artefact.Limits{Bytes: 1 << 20}})
		require.ErrorIs(t, err, artefact.ErrLimit, name)
		require.Empty(t, names(t, root), name)
	}
}

func TestNoArchive(t *testing.T) {
	good, digest := pack(t, tree(t, 0), nil)
	content, err := os.ReadFile(good)
	require.NoError(t, err)
	for name, bad := range map[string][]byte{
		"empty": nil, "text": []byte("hello"), "cut": content[:len(content)/2], "without checksum": content[:len(content)-8],
	} {
		archive, badDigest := stored(t, bad)
		root := t.TempDir()
		into := filepath.Join(root, "v1")
		require.Error(t, unpack(t.Context(), artefact.Unpack{Archive: archive, Digest: badDigest, Dir: into}), name)
		require.Empty(t, names(t, root), name)
		require.ErrorIs(t, unpack(t.Context(), artefact.Unpack{Archive: archive, Digest: digest, Dir: into}), artefact.ErrDigest, name)
		require.Empty(t, names(t, root), name)
	}
}

func TestCheckLink(t *testing.T) {
	for target, ok := range map[string]bool{
		"x": true, "./x": true, "../x": true, "../../x": true, "../../../x": false, "x/..": false, "../x/../y": false,
		"..": true, "../..": true, "/x": false, "": false, "a\\b": false, "a\x00": false, "x//y/": true,
	} {
		require.Equal(t, ok, artefact.CheckLink("a/b/l", target) == nil, target)
	}
}

// requireInside judges what os.Root says of a link.
func requireInside(t *testing.T, err error) {
	t.Helper()
	for _, fine := range []error{nil, fs.ErrNotExist, syscall.ENOTDIR, syscall.ELOOP, syscall.ENAMETOOLONG} {
		if errors.Is(err, fine) {
			return
		}
	}
	require.NoError(t, err)
}

// FuzzExtract looks for archives that reach outside or make something
// unexpected.
func FuzzExtract(f *testing.F) {
	add := func(file string) {
		content, err := os.ReadFile(file)
		require.NoError(f, err)
		zr, err := gzip.NewReader(bytes.NewReader(content))
		require.NoError(f, err)
		var plain bytes.Buffer
		_, err = plain.ReadFrom(zr)
		require.NoError(f, err)
		f.Add(plain.Bytes())
	}
	good, _ := pack(f, tree(f, 0), nil)
	add(good)
	for _, e := range []entry{
		{name: "../evil", typ: tar.TypeReg}, {name: "l", typ: tar.TypeSymlink, link: "../evil"}, {name: "d/", typ: tar.TypeDir},
	} {
		file, _ := made(f, e, entry{name: "l/x", typ: tar.TypeReg, body: "x"})
		add(file)
	}
	f.Fuzz(func(t *testing.T, plain []byte) {
		var b bytes.Buffer
		zw := gzip.NewWriter(&b)
		_, err := zw.Write(plain)
		require.NoError(t, err)
		require.NoError(t, zw.Close())
		root := t.TempDir()
		dir := filepath.Join(root, "in", "side")
		require.NoError(t, os.MkdirAll(dir, 0o700))
		err = artefact.Extract(context.Background(), &b, dir, artefact.Limits{Bytes: 1 << 20, Entries: 100})
		require.Equal(t, []string{"in"}, names(t, root))
		require.Equal(t, []string{"side"}, names(t, filepath.Join(root, "in")))
		if err != nil {
			return
		}
		inside, err := os.OpenRoot(dir)
		require.NoError(t, err)
		defer inside.Close() // read only
		require.NoError(t, filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
			if err == nil && e.Type()&fs.ModeSymlink != 0 {
				_, err := inside.Stat(name[len(dir)+1:])
				requireInside(t, err)
			}
			return err
		}))
		// What can be unpacked can be packed again.
		_, err = artefact.Archive(context.Background(), io.Discard, dir)
		require.NoError(t, err)
	})
}

// TestSparse has a hole of a terabyte in an archive of some hundred bytes: what
// is written is limited, not only what is read.
func TestSparse(t *testing.T) {
	const hole = 1 << 40
	plain := sparse(t, hole)
	var packed bytes.Buffer
	zw := gzip.NewWriter(&packed)
	_, err := zw.Write(plain)
	require.NoError(t, errors.Join(err, zw.Close()))
	archive, digest := stored(t, packed.Bytes())
	root := t.TempDir()
	err = unpack(t.Context(), artefact.Unpack{Archive: archive, Digest: digest, Dir: filepath.Join(root, "v1"), Limits: artefact.Limits{Bytes: 1 << 20}})
	require.ErrorIs(t, err, artefact.ErrLimit)
	require.ErrorContains(t, err, "Limits.Bytes")
	require.Empty(t, names(t, root))
}

// sparse is a tar with one file of that size, all of it a hole, in the PAX
// format 1.0 of GNU tar, which archive/tar reads and does not write.
func sparse(t *testing.T, size int64) []byte {
	t.Helper()
	var records strings.Builder
	for _, kv := range []string{"GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.name=a", fmt.Sprintf("GNU.sparse.realsize=%d", size)} {
		n := len(kv) + 3
		for len(fmt.Sprintf("%d %s\n", n, kv)) != n {
			n++
		}
		records.WriteString(fmt.Sprintf("%d %s\n", n, kv))
	}
	var b bytes.Buffer
	for _, part := range []struct {
		typ  byte
		body string
	}{{tar.TypeXHeader, records.String()}, {tar.TypeReg, fmt.Sprintf("1\n%d\n0\n", size) + strings.Repeat("\x00", 512-len(fmt.Sprintf("1\n%d\n0\n", size)))}} {
		var one bytes.Buffer
		tw := tar.NewWriter(&one)
		require.NoError(t, tw.WriteHeader(&tar.Header{Name: "a", Typeflag: tar.TypeReg, Mode: 0o600, Size: int64(len(part.body)), Format: tar.FormatUSTAR}))
		_, err := tw.Write([]byte(part.body))
		require.NoError(t, err)
		require.NoError(t, tw.Flush())
		block := one.Bytes()
		block[156] = part.typ
		copy(block[148:156], "        ")
		sum := 0
		for _, c := range block[:512] {
			sum += int(c)
		}
		copy(block[148:156], fmt.Sprintf("%06o\x00 ", sum))
		b.Write(block)
	}
	b.Write(make([]byte, 1024))
	return b.Bytes()
}

// TestPlantedLinks has links where a killed process would have left its files:
// what they lead to is not touched.
func TestPlantedLinks(t *testing.T) {
	root, victim := t.TempDir(), t.TempDir()
	precious := filepath.Join(victim, "precious")
	require.NoError(t, os.WriteFile(precious, []byte("precious"), 0o600))

	file := filepath.Join(root, "api.tar.gz")
	require.NoError(t, os.Symlink(precious, filepath.Join(root, ".api.tar.gz.part")))
	require.NoError(t, os.Symlink(precious, filepath.Join(root, ".api.tar.gz.sig.part")))
	signer, _ := key("build")
	digest, err := (&artefact.Pack{Dir: tree(t, 0), Archive: file, Signer: &signer}).Make(t.Context())
	require.NoError(t, err)
	for _, made := range []string{file, file + ".sig"} {
		info, err := os.Lstat(made)
		require.NoError(t, err)
		require.True(t, info.Mode().IsRegular(), made)
	}

	require.NoError(t, os.Symlink(victim, filepath.Join(root, ".v1.unpack")))
	require.NoError(t, unpack(t.Context(), artefact.Unpack{Archive: file, Digest: digest, Dir: filepath.Join(root, "v1")}))
	info, err := os.Lstat(filepath.Join(root, "v1"))
	require.NoError(t, err)
	require.True(t, info.IsDir())
	require.Equal(t, []string{"precious"}, names(t, victim))
	content, err := os.ReadFile(precious)
	require.NoError(t, err)
	require.Equal(t, "precious", string(content))
}
