package envconfig

import (
	"net/netip"
	"strconv"
	"strings"
)

// address is the beginning of a URL that stands somewhere in a value.
type address struct {
	scheme string // in lower case
	host   string // in lower case, without port and brackets
	secret bool   // it holds a password
}

// addressesIn returns the URLs in text, which may be one, a list of them, or
// JSON.
func addressesIn(text string) []address {
	text = strings.ReplaceAll(text, `\/`, "/") // as JSON may escape it
	var out []address
	for {
		before, after, ok := strings.Cut(text, "://")
		if !ok {
			return out
		}
		scheme := before[strings.LastIndexFunc(before, func(r rune) bool { return !isSchemeRune(r) })+1:]
		end := strings.IndexFunc(after, endsAuthority)
		if end < 0 {
			end = len(after)
		}
		authority := after[:end]
		at := strings.LastIndexByte(authority, '@')
		_, password, _ := strings.Cut(authority[:max(at, 0)], ":")
		host, _ := splitPort(authority[at+1:])
		out = append(out, address{
			scheme: strings.ToLower(scheme), host: strings.TrimSuffix(strings.ToLower(host), "."), secret: password != "",
		})
		text = after
	}
}

func isSchemeRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("+.-", r)
}

func endsAuthority(r rune) bool {
	return r <= ' ' || strings.ContainsRune("/?#,;|\"'`<>()\\", r)
}

// privateZones are the ends of names that lead nowhere outside: RFC 6761, RFC
// 6762, RFC 8375, what ICANN reserved for private use, and habits.
var privateZones = []string{".localhost", ".local", ".internal", ".home.arpa", ".test", ".lan", ".svc"}

// isPublic tells whether host, in lower case, is reachable from outside as far
// as its name or number tells: a name of one word, such as that of a
// container, is not.
func isPublic(host string) bool {
	if host == "" || strings.ContainsAny(host, "${}%*") {
		return false // nothing, or a template that says nothing yet
	}
	if ip, ok := parseIP(host); ok {
		ip = ip.Unmap()
		shared := netip.MustParsePrefix("100.64.0.0/10") // RFC 6598
		return !ip.IsLoopback() && !ip.IsPrivate() && !ip.IsLinkLocalUnicast() && !ip.IsUnspecified() && !shared.Contains(ip)
	}
	if host == "localhost" || !strings.Contains(host, ".") {
		return false
	}
	for _, zone := range privateZones {
		if strings.HasSuffix(host, zone) {
			return false
		}
	}
	return true
}

// parseIP reads an address in the usual form, and one of IPv4 as one number,
// which clients follow as well.
func parseIP(host string) (netip.Addr, bool) {
	if n, err := strconv.ParseUint(host, 0, 32); err == nil {
		return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}), true
	}
	ip, err := netip.ParseAddr(host)
	return ip, err == nil
}
