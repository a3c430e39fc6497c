package tcpcheck

import (
	"context"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// One of several addresses, or a name server, may have run out of its share of the
// time long before the run has.
func TestATimeoutOfAPartIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		begun := time.Now()
		require.Equal(t, os.ErrDeadlineExceeded, because(ctx, os.ErrDeadlineExceeded))
		require.Zero(t, time.Since(begun))
	})
}
