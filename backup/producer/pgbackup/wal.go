package pgbackup

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// walScan looks, in the write-ahead log of a backup, for tablespaces that are
// made while it runs. A server that replays that makes them in the folder that
// the log names, wherever it is restored: on the machine of the original that
// is the original's own. It is written to in the order of the log.
//
// The layout is that of access/xlog_internal.h and xlogrecord.h, the same in 15
// to 18: pages with a header of 24 bytes, or 40 at the beginning of a segment;
// records that begin at multiples of 8 and go on behind the next header.
type walScan struct {
	next    LSN // of the log, that has not been seen
	page    []byte
	record  []byte // beginning of the record at hand
	left    int    // bytes of it that have not been seen
	created []string
	err     error // why the search ended
}

const (
	walPage      = 8192
	walRecord    = 24 // header of a record
	walKept      = 4096
	maxRecord    = 1 << 30 // XLogRecordMaxSize is below it
	walTablespc  = 5       // resource manager RM_TBLSPC_ID
	walLong      = 0x0002
	walOverwrite = 0x0008
)

var errWAL = errors.New("the write-ahead log is not as expected")

// newWALScan begins where the backup does, which is where a record does.
func newWALScan(start LSN) *walScan { return &walScan{next: start - start%walPage} }

// segment returns what the content of a segment is to be written to; the first
// byte has the place from.
func (w *walScan) segment(from LSN) *walSegment { return &walSegment{w, from} }

type walSegment struct {
	scan *walScan
	at   LSN
}

// Write implements [io.Writer]; it never fails.
func (s *walSegment) Write(p []byte) (int, error) {
	n, w := len(p), s.scan
	if skip := w.next - s.at; s.at < w.next {
		skip = min(skip, LSN(n))
		p, s.at = p[skip:], s.at+skip
	}
	if len(p) > 0 && s.at > w.next && w.err == nil {
		w.err = fmt.Errorf("%w: %s follows %s", errWAL, s.at, w.next)
	}
	for len(p) > 0 && w.err == nil {
		took := min(len(p), walPage-len(w.page))
		w.page = append(w.page, p[:took]...)
		p, s.at, w.next = p[took:], s.at+LSN(took), w.next+LSN(took)
		if len(w.page) == walPage {
			w.err = w.read(w.next - walPage)
			w.page = w.page[:0]
		}
	}
	return n, nil
}

// read takes a whole page.
func (w *walScan) read(at LSN) error {
	page := w.page
	if binary.LittleEndian.Uint16(page) == 0 && w.left == 0 { // never written
		return nil
	}
	if got := LSN(binary.LittleEndian.Uint64(page[8:])); got != at {
		return fmt.Errorf("%w: the page at %s says %s", errWAL, at, got)
	}
	info, rest := binary.LittleEndian.Uint16(page[2:]), int(binary.LittleEndian.Uint32(page[16:]))
	off := 24
	if info&walLong != 0 {
		off = 40
	}
	if rest > maxRecord {
		return fmt.Errorf("%w: %d bytes of a record reach the page at %s", errWAL, rest, at)
	}
	switch {
	case info&walOverwrite != 0: // the record before was never finished
		w.left = 0
	case w.record == nil: // the first page: the record that reaches into it began before
		w.left, w.record = rest, make([]byte, walKept)
	case w.left != rest:
		return fmt.Errorf("%w: %d bytes of a record reach the page at %s, and %d are left", errWAL, rest, at, w.left)
	}
	for off < walPage {
		if w.left == 0 {
			w.left, w.record = int(binary.LittleEndian.Uint32(page[off:])), w.record[:0]
			if w.left == 0 { // nothing more was written into this page
				return nil
			}
			if w.left < walRecord || w.left > maxRecord {
				return fmt.Errorf("%w: a record at %s has %d bytes", errWAL, at+LSN(off), w.left)
			}
		}
		took := min(w.left, walPage-off)
		w.record = append(w.record, page[off:off+min(took, walKept-len(w.record))]...)
		w.left -= took
		off = (off + took + 7) &^ 7
		if w.left == 0 {
			w.judge()
		}
	}
	return nil
}

// judge looks at a whole record, or its beginning.
func (w *walScan) judge() {
	r := w.record
	if len(r) < walRecord+2 || len(r) == walKept || r[17] != walTablespc || r[16]&0xf0 != 0 {
		return
	}
	data := r[walRecord+2:]  // 255 and a length of one byte, or
	if r[walRecord] == 254 { // 254 and one of four
		data = data[min(3, len(data)):]
	}
	if len(data) < 4 {
		return
	}
	place, _, _ := strings.Cut(string(data[4:]), "\x00")
	if place != "" { // those in the data directory, for developers, have none
		w.created = append(w.created, fmt.Sprintf("%d in %s", binary.LittleEndian.Uint32(data), place))
	}
}

// segmentStart is where the segment of that name begins in the log.
func segmentStart(name string, size int64) LSN {
	high, err1 := strconv.ParseUint(name[8:16], 16, 32)
	low, err2 := strconv.ParseUint(name[16:], 16, 32)
	if err1 != nil || err2 != nil {
		return 0 // the name was matched before
	}
	return LSN(high)<<32 + LSN(low)*LSN(size)
}
