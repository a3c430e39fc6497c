package sentrysink

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/getsentry/sentry-go"

	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/secrets"
)

// parseDSN reads a DSN. The error says what is wrong, and never shows a part of
// it: any may be the key, where it was put together wrongly.
func parseDSN(env envconfig.Environment, dsn secrets.Value) (*sentry.Dsn, error) {
	text := dsn.Reveal()
	if strings.TrimSpace(text) != text {
		return nil, badDSN("there is space around it")
	}
	parsed, err := sentry.NewDsn(text)
	if parseErr, ok := errors.AsType[*sentry.DsnParseError](err); ok && !strings.HasPrefix(parseErr.Message, "invalid url") {
		return nil, badDSN(map[string]string{
			"invalid scheme":   "it does not begin with https://",
			"empty username":   "the key before @ is missing",
			"empty host":       "the host behind @ is missing",
			"invalid port":     "the port is no number",
			"empty project id": "the project at its end is missing",
		}[parseErr.Message])
	}
	if err != nil {
		return nil, badDSN("it is no URL")
	}
	if parsed.GetScheme() == "http" && !isLoopback(parsed.GetHost()) && !env.Rules.HTTPS.Has(envconfig.Off) {
		return nil, &envconfig.Violation{
			Field: "HTTPS", Rule: "is demanded in " + env.Name, Want: env.Rules.HTTPS.String(), Got: "off",
			Hint: "give a DSN that begins with https://",
		}
	}
	return parsed, nil
}

func badDSN(why string) error {
	if why == "" {
		why = "sentry-go refuses it"
	}
	return fmt.Errorf("the DSN is not of the form https://KEY@HOST/PROJECT: %s; copy it from the project's settings, Client Keys (it is not shown here)", why)
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
