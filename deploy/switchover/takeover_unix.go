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
	"syscall"
	"time"
)

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
