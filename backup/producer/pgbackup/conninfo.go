package pgbackup

import (
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/masaruk/devops/secrets"
)

// parse reads the connection string. A password in it is refused: it would be
// in the list of processes, in shell histories and in logs.
func parse(conninfo string, password secrets.Value) (*pgconn.Config, error) {
	if holdsPassword(conninfo) {
		return nil, errors.New("the connection string holds a password, which whoever lists the processes can read: give it as Options.Password, or by PGPASSWORD, PGPASSFILE or ~/.pgpass")
	}
	config, err := pgconn.ParseConfig(conninfo)
	if err != nil { // the text of the error may show the string
		return nil, errors.New(`the connection string is neither of the form "host=... user=..." nor of "postgres://user@host/", or it or the PG... variables name a file that cannot be read`)
	}
	if !password.IsZero() {
		config.Password = password.Reveal()
	}
	config.RuntimeParams["application_name"] = "devops backup"
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 30 * time.Second
	}
	return config, nil
}

// holdsPassword finds a password that the string itself gives, and not the
// environment. Where the string is malformed it errs towards finding one.
func holdsPassword(conninfo string) bool {
	if strings.HasPrefix(conninfo, "postgres://") || strings.HasPrefix(conninfo, "postgresql://") {
		u, err := url.Parse(conninfo)
		if err != nil { // it is refused in any case
			return false
		}
		if _, ok := u.User.Password(); ok {
			return true
		}
		for key := range u.Query() {
			if secretKey(key) {
				return true
			}
		}
		return false
	}
	for rest := conninfo; ; {
		key, value, ok := strings.Cut(rest, "=")
		if !ok {
			return false
		}
		words := strings.Fields(key)
		if len(words) > 0 && secretKey(words[len(words)-1]) {
			return true
		}
		value = strings.TrimLeft(value, " \t\n\r\v\f")
		if first, _, ok := strings.Cut(value, "="); ok && secretKey(first) { // host= password=...: it would be the host
			return true
		}
		rest = behindValue(value)
	}
}

func secretKey(key string) bool {
	key = strings.ToLower(strings.TrimSpace(key))
	return key == "password" || key == "sslpassword"
}

// behindValue returns what follows the value at the beginning of a list of
// keywords and values: quoted, or up to a space, with backslashes that escape.
func behindValue(s string) string {
	quoted := strings.HasPrefix(s, "'")
	i := 0
	if quoted {
		i = 1
	}
	for ; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case quoted && s[i] == '\'', !quoted && strings.IndexByte(" \t\n\r\v\f", s[i]) >= 0:
			return s[i+1:]
		}
	}
	return ""
}
