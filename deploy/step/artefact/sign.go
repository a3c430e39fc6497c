package artefact

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/internal/durable"
	"github.com/masaruk/devops/internal/hashlog"
)

// noteName is the first line of a signature. No stream of a run log is called
// so, and a head of one is therefore no signature of an artefact.
const noteName = "devops artefact v1"

// maxNote is the size of the largest signature in bytes.
const maxNote = 64 << 10

// sigFile is where the signature of an archive is.
func sigFile(archive string) string { return archive + ".sig" }

// sign returns the note.
func sign(key deploy.SigningKey, digest string, size int64) (string, error) {
	s, err := hashlog.NewSigner(key.Name, key.Key)
	if err != nil {
		return "", fmt.Errorf("field Signer: %w", err)
	}
	return s.Sign(noteName, hashlog.Head{Seq: uint64(size), Hash: raw(digest)}), nil
}

// checkNote wants a note by one of the keys about this archive.
func checkNote(keys []deploy.VerifyingKey, note, digest string, size int64) error {
	var errs []error
	for _, k := range keys {
		v, err := hashlog.NewVerifier(k.Name, k.Key)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		head, err := v.Open(noteName, note)
		if err == nil && (head.Hash != raw(digest) || head.Seq != uint64(size)) {
			err = errors.New("it is about another artefact")
		}
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return fmt.Errorf("%w: %w", ErrSignature, errors.Join(errs...))
}

// checkKeys reports keys that cannot verify anything.
func checkKeys(keys []deploy.VerifyingKey) error {
	var errs []error
	for i, k := range keys {
		if _, err := hashlog.NewVerifier(k.Name, k.Key); err != nil {
			errs = append(errs, fmt.Errorf("field Keys[%d]: %w", i, err))
		}
	}
	return errors.Join(errs...)
}

// readNote reads the signature beside an archive.
func readNote(archive string) (string, error) {
	f, err := os.Open(sigFile(archive))
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%w: there is no %s", ErrSignature, sigFile(archive))
	}
	if err != nil {
		return "", err
	}
	defer f.Close() // read only
	note, err := io.ReadAll(io.LimitReader(f, maxNote+1))
	if err == nil && len(note) > maxNote {
		err = fmt.Errorf("%w: the signature has more than %d bytes", ErrLimit, maxNote)
	}
	return string(note), err
}

// writeNote puts the signature beside an archive, "" is none.
func writeNote(ctx context.Context, fsys durable.FS, archive, note string) error {
	if note == "" {
		return remove(fsys, sigFile(archive))
	}
	return writeFile(ctx, fsys, sigFile(archive), func(w io.Writer) error {
		_, err := io.WriteString(w, note)
		return err
	})
}
