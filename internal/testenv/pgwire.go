package testenv

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"
)

// Query runs sql on a connection of its own and returns the rows of all its
// results as text, NULL as the empty string. It speaks as much of the
// frontend/backend protocol, version 3.0, as a server without passwords and
// without TLS needs, so that no driver is needed to know that a server works.
func (p *PostgresServer) Query(ctx context.Context, database, sql string) ([][]string, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", p.addr())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()

	startup := binary.BigEndian.AppendUint32(nil, 3<<16)
	startup = append(startup, "user\x00postgres\x00database\x00"+database+"\x00\x00"...)
	if _, err := conn.Write(message(0, startup)); err != nil {
		return nil, err
	}
	if _, err := readUntilReady(conn); err != nil {
		return nil, err
	}
	if _, err := conn.Write(message('Q', append([]byte(sql), 0))); err != nil {
		return nil, err
	}
	return readUntilReady(conn)
}

// message frames a body; the first message of a connection has no kind.
func message(kind byte, body []byte) []byte {
	var m []byte
	if kind != 0 {
		m = append(m, kind)
	}
	m = binary.BigEndian.AppendUint32(m, uint32(len(body)+4))
	return append(m, body...)
}

// readUntilReady collects rows up to the server's ReadyForQuery, and returns
// the first error that the server reported.
func readUntilReady(r io.Reader) (rows [][]string, failure error) {
	for {
		kind, body, err := readMessage(r)
		if err != nil {
			if failure != nil {
				return nil, failure // a FATAL one, after which the server hangs up
			}
			return nil, err
		}
		switch kind {
		case 'R':
			if method := binary.BigEndian.Uint32(body); method != 0 {
				return nil, fmt.Errorf("the server wants authentication method %d", method)
			}
		case 'D':
			rows = append(rows, dataRow(body))
		case 'E':
			if failure == nil {
				failure = serverError(body)
			}
		case 'Z':
			return rows, failure
		}
	}
}

func readMessage(r io.Reader) (kind byte, body []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n < 4 || n > 1<<24 || head[0] == 'R' && n < 8 {
		return 0, nil, fmt.Errorf("message %q of %d bytes: not a PostgreSQL server", head[0], n)
	}
	body = make([]byte, n-4)
	_, err = io.ReadFull(r, body)
	return head[0], body, err
}

// dataRow splits a DataRow: a count, then a length (-1 is NULL) and the bytes
// of each column.
func dataRow(body []byte) []string {
	row := make([]string, binary.BigEndian.Uint16(body))
	body = body[2:]
	for i := range row {
		n := int32(binary.BigEndian.Uint32(body))
		body = body[4:]
		if n > 0 {
			row[i], body = string(body[:n]), body[n:]
		}
	}
	return row
}

// serverError makes an error of an ErrorResponse: fields of one letter and a
// text each.
func serverError(body []byte) error {
	field := map[byte]string{}
	for part := range bytes.SplitSeq(body, []byte{0}) {
		if len(part) > 1 {
			field[part[0]] = string(part[1:])
		}
	}
	return fmt.Errorf("%s: %s (SQLSTATE %s)", field['S'], field['M'], field['C'])
}
