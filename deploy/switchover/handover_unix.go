//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package switchover

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"
)

const (
	handoverVersion = 1
	handoverHead    = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: switchover-handover\r\n\r\n"
	handoverAsk     = "POST /v1/handover HTTP/1.1\r\nHost: switchover\r\nConnection: Upgrade\r\nUpgrade: switchover-handover\r\nContent-Length: 0\r\n\r\n"
	maxHandover     = 16 << 20
)

// handoverLetter goes with the descriptors of the public listener, the
// control listener and the lock, in that order.
type handoverLetter struct {
	Version int    `json:"version"`
	Status  Status `json:"status"`
	// Socket is where the old process can still be asked.
	Socket string `json:"socket"`
}

// handleHandover gives the listeners to the process that asks. Until that
// process says that it accepts, nothing has changed, and its end calls the
// handover off.
func (s *Server) handleHandover(w http.ResponseWriter, r *http.Request) {
	fail := func(err error) {
		replyError(w, &Error{Op: "take over", Subject: s.socket, Err: err}, http.StatusInternalServerError)
	}
	if s.retired.Load() || s.stopped.Err() != nil || !s.swapping.TryLock() {
		fail(ErrBusy)
		return
	}
	unlock := sync.OnceFunc(s.swapping.Unlock)
	defer unlock()
	s.predecessorMu.Lock()
	chained := s.predecessor != nil
	s.predecessorMu.Unlock()
	if chained {
		fail(because(ErrBusy, "the handover before this one still drains"))
		return
	}
	private := s.privateSocket()
	l, err := listenControl(private)
	if err != nil {
		fail(err)
		return
	}
	go func() { _ = s.control.Serve(l) }() // ends with the control side
	discard := func() {
		s.log.Warn("handover was called off", "error", errors.Join(err, closeOnce(l), os.Remove(private)))
	}
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		discard()
		fail(err)
		return
	}
	defer c.Close()
	if err = s.handOver(c.(*net.UnixConn), private, unlock); err != nil {
		discard()
	}
}

// handOver sends the listeners and waits for the word to let go of them.
func (s *Server) handOver(c *net.UnixConn, private string, unlock func()) error {
	letter, err := json.Marshal(handoverLetter{Version: handoverVersion, Status: s.ownStatus(), Socket: private})
	if err != nil {
		return err
	}
	release := context.AfterFunc(s.stopped, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	defer release()
	if err := c.SetDeadline(time.Time{}); err != nil {
		return err
	}
	if _, err := io.WriteString(c, handoverHead); err != nil {
		return err
	}
	if err := s.sendPlace(c, append(letter, '\n')); err != nil {
		return err
	}
	// No deadline: a process that was given the listeners and hangs may still
	// accept. Its end is seen.
	word, err := bufio.NewReader(c).ReadString('\n')
	if err != nil || word != "serving\n" {
		return fmt.Errorf("the new process did not say that it serves (%q): %w", word, err)
	}
	s.retire()
	unlock() // the successor may have this process follow a swap at once
	_, err = io.WriteString(c, "retired\n")
	if err != nil {
		s.log.Warn("successor did not hear that this process retired", "error", err)
	}
	return nil
}

// sendPlace sends text with the three descriptors.
func (s *Server) sendPlace(c *net.UnixConn, text []byte) error {
	public, ok := s.place.public.(syscall.Conn)
	if !ok {
		return errors.New("public listener has no descriptor")
	}
	var fds [3]int
	return withFD(public, &fds[0], func() error {
		return withFD(s.place.control, &fds[1], func() error {
			return withFD(s.place.lock, &fds[2], func() error {
				n, _, err := c.WriteMsgUnix(text, syscall.UnixRights(fds[:]...), nil)
				if err == nil && n < len(text) {
					_, err = c.Write(text[n:])
				}
				return err
			})
		})
	})
}

// withFD calls f while the descriptor of c is in fd and stays open.
func withFD(c syscall.Conn, fd *int, f func() error) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var ferr error
	err = raw.Control(func(p uintptr) {
		*fd = int(p)
		ferr = f()
	})
	return errors.Join(err, ferr)
}

// retire lets go of the listeners. The connections that were accepted stay,
// and end with their next answer.
func (s *Server) retire() {
	s.closing.Store(true)
	s.retired.Store(true)
	err := errors.Join(closeOnce(s.place.public), closeOnce(s.place.control), s.place.lock.Close())
	s.place = place{}
	s.log.Info("handed over", "addr", s.addr, "error", err)
	close(s.handed)
}
