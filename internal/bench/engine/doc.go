// Package engine measures what the deploy engine costs beside a plain loop
// that has the same effects.
package engine
