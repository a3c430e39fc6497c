package git

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/masaruk/devops/secrets"
)

// Repository says where a repository is and how to get at it.
type Repository struct {
	// URL is https://host/path, ssh://[user@]host/path or [user@]host:path;
	// with Allow also http://, git://, file:// or an absolute path. It holds
	// no password, and for http and https no user either.
	URL string `json:"url"`
	// Credential, if set, is sent to a server of https.
	Credential *Credential `json:"credential,omitempty"`
	// SSHCommand is the command line of ssh, for a shell, such as
	// "ssh -o BatchMode=yes -i /etc/devops/deploy_key"; empty is
	// "ssh -o BatchMode=yes -o ConnectTimeout=30 -o ServerAliveInterval=30",
	// which asks nothing, knows no new host, and leaves a server that is silent.
	SSHCommand string `json:"ssh_command,omitempty"`
	// CAFile is a file of certificates in PEM on the host that the server's
	// is judged by; empty is the system's.
	CAFile string `json:"ca_file,omitempty"`
	// Allow names further transports that may be spoken: "http", "git",
	// "file". Content stays what its hash says, but over http and git others
	// may read along, and file runs programs on the repository's folder.
	Allow []string `json:"allow,omitempty"`
}

// Credential is a token, by its name in a source.
type Credential struct {
	// User goes with the token; empty is "git", which servers that look at the
	// token alone accept.
	User string `json:"user,omitempty"`
	// Name is the token's in Source. It is looked up when the step runs.
	Name   string         `json:"name"`
	Source secrets.Source `json:"-"`
}

// scpLike is [user@]host:path, which git takes for ssh.
var scpLike = regexp.MustCompile(`^(?:[A-Za-z0-9_][A-Za-z0-9._-]*@)?[A-Za-z0-9][A-Za-z0-9.-]*:[A-Za-z0-9_./~][^\s:]*$`)

var furtherTransports = []string{"http", "git", "file"}

// validate reports every problem of the fields.
func (r Repository) validate() error {
	var errs []error
	scheme, err := r.scheme()
	if err != nil {
		errs = append(errs, fmt.Errorf("field Repository.URL %w", err))
	}
	for i, t := range r.Allow {
		if !slices.Contains(furtherTransports, t) {
			errs = append(errs, fmt.Errorf("field Repository.Allow[%d]: %q is none of %s", i, t, strings.Join(furtherTransports, ", ")))
		}
	}
	if slices.Contains(furtherTransports, scheme) && !slices.Contains(r.Allow, scheme) {
		errs = append(errs, fmt.Errorf("field Repository.URL is %s, which Repository.Allow does not name", scheme))
	}
	if r.CAFile != "" && !path.IsAbs(r.CAFile) {
		errs = append(errs, fmt.Errorf("field Repository.CAFile: %q is not absolute", r.CAFile))
	}
	if c := r.Credential; c != nil {
		if scheme != "https" && err == nil {
			errs = append(errs, fmt.Errorf("field Repository.Credential is for https, and the URL is %s", scheme))
		}
		if c.Name == "" || c.Source == nil {
			errs = append(errs, errors.New("field Repository.Credential: Name and Source must be set"))
		}
		if strings.ContainsFunc(c.User, func(r rune) bool { return r == ':' || unicode.IsControl(r) }) {
			errs = append(errs, errors.New("field Repository.Credential.User holds a colon or a control character"))
		}
	}
	return errors.Join(errs...)
}

// scheme is the transport of the URL. Errors do not quote the URL, which may
// hold what it must not.
func (r Repository) scheme() (string, error) {
	switch {
	case r.URL == "":
		return "", errors.New("is empty")
	case strings.HasPrefix(r.URL, "-"), strings.ContainsFunc(r.URL, func(r rune) bool { return unicode.IsControl(r) || r == ' ' }):
		return "", errors.New("begins with \"-\" or holds a space or control character")
	case strings.Contains(r.URL, "::"):
		return "", errors.New("names a remote helper, which could run any program")
	case path.IsAbs(r.URL):
		return "file", nil
	case !strings.Contains(r.URL, "://"):
		if !scpLike.MatchString(r.URL) {
			return "", errors.New("is neither a URL, nor host:path, nor an absolute path")
		}
		return "ssh", nil
	}
	u, err := url.Parse(r.URL)
	if err != nil {
		return "", errors.New("cannot be parsed")
	}
	return u.Scheme, checkURL(u)
}

func checkURL(u *url.URL) error {
	_, password := u.User.Password()
	web := u.Scheme == "https" || u.Scheme == "http"
	switch {
	case password:
		return errors.New("holds a password; use Credential")
	case web && u.User != nil:
		return errors.New("holds a user, which may be a token; use Credential")
	case u.RawQuery != "" || u.Fragment != "":
		return errors.New("holds a query or a fragment; use Credential for a token")
	case u.Scheme != "file" && u.Hostname() == "":
		return errors.New("has no host")
	case strings.HasPrefix(u.Hostname(), "-"), strings.HasPrefix(u.User.Username(), "-"), strings.HasPrefix(u.Path, "/-"):
		return errors.New("has a part that begins with \"-\"")
	case !web && u.Scheme != "ssh" && !slices.Contains(furtherTransports, u.Scheme):
		return fmt.Errorf("has the scheme %q; use https or ssh", u.Scheme)
	}
	return nil
}

// origin is what the credential is for: scheme, host and port.
func (r Repository) origin() string {
	u, err := url.Parse(r.URL)
	if err != nil { // validate has looked
		return ""
	}
	return u.Scheme + "://" + u.Host + "/"
}

const (
	authVar  = "DEVOPS_GIT_AUTHORIZATION"
	tokenVar = "DEVOPS_GIT_TOKEN"
)

// secrets looks the credential up. The token stands there by itself too, so
// that it is filtered wherever the server may repeat it.
func (r Repository) secrets(ctx context.Context) (map[string]secrets.Value, error) {
	c := r.Credential
	if c == nil {
		return nil, nil
	}
	token, err := c.Source.Lookup(ctx, c.Name)
	if err != nil {
		return nil, fmt.Errorf("credential: %w", err)
	}
	if token.IsZero() || strings.ContainsAny(token.Reveal(), "\r\n\x00") {
		return nil, fmt.Errorf("credential: secret %q is empty or has several lines; a token is one line", c.Name)
	}
	user := c.User
	if user == "" {
		user = "git"
	}
	basic := base64.StdEncoding.EncodeToString([]byte(user + ":" + token.Reveal()))
	return map[string]secrets.Value{
		authVar:  secrets.New("Authorization: Basic " + basic),
		tokenVar: token,
	}, nil
}

// checkRef applies the rules of git-check-ref-format(1).
func checkRef(ref string) error {
	bad := func(r rune) bool { return unicode.IsControl(r) || strings.ContainsRune(" ~^:?*[\\", r) }
	if strings.HasPrefix(ref, "-") || strings.ContainsFunc(ref, bad) || strings.Contains(ref, "..") ||
		strings.Contains(ref, "@{") || ref == "@" || strings.HasSuffix(ref, ".") {
		return fmt.Errorf("%q is not a name of a branch or tag", ref)
	}
	for part := range strings.SplitSeq(ref, "/") {
		if part == "" || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock") {
			return fmt.Errorf("%q is not a name of a branch or tag", ref)
		}
	}
	return nil
}
