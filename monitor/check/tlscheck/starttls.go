package tlscheck

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/masaruk/devops/monitor"
)

// Protocol is one that begins in plain text and goes over to TLS.
type Protocol string

const (
	// SMTP asks by STARTTLS of RFC 3207.
	SMTP Protocol = "smtp"
	// Postgres asks by the SSLRequest of PostgreSQL's protocol 3.0.
	Postgres Protocol = "postgres"
)

// begin brings conn to where the handshake begins.
func (p Protocol) begin(ctx context.Context, conn net.Conn) error {
	switch p {
	case SMTP:
		return startSMTP(ctx, conn)
	case Postgres:
		return startPostgres(conn)
	}
	return nil
}

const (
	maxReply     = 16 << 10 // of an answer in plain text that is read
	longestQuote = 100      // bytes of one that the error shows
)

func startSMTP(ctx context.Context, conn net.Conn) error {
	in := bufio.NewReader(io.LimitReader(conn, maxReply))
	if _, err := reply(ctx, in, "220"); err != nil {
		return fmt.Errorf("greeting: %w", err)
	}
	if _, err := io.WriteString(conn, "EHLO localhost\r\n"); err != nil {
		return err
	}
	lines, err := reply(ctx, in, "250")
	if err != nil {
		return fmt.Errorf("EHLO: %w", err)
	}
	offered := false
	for _, line := range lines {
		offered = offered || strings.EqualFold(line, "STARTTLS")
	}
	if !offered {
		return errors.New("EHLO: the server does not offer STARTTLS")
	}
	if _, err := io.WriteString(conn, "STARTTLS\r\n"); err != nil {
		return err
	}
	if _, err := reply(ctx, in, "220"); err != nil {
		return fmt.Errorf("STARTTLS: %w", err)
	}
	if in.Buffered() > 0 {
		return errors.New("STARTTLS: the server sent text after its answer, which would be taken for a part of TLS")
	}
	return nil
}

// reply reads an answer of one or more lines, as of RFC 5321 section 4.2, and
// returns them without the code.
func reply(ctx context.Context, in *bufio.Reader, want string) (lines []string, err error) {
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return nil, err
		}
		line = strings.TrimRight(line, "\r\n")
		if len(line) < 3 || line[:3] != want {
			line = monitor.Redact(ctx, line) // before it is cut
			return nil, fmt.Errorf("the answer is %q, want code %s", line[:min(len(line), longestQuote)], want)
		}
		lines = append(lines, strings.TrimSpace(line[min(len(line), 4):]))
		if len(line) == 3 || line[3] != '-' {
			return lines, nil
		}
	}
}

func startPostgres(conn net.Conn) error {
	request := binary.BigEndian.AppendUint32(nil, 8)
	request = binary.BigEndian.AppendUint32(request, 1234<<16|5679)
	if _, err := conn.Write(request); err != nil {
		return err
	}
	var answer [1]byte
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		return err
	}
	switch answer[0] {
	case 'S':
		return nil
	case 'N':
		return errors.New("the server does not use TLS (ssl = off)")
	}
	return fmt.Errorf("the answer to an SSLRequest is %q, want S or N", answer[0])
}
