package leakscan

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// ErrFindings reports that there are findings.
var ErrFindings = errors.New("there are secrets where none may be: revoke each, or allow it where it is none")

// Check returns an error if [Scanner.Tree] finds something in fsys that is not
// in Options.Baseline, or cannot read all of it. The error is an [*Error] that
// wraps [ErrFindings] and lists the first 20 findings, as far as there are any,
// and the errors of Tree. A step of a deployment runs it as
//
//	func(ctx context.Context) error { return scanner.Check(ctx, fsys) }
func (s *Scanner) Check(ctx context.Context, fsys fs.FS) error {
	var findings []Finding
	var errs []error
	for f, err := range s.Tree(ctx, fsys) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		findings = append(findings, f)
	}
	findings, _ = s.baseline.Filter(findings)
	if len(findings) > 0 {
		errs = append([]error{listed(findings)}, errs...)
	}
	if len(errs) == 0 {
		return nil
	}
	return &Error{Op: "check", Err: errors.Join(errs...)}
}

// listed returns the error of findings.
func listed(findings []Finding) error {
	const most = 20
	var lines strings.Builder
	for _, f := range findings[:min(len(findings), most)] {
		lines.WriteString("\n\t" + f.String())
	}
	if more := len(findings) - most; more > 0 {
		fmt.Fprintf(&lines, "\n\tand %d more", more)
	}
	return fmt.Errorf("%w:%s", ErrFindings, lines.String())
}
