//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package switchover

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
)

var errLocked = errors.New("place is held")

// takeover is what another process handed over.
type takeover struct{ status Status }

func (*takeover) finish() error { return errors.ErrUnsupported }

func (*Server) takeOver(context.Context) (*takeover, error) { return nil, errors.ErrUnsupported }

func (*Server) handleHandover(w http.ResponseWriter, _ *http.Request) {
	replyError(w, errors.ErrUnsupported, http.StatusNotImplemented)
}

// privateFolder refuses: there is no mode 0700, no flock and no SCM_RIGHTS.
func privateFolder(string) error {
	return fmt.Errorf("a switchover cannot run on this system: %w", errors.ErrUnsupported)
}

func lockPlace(string) (*os.File, error) { return nil, errors.ErrUnsupported }

func noteHolder(*os.File) error { return errors.ErrUnsupported }

func lockHolder(string) int { return 0 }

func listenControl(string) (*net.UnixListener, error) { return nil, errors.ErrUnsupported }
