//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package switchover

import (
	"bufio"
	"bytes"
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

// takeover is what another process handed over.
type takeover struct {
	conn   *net.UnixConn
	status Status
}

// takeOver asks the serving process for its listeners. After an error it goes
// on as before.
func (s *Server) takeOver(ctx context.Context) (_ *takeover, err error) {
	c, err := dialHandover(ctx, s.socket)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = &Error{Op: "take over", Subject: s.socket, Err: errors.Join(err, c.Close(), s.release())}
		}
	}()
	if err := c.SetDeadline(time.Now().Add(5 * askTimeout)); err != nil {
		return nil, err
	}
	letter, err := s.receivePlace(c)
	if err != nil {
		return nil, err
	}
	if err := s.checkListen(letter.Status.Addr); err != nil {
		return nil, err
	}
	st := letter.Status
	s.addr, s.since = st.Addr, st.Since
	if err := s.persist(st.Live); err != nil {
		return nil, err
	}
	if st.Live != (Backend{}) {
		s.setLive(st.Live, 0)
		s.live.Load().since = st.LiveSince
	}
	s.predecessor = &predecessor{client: newClient(letter.Socket), socket: letter.Socket, last: st}
	s.place.owned = true
	return &takeover{conn: c, status: st}, nil
}

// finish tells the old process that this one accepts, and waits until it has
// let go. Where it does not answer it has ended; this process serves anyway.
func (t *takeover) finish() error {
	defer t.conn.Close()
	if _, err := io.WriteString(t.conn, "serving\n"); err != nil {
		return err
	}
	word, err := bufio.NewReader(t.conn).ReadString('\n')
	if err == nil && word != "retired\n" {
		err = fmt.Errorf("unexpected answer %.32q", word)
	}
	return err
}

func (s *Server) checkListen(have string) error {
	want, err := net.ResolveTCPAddr("tcp", s.opts.Listen)
	if err != nil {
		return err
	}
	got, err := net.ResolveTCPAddr("tcp", have)
	if err != nil {
		return err
	}
	sameHost := got.IP.Equal(want.IP) || (want.IP == nil || want.IP.IsUnspecified()) && got.IP.IsUnspecified()
	if want.Port != 0 && (want.Port != got.Port || !sameHost) {
		return fmt.Errorf("it serves on %s, Options.Listen is %s: take over with the same address", have, s.opts.Listen)
	}
	return nil
}

func dialHandover(ctx context.Context, socket string) (*net.UnixConn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotServing, err)
	}
	u := c.(*net.UnixConn)
	if err := errors.Join(u.SetDeadline(time.Now().Add(5 * askTimeout))); err != nil {
		return nil, errors.Join(err, u.Close())
	}
	if _, err := io.WriteString(u, handoverAsk); err != nil {
		return nil, errors.Join(err, u.Close())
	}
	if err := readHandoverHead(u); err != nil {
		return nil, errors.Join(err, u.Close())
	}
	return u, nil
}

// readHandoverHead reads up to the end of the answer's head, and not a byte
// more: descriptors are lost when their bytes are read without asking for
// them.
func readHandoverHead(c *net.UnixConn) error {
	var head []byte
	one := make([]byte, 1)
	for !bytes.HasSuffix(head, []byte("\r\n\r\n")) {
		if len(head) > 8<<10 {
			return errors.New("answer has no end")
		}
		if _, err := io.ReadFull(c, one); err != nil {
			return err
		}
		head = append(head, one[0])
	}
	if string(head) == handoverHead {
		return nil
	}
	res, err := http.ReadResponse(bufio.NewReader(io.MultiReader(bytes.NewReader(head), c)), nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxRequest))
	if err != nil {
		return err
	}
	return newClient(c.RemoteAddr().String()).refusal("take over", res.StatusCode, raw)
}

// receivePlace reads the letter and takes the descriptors into s.place.
func (s *Server) receivePlace(c *net.UnixConn) (handoverLetter, error) {
	var letter handoverLetter
	buf, oob := make([]byte, 64<<10), make([]byte, syscall.CmsgSpace(3*4))
	n, oobn, _, _, err := c.ReadMsgUnix(buf, oob)
	if err != nil {
		return letter, err
	}
	if err := s.adopt(oob[:oobn]); err != nil {
		return letter, err
	}
	raw, err := bufio.NewReader(io.LimitReader(io.MultiReader(bytes.NewReader(buf[:n]), c), maxHandover)).ReadBytes('\n')
	if err != nil {
		return letter, fmt.Errorf("letter of the handover: %w", err)
	}
	if err := json.Unmarshal(raw, &letter); err != nil {
		return letter, fmt.Errorf("letter of the handover: %w", err)
	}
	if letter.Version != handoverVersion {
		return letter, fmt.Errorf("handover has version %d, this build knows %d: stop the old process and start this one", letter.Version, handoverVersion)
	}
	return letter, nil
}

// adopt makes listeners of received descriptors.
func (s *Server) adopt(oob []byte) error {
	msgs, err := syscall.ParseSocketControlMessage(oob)
	if err != nil {
		return err
	}
	var files []*os.File
	for _, m := range msgs {
		fds, err := syscall.ParseUnixRights(&m)
		if err != nil {
			return err
		}
		for _, fd := range fds {
			syscall.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), "handed over"))
		}
	}
	if len(files) != 3 {
		for _, f := range files {
			_ = f.Close()
		}
		return fmt.Errorf("got %d descriptors, want 3", len(files))
	}
	s.place.lock = files[2]
	public, perr := net.FileListener(files[0])
	control, cerr := net.FileListener(files[1])
	err = errors.Join(perr, cerr, files[0].Close(), files[1].Close())
	if err != nil {
		return err
	}
	u, ok := control.(*net.UnixListener)
	if !ok {
		return errors.New("second descriptor is not a unix socket")
	}
	s.place.public, s.place.control = public, u
	return nil
}
