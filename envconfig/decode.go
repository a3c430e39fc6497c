package envconfig

import (
	"encoding"
	"encoding/base64"
	"math"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/masaruk/devops/secrets"
)

// fault is why a text is refused: what must hold, and what to do. It is made of
// what is known before any text is seen, apart from the position of an item.
type fault struct{ rule, fix string }

// decoder sets dst to what text means, or tells why it cannot.
type decoder func(dst reflect.Value, text string) *fault

func decodeString(dst reflect.Value, text string) *fault {
	dst.SetString(text)
	return nil
}

var notBool = &fault{"is a bool", "write true, false, 1 or 0"}

func decodeBool(dst reflect.Value, text string) *fault {
	switch text {
	case "true", "1":
		dst.SetBool(true)
	case "false", "0":
		dst.SetBool(false)
	default:
		return notBool
	}
	return nil
}

func decodeInt(bits int) decoder {
	return func(dst reflect.Value, text string) *fault {
		n, err := strconv.ParseInt(text, 10, bits)
		if err != nil {
			return &fault{"is a whole number of " + strconv.Itoa(bits) + " bits", "write decimal digits only, such as 42"}
		}
		dst.SetInt(n)
		return nil
	}
}

func decodeUint(bits int) decoder {
	return func(dst reflect.Value, text string) *fault {
		n, err := strconv.ParseUint(text, 10, bits)
		if err != nil {
			return &fault{"is a whole number of " + strconv.Itoa(bits) + " bits that is not negative", "write decimal digits only, such as 42"}
		}
		dst.SetUint(n)
		return nil
	}
}

func decodeFloat(bits int) decoder {
	return func(dst reflect.Value, text string) *fault {
		n, err := strconv.ParseFloat(text, bits)
		if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
			return &fault{"is a finite number of " + strconv.Itoa(bits) + " bits", "write a number such as 0.25"}
		}
		dst.SetFloat(n)
		return nil
	}
}

var notDuration = &fault{"is a duration", "write a number with a unit, such as 250ms, 30s, 5m or 2h"}

func decodeDuration(dst reflect.Value, text string) *fault {
	d, err := time.ParseDuration(text)
	if err != nil {
		return notDuration
	}
	dst.SetInt(int64(d))
	return nil
}

var notSize = &fault{"is a size in bytes", "write a whole number with a unit, such as 512KiB, 64MiB or 10MB"}

func decodeSize(dst reflect.Value, text string) *fault {
	s, ok := parseSize(text)
	if !ok {
		return notSize
	}
	dst.SetInt(int64(s))
	return nil
}

var notURL = &fault{"is an absolute URL", "write it with its scheme and its host, such as https://example.com/path"}

func decodeURL(dst reflect.Value, text string) *fault {
	u, err := url.Parse(text)
	// "localhost:8080" parses, as the opaque address 8080 of scheme localhost.
	if err != nil || u.Scheme == "" || u.Opaque != "" && u.Opaque[0] >= '0' && u.Opaque[0] <= '9' {
		return notURL
	}
	switch u.Scheme {
	case "http", "https", "ws", "wss":
		if u.Hostname() == "" {
			return notURL // RFC 9110 section 4.2 and RFC 6455 section 3
		}
	}
	*dst.Addr().Interface().(*url.URL) = *u
	return nil
}

func decodeTime(layout string) decoder {
	return func(dst reflect.Value, text string) *fault {
		at, err := time.Parse(layout, text)
		if err != nil {
			return &fault{"is a time of the layout " + layout, "write a time such as " + time.Date(2026, 1, 31, 22, 15, 0, 0, time.UTC).Format(layout)}
		}
		*dst.Addr().Interface().(*time.Time) = at
		return nil
	}
}

var notZone = &fault{"is a time zone that this machine knows", "write a name of the IANA database such as Asia/Riyadh, or UTC"}

func decodeZone(dst reflect.Value, text string) *fault {
	// "" would be UTC and "Local" whatever the machine is set to.
	if text == "" || text == "Local" {
		return notZone
	}
	zone, err := time.LoadLocation(text)
	if err != nil {
		return notZone
	}
	dst.Set(reflect.ValueOf(zone))
	return nil
}

var notSecret = &fault{"is a secret, not the placeholder of one", "put the secret itself in place of " + secrets.Placeholder}

func decodeSecret(dst reflect.Value, text string) *fault {
	if strings.Contains(text, secrets.Placeholder) {
		return notSecret
	}
	*dst.Addr().Interface().(*secrets.Value) = secrets.New(text)
	return nil
}

var notBase64 = &fault{"is base64 in the standard alphabet with padding", "write what the command base64 -w0 prints"}

func decodeBytes(dst reflect.Value, text string) *fault {
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return notBase64
	}
	dst.SetBytes(b)
	return nil
}

// decodeText uses the type's own UnmarshalText. What that says, also in a
// panic, is dropped, since it mostly quotes the text.
func decodeText(name string) decoder {
	return func(dst reflect.Value, text string) (f *fault) {
		defer func() {
			if recover() != nil {
				f = &fault{"is a text that " + name + " accepts", "mend the method UnmarshalText of " + name + ", which panics"}
			}
		}()
		if dst.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)) != nil {
			return &fault{"is a text that " + name + " accepts", "see the method UnmarshalText of " + name}
		}
		return nil
	}
}
