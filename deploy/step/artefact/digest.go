package artefact

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/masaruk/devops/deploy"
)

// MaxSize is the size in bytes of the largest archive: 5 GiB, which is also
// what S3 takes in one request.
const MaxSize = 5 << 30

const digestPrefix = "sha256:"

var (
	digestRE = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
	outputRE = regexp.MustCompile(`^\$\{[A-Za-z0-9][A-Za-z0-9._-]*\}$`)
)

// checkDigest wants the form that Pack provides.
func checkDigest(digest string) error {
	if !digestRE.MatchString(digest) {
		return fmt.Errorf("%q is no digest; want \"sha256:\" and 64 lower-case hex digits", digest)
	}
	return nil
}

// checkDigestField also takes the name of an output.
func checkDigestField(digest string) error {
	if outputRE.MatchString(digest) {
		return nil
	}
	if err := checkDigest(digest); err != nil {
		return fmt.Errorf("field Digest: %w, or ${output}", err)
	}
	return nil
}

// bound returns the digest of a field for this run.
func bound(c *deploy.Call, field string) (string, error) {
	digest, err := c.Expand(field)
	if err == nil {
		err = checkDigest(digest)
	}
	return digest, err
}

func format(sum hash.Hash) string { return digestPrefix + hex.EncodeToString(sum.Sum(nil)) }

// raw is the hash in a digest that was checked.
func raw(digest string) (sum [sha256.Size]byte) {
	b, err := hex.DecodeString(strings.TrimPrefix(digest, digestPrefix))
	if err == nil {
		copy(sum[:], b)
	}
	return sum
}

// reader reads until ctx ends or there is more than allowed.
type reader struct {
	ctx  func() error
	r    io.Reader
	left int64
	over error
}

func newReader(ctx context.Context, r io.Reader, most int64, over error) *reader {
	return &reader{func() error { return context.Cause(ctx) }, r, most, over}
}

func (l *reader) Read(p []byte) (int, error) {
	if err := l.ctx(); err != nil {
		return 0, err
	}
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, l.over
	}
	return n, err
}

var errTooLarge = fmt.Errorf("%w: an archive has at most %d bytes", ErrLimit, int64(MaxSize))

// copyChecked copies an archive to w and returns its size. An archive that
// does not have the digest is an error, after all of it was copied.
func copyChecked(ctx context.Context, w io.Writer, r io.Reader, digest string) (int64, error) {
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, sum), newReader(ctx, r, MaxSize, errTooLarge))
	if err == nil && format(sum) != digest {
		err = fmt.Errorf("%w: it has %s", ErrDigest, format(sum))
	}
	return n, err
}

// checkFile checks the digest of a file and returns its size.
func checkFile(ctx context.Context, name, digest string) (size int64, err error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close() // read only
	return copyChecked(ctx, io.Discard, f, digest)
}
