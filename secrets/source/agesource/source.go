package agesource

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"filippo.io/age"

	"github.com/masaruk/devops/secrets"
)

var (
	// ErrNoFile reports that the encrypted file, or that of the identities,
	// does not exist.
	ErrNoFile = errors.New("the file does not exist")
	// ErrWrongIdentity reports a file that is encrypted for other identities.
	ErrWrongIdentity = errors.New("the file is encrypted for other identities than those given")
	// ErrCorrupt reports a file that is damaged, or holds something else than
	// it should.
	ErrCorrupt = errors.New("the file is damaged or of another kind")
)

// Options says what decrypts the file and what is in it.
type Options struct {
	// IdentityFile is the path of a file with identities as age-keygen writes
	// them, one a line. It is read at each call. Outside of Windows its mode
	// must let nobody but its owner in. It must not be encrypted itself.
	IdentityFile string
	// Identities are tried before those of IdentityFile. One of them or
	// IdentityFile is needed.
	Identities []age.Identity
	// Name, if it is not empty, is that of the only secret, which is all that
	// the file holds, without one line ending ("\n" or "\r\n") at the end.
	// Otherwise the file holds a JSON object of strings.
	Name string
}

// Source gives the secrets of one encrypted file. Use [New] to make one.
type Source struct {
	path string
	opts Options
}

var _ secrets.Source = (*Source)(nil)

// New returns the source of the secrets in the file at path. Neither that file
// nor the identity file is read before the first call. The error says that path
// is empty or that there is no identity.
func New(path string, opts *Options) (*Source, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	switch {
	case path == "":
		return nil, errors.New("agesource: the path of the file is empty")
	case o.IdentityFile == "" && len(o.Identities) == 0:
		return nil, fmt.Errorf("agesource: %s: nothing can decrypt it: set IdentityFile or Identities", path)
	case slices.Contains(o.Identities, nil):
		return nil, fmt.Errorf("agesource: %s: one of Identities is nil", path)
	}
	o.Identities = slices.Clone(o.Identities)
	return &Source{path: path, opts: o}, nil
}

// Lookup decrypts the file and returns the secret of that name in it. Names
// are the keys of the JSON object, or only [Options].Name. A file of more than
// 2 * [secrets.MaxSize] bytes, or [secrets.MaxSize] once decrypted, is refused,
// and so is a secret that holds the [secrets.Placeholder]. A file system that
// hangs holds up the call, whatever ctx says.
func (s *Source) Lookup(ctx context.Context, name string) (secrets.Value, error) {
	v, err := s.lookup(ctx, name)
	if err != nil {
		return secrets.Value{}, &secrets.SourceError{Source: "age file " + s.path, Name: name, Err: err}
	}
	return v, nil
}

func (s *Source) lookup(ctx context.Context, name string) (secrets.Value, error) {
	switch {
	case ctx.Err() != nil:
		return secrets.Value{}, context.Cause(ctx)
	case name == "":
		return secrets.Value{}, errors.New("the name is empty")
	}
	sealed, err := readFile(s.path, 2*secrets.MaxSize, nil)
	if err != nil {
		return secrets.Value{}, err
	}
	identities, err := s.identities()
	if err != nil {
		return secrets.Value{}, err
	}
	text, err := decrypt(sealed, identities)
	if err != nil {
		return secrets.Value{}, err
	}
	found, err := s.find(text, name)
	if err != nil {
		return secrets.Value{}, err
	}
	var v secrets.Value
	err = v.UnmarshalText(found)
	return v, err
}

func (s *Source) find(text []byte, name string) ([]byte, error) {
	if s.opts.Name == "" {
		return member(text, name)
	}
	if name != s.opts.Name {
		return nil, fmt.Errorf("the file holds one secret, %q: %w", s.opts.Name, fs.ErrNotExist)
	}
	return withoutLineEnding(text), nil
}
