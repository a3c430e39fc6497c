package release

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Validate joins every problem of the specification. Each wraps [ErrID] or
// [ErrSpec], and none shows a value.
func (s *Spec) Validate() error {
	_, err := s.check()
	return err
}

// check validates and returns the content of the env file; nil is none.
func (s *Spec) check() ([]byte, error) {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), ErrSpec))
	}
	if err := checkID(s.ID); err != nil {
		errs = append(errs, fmt.Errorf("ID %q: %w", s.ID, err))
	}
	if (s.From == nil) == (s.Fill == nil) {
		bad("give either From or Fill")
	}
	if name := s.envFile(); !fs.ValidPath(name) || strings.ContainsAny(name, `/\`) || name == "." {
		bad("EnvFile %q is not the name of a file in the release", name)
	}
	for i, p := range s.Shared {
		if !fs.ValidPath(p) || p == "." || !filepath.IsLocal(filepath.FromSlash(p)) {
			bad("Shared[%d] %q is not a path inside the release", i, p)
		}
		for j, q := range s.Shared {
			if i != j && (p == q && i < j || strings.HasPrefix(q, p+"/")) {
				bad("Shared[%d] %q is inside Shared[%d] %q", j, q, i, p)
			}
		}
		if p == s.envFile() || strings.HasPrefix(path.Clean(s.envFile()), p+"/") {
			bad("Shared[%d] %q is the env file, which belongs to the release", i, p)
		}
	}
	env, err := s.encodeEnv()
	return env, errors.Join(append(errs, err)...)
}

func (s *Spec) envFile() string {
	if s.EnvFile == "" {
		return "env"
	}
	return s.EnvFile
}

// encodeEnv returns the env file, sorted by name.
func (s *Spec) encodeEnv() ([]byte, error) {
	if len(s.Env)+len(s.Secrets) == 0 {
		return nil, nil
	}
	values := map[string]string{}
	var errs []error
	maps.Copy(values, s.Env)
	for name, value := range s.Secrets {
		if _, twice := values[name]; twice {
			errs = append(errs, fmt.Errorf("variable %s is in Env and in Secrets: %w", name, ErrSpec))
		}
		values[name] = value.Reveal()
	}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	var text []byte
	for _, name := range names {
		quoted, ok := quote(values[name])
		switch {
		case !nameSyntax.MatchString(name):
			errs = append(errs, fmt.Errorf("variable %q is not letters, digits and _: %w", name, ErrSpec))
		case !ok:
			errs = append(errs, fmt.Errorf("variable %s has a value that no dotenv file can carry (all kinds of quotes, a zero byte, or the like); encode it in base64: %w", name, ErrSpec))
		}
		text = fmt.Appendf(text, "%s=%s\n", name, quoted)
	}
	return text, errors.Join(errs...)
}
