package dotenv

import "strings"

// The readers that [Lint] compares the npm package dotenv with, at the versions
// that were measured.
const (
	ReaderEnvFile  = "node --env-file" // of Node.js 20.20.2 and 22.23.3
	ReaderCompose  = "docker compose"  // its library compose-go 2.16.2
	ReaderGodotenv = "godotenv"        // github.com/joho/godotenv 1.5.1
	ReaderGotenv   = "gotenv"          // github.com/subosito/gotenv 1.6.0, which viper uses
)

// Finding is a place in a .env file that readers of such files read in
// different ways. It holds no part of a value.
type Finding struct {
	// Line is where it begins; the first is 1.
	Line int `json:"line"`
	// Name is the variable; empty where it is about none, or where what looks
	// like a name may be a piece of a value.
	Name string `json:"name,omitempty"`
	Rule Rule   `json:"rule"`
	// Why is what the readers make of it.
	Why string `json:"why"`
	// Readers are those that may read it otherwise than the npm package dotenv
	// does, or refuse the file.
	Readers []string `json:"readers"`
	// Fix is how to write it so that all of them read the same.
	Fix string `json:"fix"`
}

// String puts line, variable, reason and fix into one line.
func (f Finding) String() string {
	return (&SyntaxError{Line: f.Line, Name: f.Name, Problem: f.Why + "; " + f.Fix}).Error()
}

// Rule is what a [Finding] is about.
type Rule string

// The rules of [Lint].
const (
	// RuleEncoding is about bytes that are not UTF-8.
	RuleEncoding Rule = "encoding"
	// RuleBOM is about a byte order mark.
	RuleBOM Rule = "bom"
	// RuleLineEnding is about a lone CR, and CR LF within a value.
	RuleLineEnding Rule = "line-ending"
	// RuleIgnored is about a line that is neither a variable nor a comment.
	RuleIgnored Rule = "ignored"
	// RuleLayout is about a comment with white space before it, a comment that
	// ends the file without a line ending, and lines of nothing but white space.
	RuleLayout Rule = "layout"
	// RuleName is about a name with "-" in it, the name export, and the one that
	// JavaScript loses, __proto__.
	RuleName Rule = "name"
	// RuleSeparator is about ":" in place of "=", and a value on another line
	// than its name.
	RuleSeparator Rule = "separator"
	// RuleExport is about export with several spaces behind it, or for a
	// variable without a value.
	RuleExport Rule = "export"
	// RuleSpace is about tabs and other white space around names and values
	// that not every reader takes for such.
	RuleSpace Rule = "space"
	// RuleComment is about a "#" in or behind a value.
	RuleComment Rule = "comment"
	// RuleDollar is about a "$" outside single quotes.
	RuleDollar Rule = "dollar"
	// RuleBackslash is about a backslash in double quotes.
	RuleBackslash Rule = "backslash"
	// RuleBacktick is about a value in backticks.
	RuleBacktick Rule = "backtick"
	// RuleQuote is about a quote, or a backslash at the end, in a value in quotes
	// of the same kind.
	RuleQuote Rule = "quote"
	// RuleTrailing is about text behind the closing quote.
	RuleTrailing Rule = "trailing"
	// RuleUnterminated is about a quote that nothing closes.
	RuleUnterminated Rule = "unterminated"
)

// found makes the finding of a rule about a piece of a file.
func (r Rule) found(line int, it item) Finding {
	f := Finding{Line: line, Name: it.shownName(), Rule: r}
	f.Why, f.Readers = r.reason()
	f.Fix = r.fix(it.value)
	return f
}

// reason tells what readers make of what breaks the rule, and which of them.
func (r Rule) reason() (why string, readers []string) {
	all := []string{ReaderEnvFile, ReaderCompose, ReaderGodotenv, ReaderGotenv}
	golang := all[1:]
	switch r {
	case RuleEncoding:
		return "there are bytes that are not UTF-8, for which JavaScript puts U+FFFD", golang
	case RuleBOM:
		return "the file begins with a byte order mark, which is a part of the first name to some readers", []string{ReaderGodotenv, ReaderEnvFile}
	case RuleLineEnding:
		return "a CR that ends a line, or is within a value, is a part of the value to some readers", []string{ReaderEnvFile, ReaderCompose, ReaderGodotenv}
	case RuleIgnored:
		return "the line is neither a variable nor a comment: some readers pass it over, some refuse the file, and docker compose takes a bare name from its own environment", all
	case RuleLayout:
		return "node --env-file takes a comment with white space before it or without a line ending, and white space on an empty line, for a part of a name", []string{ReaderEnvFile}
	case RuleName:
		return "some readers refuse the name, or lose it", golang
	case RuleSeparator:
		return `a ":" or a line ending between name and value is read in different ways`, all
	case RuleSpace:
		return "tabs, white space other than spaces, and spaces where a value would be belong to the name or the value to some readers", all
	case RuleExport:
		return `"export" or the spaces behind it become a part of the name to node --env-file, unless it is one space and there is a value`, []string{ReaderEnvFile}
	case RuleComment:
		return `a "#" that is not alone behind one space begins a comment to some readers and belongs to the value to others`, golang
	case RuleDollar:
		return `a "$" outside single quotes is expanded by some readers`, golang
	case RuleBackslash:
		return "a backslash in double quotes is taken away, or makes a character of what follows, by some readers", all
	case RuleBacktick:
		return "backticks are quotes to JavaScript and a part of the value to others", golang
	case RuleQuote:
		return "a quote in quotes of its own kind, or a backslash before the closing one, is read in different ways", all
	case RuleTrailing:
		return "text behind the closing quote belongs to the value, with the quotes, or is an error, or is lost", all
	case RuleUnterminated:
		return "the quote that the value begins with is never closed: it is a part of the value, or an error, or the lines below are", all
	}
	return "", nil
}

// fix tells what to do about what breaks the rule, for a variable of that value.
func (r Rule) fix(value string) string {
	switch r {
	case RuleEncoding:
		return "save the file as UTF-8, and write binary values in base64"
	case RuleBOM:
		return "save the file as UTF-8 without a byte order mark"
	case RuleLineEnding:
		return "save the file with lines that end with LF"
	case RuleIgnored:
		return "write NAME=value, or comment it out"
	case RuleLayout:
		return "take the white space away, and end the last line with LF"
	case RuleName:
		return `choose a name of letters, digits and "_"`
	case RuleSeparator:
		return `write "=" behind the name, and the value behind that`
	case RuleUnterminated:
		return `close the quote; if it belongs to the value, ` + quoting(value)
	case RuleExport:
		return `leave "export" away, or put an empty value in quotes`
	case RuleSpace:
		return `take the white space away; if it belongs to the value, ` + quoting(value)
	case RuleComment:
		return `if the "#" belongs to the value, ` + quoting(value) + `; if it begins a comment, write that on a line of its own`
	}
	return quoting(value)
}

// quoting tells which quotes all readers read alike around value.
func quoting(value string) string {
	switch {
	case !strings.Contains(value, `'`) && !strings.HasSuffix(value, `\`):
		return "put it in single quotes"
	case !strings.ContainsAny(value, "\"\\$"):
		return "put it in double quotes"
	}
	return "choose another value, or write it in base64: no quotes are read alike around it"
}
