package httpcall

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestTheTimeOfAnAttempt is what the field Timeout promises: a slow call that is
// made once is not cut off in the middle of its time.
func TestTheTimeOfAnAttempt(t *testing.T) {
	require.Negative(t, (&Request{Method: "POST"}).options().AttemptTimeout)
	require.Zero(t, (&Request{Method: "POST", KeyHeader: "Idempotency-Key"}).options().AttemptTimeout)
	require.Zero(t, (&Request{}).options().AttemptTimeout)
	require.Equal(t, time.Hour, (&Request{Method: "POST", Timeout: time.Hour}).options().AttemptTimeout)
}
