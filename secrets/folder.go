package secrets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
)

// NewFolder is a source of the files in dir, as Docker, Kubernetes and systemd
// provide secrets: a name is the slash-separated path of a file below dir, the
// secret is what the file holds without one line ending ("\n" or "\r\n") at
// its end. (OpenSSH wants its private keys with one; add it again.)
//
// The folder and the file are opened at each call, so it does not matter when
// either is replaced; whoever replaces a file writes another and renames it,
// since half a file looks like a whole secret. A hanging file system holds up
// a call that has begun, whatever its context says.
//
// Refused are names that are not as [fs.ValidPath] wants them, links that lead
// out of dir, what is not a regular file (Docker makes a folder where the file
// to mount is missing), files of more than [MaxSize] bytes and those that hold
// the [Placeholder]. A folder that does not exist, or a link on the way to the
// file that leads nowhere, is an error other than not found. (Kubernetes lets a
// link lead to another folder and removes the old one: a look in the middle of
// that is made again, twice at most.)
//
// The error says that dir is empty; whether it exists is seen at each call.
func NewFolder(dir string) (Source, error) {
	if dir == "" {
		return nil, errors.New("secrets: folder: the path of the folder is empty")
	}
	return &source{"folder " + dir, func(_ context.Context, name string) (Value, error) {
		if !fs.ValidPath(name) {
			return Value{}, fmt.Errorf(`a name is a path below the folder, without "..", "." and empty elements: %w`, fs.ErrInvalid)
		}
		root, err := os.OpenRoot(dir)
		if err != nil {
			return Value{}, otherThanMissing("the folder cannot be opened", err)
		}
		defer func() { _ = root.Close() }() // it was only read
		return readSecret(root, name)
	}}, nil
}

// looks is how often a file is looked for where a link on the way may just be
// replaced.
const looks = 3

func readSecret(root *os.Root, name string) (v Value, err error) {
	for range looks {
		v, err = readFile(root, name)
		if errors.Is(err, fs.ErrNotExist) {
			err = notFound(root, name, err)
		}
		if !errors.Is(err, errLink) {
			break
		}
	}
	return v, err
}

var errLink = errors.New("a link on the way to it leads nowhere, or is being replaced")

// notFound returns err if it is an answer: the folder that has no such file was
// the right one from before the look until after it.
func notFound(root *os.Root, name string, err error) error {
	folder := path.Dir(name)
	before, errBefore := root.Stat(folder)
	_, errFile := root.Lstat(name)
	after, errAfter := root.Stat(folder)
	switch {
	case !errors.Is(errFile, fs.ErrNotExist), // it is a link, or there by now
		errBefore != nil && linked(root, folder),
		errBefore == nil && (errAfter != nil || !os.SameFile(before, after)):
		return fmt.Errorf("%w (%v)", errLink, err)
	}
	return err
}

// linked tells whether there is a link among the folders on the way to one.
func linked(root *os.Root, folder string) bool {
	for end, c := range folder + "/" {
		if c != '/' {
			continue
		}
		if info, err := root.Lstat(folder[:end]); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			return true
		}
	}
	return false
}

func readFile(root *os.Root, name string) (Value, error) {
	info, err := root.Stat(name)
	if err != nil {
		return Value{}, err
	}
	if !info.Mode().IsRegular() { // to open a pipe could take for ever
		return Value{}, fmt.Errorf("%w: it is not a regular file but %s", fs.ErrInvalid, info.Mode().Type())
	}
	file, err := root.Open(name)
	if err != nil {
		return Value{}, err
	}
	defer func() { _ = file.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(file, MaxSize+1))
	if err != nil {
		return Value{}, err
	}
	if len(text) > MaxSize {
		return Value{}, fmt.Errorf("the file has more than %d bytes", MaxSize)
	}
	return loaded(string(text))
}

// otherThanMissing returns err, or an error with its text where err would be
// taken to mean that there is no such secret.
func otherThanMissing(what string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %v", what, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}
