package switchover

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Backend is one release of a service that listens on this machine or near
// it. The zero Backend stands for "none".
type Backend struct {
	// Name is the release, such as "v3": what its answers carry in the
	// release header, and what counts are kept by.
	Name string `json:"name"`
	// Addr is where it listens, as host:port.
	Addr string `json:"addr"`
}

// String gives "v3 (127.0.0.1:4001)", or "none" for the zero Backend.
func (b Backend) String() string {
	if b == (Backend{}) {
		return "none"
	}
	return fmt.Sprintf("%s (%s)", b.Name, b.Addr)
}

// Validate reports every field that cannot be used.
func (b Backend) Validate() error {
	var errs []error
	switch {
	case b.Name == "":
		errs = append(errs, errors.New("name: empty: give the release, such as v3"))
	case len(b.Name) > 256 || strings.ContainsFunc(b.Name, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		errs = append(errs, fmt.Errorf("name: %.64q: want at most 256 visible ASCII characters, because it is compared with a header", b.Name))
	}
	host, port, err := net.SplitHostPort(b.Addr)
	if err != nil {
		errs = append(errs, fmt.Errorf("addr: %.128q: want host:port", b.Addr))
	} else {
		if host == "" || strings.ContainsAny(host, "/?#@\\ \t\r\n") {
			errs = append(errs, fmt.Errorf("addr: %.128q: host is empty or not one", b.Addr))
		}
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			errs = append(errs, fmt.Errorf("addr: %.128q: port must be a number from 1 to 65535", b.Addr))
		}
	}
	return errors.Join(errs...)
}
