package leakscan

import (
	"bytes"
	"errors"
	"path"
	"strconv"
	"strings"
)

// newPath returns the path of a +++ line: without the prefix of git and the
// time of diff, "" for a file that is no more.
func newPath(b []byte) string {
	text := strings.TrimRight(string(b), "\r\n")
	if strings.HasPrefix(text, `"`) {
		// Git quotes as C does; every escape that it writes is one of Go too.
		if end := strings.LastIndexByte(text, '"'); end > 0 {
			if unquoted, err := strconv.Unquote(text[:end+1]); err == nil {
				text = unquoted
			}
		}
	} else {
		text, _, _ = strings.Cut(text, "\t")
	}
	if text == "/dev/null" {
		return ""
	}
	if len(text) > 2 && text[1] == '/' && strings.IndexByte("abciow", text[0]) >= 0 {
		text = text[2:]
	}
	return path.Clean(text)
}

var errHunk = errors.New("the line of a hunk is not @@ -line,count +line,count @@")

// maxParents is how many parents a merge may have here.
const maxParents = 64

// hunkRanges reads @@ -a,b +c,d @@ or, for n parents, n ranges with - between
// n+1 times @. It returns the counts of the old files, and the first line and
// the count of the new one. A count that is missing is 1.
func hunkRanges(head []byte) (parents []int, first, count int, err error) {
	at := len(head) - len(bytes.TrimLeft(head, "@"))
	fields := bytes.Fields(head[at:])
	n := at - 1
	if n < 1 || n > maxParents || len(fields) < n+2 || !bytes.Equal(fields[n+1], head[:at]) {
		return nil, 0, 0, errHunk
	}
	for _, field := range fields[:n] {
		_, old, ok := parseRange(field, '-')
		if !ok {
			return nil, 0, 0, errHunk
		}
		parents = append(parents, old)
	}
	first, count, ok := parseRange(fields[n], '+')
	if !ok {
		return nil, 0, 0, errHunk
	}
	return parents, first, count, nil
}

func parseRange(field []byte, sign byte) (first, count int, ok bool) {
	if len(field) < 2 || field[0] != sign {
		return 0, 0, false
	}
	a, b, both := strings.Cut(string(field[1:]), ",")
	first, err := parseLine(a)
	count = 1
	if err == nil && both {
		count, err = parseLine(b)
	}
	return first, count, err == nil
}

func parseLine(text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 31)
	return int(n), err
}
