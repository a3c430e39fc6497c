package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

// sameObject decides about a Put that took the whole body and was then told that
// the name is taken. Names are random, so the object can only be its own, whose
// answer was lost; it is read, and counts as stored if it is what was sent.
func sameObject(ctx context.Context, store Store, o StoredObject, taken error) error {
	body, err := store.Get(ctx, o.Name, 0, -1)
	if err != nil {
		return errors.Join(taken, err)
	}
	sum := sha256.New()
	n, err := io.Copy(sum, body)
	if err = errors.Join(err, body.Close()); err != nil {
		return errors.Join(taken, err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); n != o.Size || got != o.SHA256 {
		return fmt.Errorf("%w, by %d bytes with the SHA-256 %s; sent were %d with %s", taken, n, got, o.Size, o.SHA256)
	}
	return nil
}
