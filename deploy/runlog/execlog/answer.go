package execlog

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/masaruk/devops/deploy"
)

var errCut = errors.New("the host's answer was cut short")

// answer is what the host sends for a Read.
type answer struct {
	lines   *bufio.Reader
	began   bool
	first   uint64
	count   uint64
	missing bool // a record was not sent
}

// next returns the next record with its number; at first no record, and the
// number of the first; at the end no record and 0. [io.EOF] is an answer that
// ended too early.
func (a *answer) next() (seq uint64, rec []byte, err error) {
	for {
		line, err := a.lines.ReadBytes('\n')
		if err != nil {
			return 0, nil, io.EOF
		}
		line = line[: len(line)-1 : len(line)-1]
		note, isNote := bytes.CutPrefix(line, []byte{0})
		switch {
		case isNote && !a.began:
			if a.first, err = strconv.ParseUint(string(note), 10, 64); err != nil || a.first == 0 {
				return 0, nil, errCut
			}
			a.began = true
			return a.first, nil, nil
		case isNote:
			return 0, nil, a.end(string(note))
		case a.missing:
			continue
		}
		number, rec, _ := bytes.Cut(line, []byte(":"))
		want := a.first + a.count
		if string(number) != strconv.FormatUint(want, 10) || !a.began {
			a.missing = true // removed just now, or else the end tells
			continue
		}
		a.count++
		return want, rec, nil
	}
}

// end tells what the last line means.
func (a *answer) end(note string) error {
	switch {
	case note == "pruned":
		return deploy.ErrPruned
	case a.missing:
		return fmt.Errorf("record %d was not sent: %w", a.first+a.count, errCut)
	case note != strconv.FormatUint(a.count, 10):
		return errCut
	}
	return nil
}
