package agesource

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"

	"filippo.io/age"
	"filippo.io/age/armor"

	"github.com/masaruk/devops/secrets"
)

// readFile reads a regular file of at most limit bytes. What allowed refuses
// is not read; the error tells nothing of what is.
func readFile(path string, limit int64, allowed func(fs.FileInfo) error) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: %s", ErrNoFile, path) // not fs.ErrNotExist: that is an answer
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular(): // to open a pipe could take for ever
		return nil, fmt.Errorf("%s: %w: it is not a regular file but %s", path, fs.ErrInvalid, info.Mode().Type())
	}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrNoFile, path)
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	if allowed != nil {
		if info, err = file.Stat(); err != nil {
			return nil, err
		}
		if err := allowed(info); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	text, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("%s has more than %d bytes", path, limit)
	}
	return text, nil
}

func (s *Source) identities() ([]age.Identity, error) {
	if s.opts.IdentityFile == "" {
		return s.opts.Identities, nil
	}
	text, err := readFile(s.opts.IdentityFile, secrets.MaxSize, private)
	if err != nil {
		return nil, fmt.Errorf("identity file: %w", err)
	}
	all := append([]age.Identity(nil), s.opts.Identities...)
	for i, line := range bytes.Split(text, []byte("\n")) {
		line = bytes.TrimSuffix(line, []byte("\r"))
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		// One line at a time: an error of age might show a part of it.
		ids, err := age.ParseIdentities(bytes.NewReader(line))
		if err != nil {
			return nil, fmt.Errorf("identity file: %s: line %d is no identity of age", s.opts.IdentityFile, i+1)
		}
		all = append(all, ids...)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("identity file: %s: there is no identity in it", s.opts.IdentityFile)
	}
	return all, nil
}

// private refuses a file that others than its owner can use.
func private(info fs.FileInfo) error {
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return fmt.Errorf("%w: its mode is %04o, which lets others than its owner in: chmod it to 0600", fs.ErrPermission, mode)
	}
	return nil
}

const intro = "age-encryption.org/"

// decrypt returns the whole of what is sealed, or an error that shows nothing
// of it. Errors of age may: they tell how a file begins that is not encrypted.
func decrypt(sealed []byte, identities []age.Identity) ([]byte, error) {
	var from io.Reader = bytes.NewReader(sealed)
	switch {
	case bytes.HasPrefix(bytes.TrimLeft(sealed, " \t\r\n"), []byte(armor.Header)):
		from = armor.NewReader(from)
	case !bytes.HasPrefix(sealed, []byte(intro)):
		return nil, fmt.Errorf("%w: it does not begin as age begins its files", ErrCorrupt)
	}
	var failed error // of an identity that is not age's own
	plain, err := age.Decrypt(from, watched(identities, &failed)...)
	var others *age.NoIdentityMatchError
	switch {
	case errors.As(err, &others):
		return nil, ErrWrongIdentity
	case failed != nil:
		return nil, fmt.Errorf("an identity failed: %w", failed)
	case err != nil:
		return nil, fmt.Errorf("%w: its header cannot be read", ErrCorrupt)
	}
	text, err := io.ReadAll(io.LimitReader(plain, secrets.MaxSize+1))
	if len(text) > secrets.MaxSize {
		return nil, fmt.Errorf("it holds more than %d bytes", secrets.MaxSize)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: its content is not as it was written, or not all there", ErrCorrupt)
	}
	return text, nil
}

// watched lets failed be the error of an identity that is not age's own, such
// as one on a device: it says nothing about the file.
func watched(identities []age.Identity, failed *error) []age.Identity {
	all := make([]age.Identity, 0, len(identities))
	for _, id := range identities {
		switch id.(type) {
		case *age.X25519Identity, *age.HybridIdentity, *age.ScryptIdentity:
			all = append(all, id)
		default:
			all = append(all, &foreign{id, failed})
		}
	}
	return all
}

type foreign struct {
	age.Identity
	failed *error
}

func (f *foreign) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	key, err := f.Identity.Unwrap(stanzas)
	if err != nil && !errors.Is(err, age.ErrIncorrectIdentity) {
		*f.failed = err
	}
	return key, err
}
