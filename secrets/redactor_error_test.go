package secrets_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets"
)

const leakedKey = "S3CR3T-key-value"

// fieldError shows its secret only with %#v.
type fieldError struct{ key string }

func (e *fieldError) Error() string { return "no access" }

// stackError shows it only with %+v.
type stackError struct{ key string }

func (e stackError) Error() string { return "no stack" }
func (e stackError) Format(f fmt.State, verb rune) {
	if f.Flag('+') && verb == 'v' {
		fmt.Fprintf(f, "no stack\n%s", e.key)
		return
	}
	fmt.Fprint(f, "no stack")
}

// offering makes up another error when asked for a *fieldError.
type offering struct{ key func() string }

func (offering) Error() string { return "offering" }
func (o offering) As(target any) bool {
	if p, ok := target.(**fieldError); ok {
		*p = &fieldError{o.key()}
		return true
	}
	return false
}

type nilError struct{ text string }

func (e *nilError) Error() string { return e.text }

type endless struct{ depth int }

func (e endless) Error() string { return "endless" }
func (e endless) Unwrap() error { return endless{e.depth + 1} }

func TestErrorHidesOnEveryExit(t *testing.T) {
	r := redactor(t, leakedKey)
	var broken *nilError
	for name, err := range map[string]error{
		"text":           errors.New("bad key " + leakedKey),
		"wrapped":        fmt.Errorf("load: %w", errors.New("bad key "+leakedKey)),
		"below only":     &hiding{errors.New("bad key " + leakedKey)},
		"joined":         errors.Join(fs.ErrNotExist, errors.New(leakedKey)),
		"escaped":        &url.Error{Op: "Get", URL: "https://h/?k=S3CR3T-key%2Dvalue&b=UzNDUjNULWtleS12YWx1ZQ==", Err: os.ErrDeadlineExceeded},
		"%#v only":       &fieldError{leakedKey},
		"%+v only":       stackError{leakedKey},
		"%+v only below": fmt.Errorf("load: %w", stackError{leakedKey}),
		"a nil pointer":  fmt.Errorf("load %s: %w", leakedKey, broken),
		"path":           &fs.PathError{Op: "open", Path: "/run/" + leakedKey, Err: fs.ErrPermission},
	} {
		t.Run(name, func(t *testing.T) {
			got := r.Error(err)
			requireErrorHides(t, got)
			requireErrorHides(t, fmt.Errorf("again: %w", got))
			requireErrorHides(t, r.Error(got))
			require.Nil(t, errors.Unwrap(got), "there is no way to the original")
			require.ErrorIs(t, got, err)
			var field *fieldError
			require.False(t, errors.As(got, &field) && field.key == leakedKey)
		})
	}
}

// hiding keeps the text of what it wraps to itself.
type hiding struct{ err error }

func (*hiding) Error() string   { return "failed" }
func (h *hiding) Unwrap() error { return h.err }

func requireErrorHides(t *testing.T, err error) {
	t.Helper()
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%10.3v"} {
		for _, holder := range []any{err, struct{ Err error }{err}, []error{err}, struct{ err error }{err}} {
			text := fmt.Sprintf(format, holder)
			require.NotContains(t, text, leakedKey, format)
			require.NotContains(t, text, "UzNDUjNULWtleS12YWx1ZQ", format)
		}
	}
	require.NotContains(t, err.Error(), leakedKey)
}

func TestErrorKeepsWhatIsSafe(t *testing.T) {
	r := redactor(t, leakedKey)
	path := &fs.PathError{Op: "open", Path: "/etc/app", Err: fs.ErrPermission}
	err := fmt.Errorf("user %s: %w", leakedKey, errors.Join(errors.New(leakedKey), fmt.Errorf("configuration: %w", path)))
	got := r.Error(err)
	require.Equal(t, "user [redacted]: [redacted]\nconfiguration: open /etc/app: permission denied", got.Error())
	require.ErrorIs(t, got, fs.ErrPermission)
	require.NotErrorIs(t, got, fs.ErrNotExist)
	var found *fs.PathError
	require.ErrorAs(t, got, &found)
	require.Same(t, path, found)

	dirty := &fs.PathError{Op: "open", Path: leakedKey, Err: &fs.PathError{Op: "stat", Path: "x", Err: fs.ErrExist}}
	require.ErrorAs(t, r.Error(dirty), &found)
	require.Equal(t, "stat", found.Op, "the clean one below, not the one that holds the secret")

	around := &hiding{errors.New(leakedKey)}
	var h *hiding
	require.False(t, errors.As(r.Error(around), &h), "what it wraps could be had from it")
}

func TestErrorThatAsMakesUp(t *testing.T) {
	r := redactor(t, leakedKey)
	for _, key := range []string{leakedKey, "harmless"} {
		got := r.Error(errors.Join(errors.New(leakedKey), offering{func() string { return key }}))
		field := &fieldError{"before"}
		ok := errors.As(got, &field)
		require.Equal(t, key == "harmless", ok)
		require.Equal(t, map[bool]string{true: "harmless", false: "before"}[ok], field.key)
	}
}

func TestErrorIsTheSameWithoutSecrets(t *testing.T) {
	r := redactor(t, leakedKey)
	for _, err := range []error{nil, errors.New("plain"), fmt.Errorf("a: %w", errors.Join(fs.ErrExist, &fieldError{"k"})), stackError{"k"}} {
		require.Equal(t, err, r.Error(err))
		require.Equal(t, err, (*secrets.Redactor)(nil).Error(err))
		require.Equal(t, err, (&secrets.Redactor{}).Error(err))
	}
	err := errors.New("bad " + leakedKey)
	require.Same(t, err, (&secrets.Redactor{}).Error(err))
}

func TestErrorWithoutEnd(t *testing.T) {
	got := redactor(t, leakedKey).Error(endless{})
	require.Equal(t, "endless", got.Error())
	var path *fs.PathError
	require.False(t, errors.As(got, &path))
}

func ExampleRedactor_Error() {
	r, err := secrets.NewRedactor(secrets.New("correct horse"))
	if err != nil {
		panic(err)
	}
	_, err = os.Open("/nowhere/correct horse")
	err = r.Error(fmt.Errorf("read the key: %w", err))
	fmt.Println(errors.Is(err, fs.ErrNotExist))
	fmt.Println(err)
	// Output:
	// true
	// read the key: open /nowhere/[redacted]: no such file or directory
}
