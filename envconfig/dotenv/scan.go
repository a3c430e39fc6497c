package dotenv

import "strings"

type kind int

const (
	variable kind = iota + 1
	comment
	ignored // lines that the reader passes over
	blank   // white space at the end of the file
)

// item is a piece of a .env file.
type item struct {
	kind kind
	// line is where it begins, lines how many ignored ones there are.
	line, lines int

	name, value string
	// The text, piece by piece: indent (white space from the end of the line
	// before), perhaps "export" and gap (white space), the name, sep, raw (the
	// value as written, quotes included), and rest, to the end of the line. A
	// comment is all rest.
	indent, gap, sep, raw, rest string
	// last tells that a comment ends the file without a line ending.
	last bool
	// quote is the one that raw is in, with nothing but a comment behind it.
	quote byte
	// unterminated tells that raw begins with a quote that nothing closes.
	unterminated bool
	// doubtful tells that the line may belong to a value that begins above it.
	doubtful bool
}

// shownName returns the name, if it is fit to be shown: what stands below a
// line that makes no sense may be the rest of a secret of several lines.
func (it item) shownName() string {
	if it.doubtful && !isConventional(it.name) {
		return ""
	}
	return it.name
}

// scanNode splits text, whose lines end with "\n", the way the npm package
// dotenv does. That package searches with one expression, in which white space
// is any that JavaScript knows, line endings included:
//
//   - a variable begins on its own line: white space, perhaps "export" and
//     white space, and a name of A-Z a-z 0-9 "_" "." "-";
//   - then "=", perhaps after white space, or ":" with white space behind it;
//   - then a text in one of three kinds of quotes, perhaps after white space,
//     behind which nothing but a comment is on its line; failing that, all up
//     to the end of the line or a "#";
//   - where no variable begins, all up to the next line is passed over.
func scanNode(text string) []item {
	var items []item
	line, counted := 1, 0 // the text before counted has line-1 line endings
	doubtful := false
	for pos, before := 0, 0; ; {
		start := skipSpace(text, pos)
		it, at, end := scanVariable(text, start)
		line += strings.Count(text[counted:at], "\n")
		counted = at
		it.line, it.lines, it.indent, it.doubtful = line, 1, text[before:start], doubtful
		switch {
		case start == len(text):
			it.kind = blank
		case it.kind == variable:
			doubtful = it.unterminated || strings.Contains(it.value, "-----BEGIN ") || doubtful && !isConventional(it.name)
		case text[start] == '#':
			it.kind, it.rest = comment, text[start:lineEnd(text, start)]
			it.last = start+len(it.rest) == len(text)
		default:
			it.kind, doubtful = ignored, true
		}
		items = add(items, it)
		if it.kind == blank {
			return items
		}
		before = lineEnd(text, end)
		pos = nextLine(text, end)
	}
}

// add appends an item, or makes an ignored line part of those right above it.
func add(items []item, it item) []item {
	if n := len(items); n > 0 && it.kind == ignored && items[n-1].kind == ignored && items[n-1].line+items[n-1].lines == it.line {
		items[n-1].lines++
		return items
	}
	return append(items, it)
}

// scanVariable reads the variable that begins at start, which is no white
// space. It returns the place of its name and that of the end of its value.
// Where no variable begins, the item is zero and both places are start.
func scanVariable(text string, start int) (it item, at, end int) {
	if after, found := strings.CutPrefix(text[start:], "export"); found {
		from := len(text) - len(after)
		at = skipSpace(text, from)
		if name, value := scanName(text, at); at > from && name != "" {
			it, end = scanValue(text, value)
			it.name, it.gap, it.sep = name, text[from:at], text[at+len(name):value]+it.sep
			return it, at, end
		}
	}
	name, value := scanName(text, start)
	if name == "" {
		return item{}, start, start
	}
	it, end = scanValue(text, value)
	it.name, it.sep = name, text[start+len(name):value]+it.sep
	return it, start, end
}

// scanName reads the name at pos and the "=" or ":" behind it. It returns the
// place behind that, and no name where either is missing.
func scanName(text string, pos int) (name string, value int) {
	end := pos
	for end < len(text) && isNameByte(text[end]) {
		end++
	}
	if end == pos {
		return "", pos
	}
	if eq := skipSpace(text, end); eq < len(text) && text[eq] == '=' {
		return text[pos:end], eq + 1
	}
	if end < len(text) && text[end] == ':' {
		if n := spaceAt(text, end+1); n > 0 {
			return text[pos:end], end + 1 + n
		}
	}
	return "", pos
}

// scanValue reads the value at pos. What it skips to get there is in sep.
func scanValue(text string, pos int) (item, int) {
	it := item{kind: variable}
	open := skipSpace(text, pos)
	if open < len(text) && isQuote(text[open]) {
		if end := closingQuote(text, open); end > 0 {
			it.quote, it.sep, it.raw = text[open], text[pos:open], text[open:end]
			it.value = unquote(it.raw)
			it.rest = text[end:lineEnd(text, end)]
			return it, end
		}
	}
	end := pos
	for end < len(text) && text[end] != '#' && text[end] != '\n' {
		end++
	}
	it.raw = trim(text[pos:end])
	it.value = unquote(it.raw)
	begin := min(end, skipSpace(text, pos))
	it.sep, it.rest = text[pos:begin], text[begin+len(it.raw):lineEnd(text, end)]
	it.unterminated = it.raw != "" && isQuote(it.raw[0]) && strings.IndexByte(it.raw[1:], it.raw[0]) < 0
	return it, end
}

// closingQuote returns the place behind the quote that closes the one at open,
// or 0. That is the first one without a backslash before it, or else the last
// of those before it, behind which nothing but a comment is on its line.
func closingQuote(text string, open int) int {
	var escaped []int
	for i := open + 1; i < len(text); i++ {
		if text[i] != text[open] {
			continue
		}
		if text[i-1] == '\\' {
			escaped = append(escaped, i+1)
			continue
		}
		if endsLine(text, i+1) {
			return i + 1
		}
		break
	}
	for i := len(escaped) - 1; i >= 0; i-- {
		if endsLine(text, escaped[i]) {
			return escaped[i]
		}
	}
	return 0
}

// endsLine tells whether nothing but white space and a comment is between pos
// and the end of its line.
func endsLine(text string, pos int) bool {
	end := skipSpace(text, pos)
	return end == len(text) || text[end] == '#' || lineEnd(text[:end], pos) < end
}
