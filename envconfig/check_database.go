package envconfig

import (
	"net/netip"
	"net/url"
	"strings"
)

// databaseSchemes holds the schemes of addresses of databases, each with the
// name it is compared by and the port that the address may leave out.
var databaseSchemes = map[string]struct{ name, port string }{
	"postgres": {"postgres", "5432"}, "postgresql": {"postgres", "5432"},
	"mysql": {"mysql", "3306"}, "mariadb": {"mysql", "3306"},
	"mongodb": {"mongodb", "27017"}, "mongodb+srv": {"mongodb", "27017"},
	"redis": {"redis", "6379"}, "rediss": {"redis", "6379"},
	"sqlserver": {"sqlserver", "1433"},
}

// databasesOf returns what the databases are called that text is the address
// of, such as "postgres db.internal:5432/app", one for each server. Who enters
// and how (user, password, parameters) makes no difference. A server on the
// same machine is another one on each machine, so it is not among them.
func databasesOf(text string) []string {
	scheme, rest, ok := strings.Cut(strings.TrimSpace(text), "://")
	kind, known := databaseSchemes[strings.ToLower(scheme)]
	if !ok || !known {
		return nil
	}
	user, hosts, name, query := splitAddress(rest)
	if h := query.Get("host"); h != "" {
		hosts = h
	}
	if d := query.Get("dbname"); d != "" {
		name = d
	}
	if name == "" {
		name = defaultDatabase(kind.name, user)
	}
	var out []string
	for host := range strings.SplitSeq(hosts, ",") {
		host, port := splitPort(host)
		if query.Get("port") != "" {
			port = query.Get("port")
		}
		if port == "" {
			port = kind.port
		}
		host = strings.TrimSuffix(strings.ToLower(host), ".")
		if host == "" || strings.HasPrefix(host, "/") || isLoopback(host) {
			continue
		}
		out = append(out, kind.name+" "+host+":"+port+"/"+name)
	}
	return out
}

// splitAddress takes apart what follows the scheme. A password may hold what a
// correct address would have escaped.
func splitAddress(rest string) (user, hosts, name string, query url.Values) {
	at := strings.LastIndexByte(rest, '@')
	if q := strings.IndexByte(rest, '?'); q >= 0 {
		if before := strings.LastIndexByte(rest[:q], '@'); before >= 0 {
			at = before // another one is in the parameters
		}
	}
	if at >= 0 {
		user, _, _ = strings.Cut(rest[:at], ":")
		rest = rest[at+1:]
	}
	rest, _, _ = strings.Cut(rest, "#")
	rest, raw, _ := strings.Cut(rest, "?")
	query, _ = url.ParseQuery(raw) // what cannot be read names no server
	hosts, name, _ = strings.Cut(rest, "/")
	if plain, err := url.PathUnescape(name); err == nil {
		name = plain
	}
	if plain, err := url.PathUnescape(user); err == nil {
		user = plain
	}
	return user, hosts, name, query
}

// defaultDatabase is the one that a client enters if the address names none.
func defaultDatabase(kind, user string) string {
	switch kind {
	case "postgres":
		return user
	case "redis":
		return "0"
	}
	return ""
}

// splitPort splits "host:port", also with an address of IPv6 in brackets.
func splitPort(s string) (host, port string) {
	if strings.HasPrefix(s, "[") {
		host, rest, _ := strings.Cut(s[1:], "]")
		return host, strings.TrimPrefix(rest, ":")
	}
	if strings.Count(s, ":") > 1 {
		return s, ""
	}
	host, port, _ = strings.Cut(s, ":")
	return host, port
}

// isLoopback tells whether host, in lower case, is the machine itself.
func isLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && (ip.Unmap().IsLoopback() || ip.IsUnspecified())
}
