package dotenv

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Entry is one variable of a .env file. Since most values are secrets, package
// fmt shows no more than name and line, and the encoders of JSON, XML and YAML
// leave the value out.
type Entry struct {
	Name  string
	Value string `json:"-" xml:"-" yaml:"-"`
	// Line is the line that the name is on; the first is 1.
	Line int
}

// Format writes the name and the line, whatever the verb.
func (e Entry) Format(w fmt.State, _ rune) {
	_, _ = io.WriteString(w, e.Name+" (line "+strconv.Itoa(e.Line)+")") // fmt.State keeps the error
}

// SyntaxError is one thing that is wrong with a text, or with a variable to write.
// It holds no part of a value.
type SyntaxError struct {
	// Line is where it begins; the first is 1. It is 0 where there is no text.
	Line int
	// Name is the variable; empty where it is about none, or where what looks
	// like a name may be a piece of a value.
	Name string
	// Problem is what is wrong, and what to do.
	Problem string
}

// Error tells line, variable and problem.
func (e *SyntaxError) Error() string {
	text := e.Problem
	if e.Name != "" {
		text = e.Name + ": " + text
	}
	if e.Line > 0 {
		text = fmt.Sprintf("line %d: %s", e.Line, text)
	}
	return text
}

// Parse reads the text of a .env file the way that d's reader does. It returns
// the variables in the order of the text; of several with one name the reader
// takes the last.
//
// The error joins a [*SyntaxError] for each place that the reader takes in
// silence: a quote that nothing closes, which stays part of the value, and
// text that is neither a variable nor a comment, which is passed over. The
// entries beside such an error are those of the reader, all of them. There
// are none when d is unknown and when the text is not UTF-8: readers put other
// bytes in place of those that are not.
func Parse(text string, d Dialect) ([]Entry, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	text, err := normalize(text)
	if err != nil {
		return nil, err
	}
	var entries []Entry
	var errs []error
	for _, it := range scanNode(text) {
		if it.kind == variable && it.name != protoName {
			entries = append(entries, Entry{Name: it.name, Value: it.value, Line: it.line})
		}
		if e := it.problem(); e != nil {
			errs = append(errs, e)
		}
	}
	return entries, errors.Join(errs...)
}

// protoName cannot be set in a JavaScript object, so the npm package drops it.
const protoName = "__proto__"

// normalize refuses what is not UTF-8 and ends each line with a single line
// feed, as the npm package does before anything else.
func normalize(text string) (string, error) {
	if i := invalidUTF8(text); i >= 0 {
		return "", &SyntaxError{
			Line: 1 + lineBreaks(text[:i]), Problem: "there are bytes that are not UTF-8; save the file as UTF-8, and write binary values in base64",
		}
	}
	return strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n"), nil
}

// invalidUTF8 returns the place of the first byte that is not UTF-8, or -1.
func invalidUTF8(text string) int {
	for i, r := range text {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(text[i:]); size == 1 {
				return i
			}
		}
	}
	return -1
}

// lineBreaks counts line endings: \n, \r\n and \r.
func lineBreaks(text string) int {
	return strings.Count(text, "\n") + strings.Count(text, "\r") - strings.Count(text, "\r\n")
}

func (it item) problem() *SyntaxError {
	switch {
	case it.kind == ignored && it.lines > 1:
		return &SyntaxError{Line: it.line, Problem: fmt.Sprintf(
			"%d lines are neither variables nor comments and are passed over; quote a value of several lines, write NAME=value, or comment them out", it.lines)}
	case it.kind == ignored:
		return &SyntaxError{Line: it.line, Problem: "the line is neither a variable nor a comment and is passed over; write NAME=value, or comment it out"}
	case it.name == protoName:
		return &SyntaxError{Line: it.line, Name: it.shownName(), Problem: "a variable of this name is lost in JavaScript; choose another name"}
	case it.unterminated:
		return &SyntaxError{Line: it.line, Name: it.shownName(), Problem: "the quote that the value begins with is never closed; close it, or put the value in other quotes"}
	}
	return nil
}
