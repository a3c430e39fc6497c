package monitor

import (
	"context"

	"github.com/masaruk/devops/secrets"
)

// redactorKey is where the context of a run has the redactor of its monitor.
type redactorKey struct{}

// withRedactor makes the context from which those of the runs are made.
func withRedactor(ctx context.Context, r *secrets.Redactor) context.Context {
	return context.WithValue(ctx, redactorKey{}, r)
}

// Redact removes from a text what the Options.Redactor of the monitor that calls
// the check knows. A monitor does that to all that a check returns; a check that
// quotes only a part of what somebody else said calls it before it cuts, because
// half a secret is not recognised any more. The context is the one that the check
// was called with; where no monitor with a redactor called it, the text is
// returned as it is.
func Redact(ctx context.Context, text string) string {
	r, _ := ctx.Value(redactorKey{}).(*secrets.Redactor)
	return r.String(text)
}
