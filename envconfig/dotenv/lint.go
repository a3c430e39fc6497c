package dotenv

import (
	"slices"
	"strings"
	"unicode"
)

// Lint finds what the readers of .env files disagree on. What it finds nothing
// about they all read alike, and as [Parse] does with [Node]. A text that is
// not UTF-8 is a finding by itself, and hides the others.
//
// Not among the readers are those that know no quotes, such as
// docker run --env-file, and the shell.
func Lint(text string) []Finding {
	clean, err := normalize(text)
	if err != nil {
		return []Finding{RuleEncoding.found(1+lineBreaks(text[:invalidUTF8(text)]), item{})}
	}
	found := lintText(text)
	windows := strings.Contains(text, "\r\n")
	for _, it := range scanNode(clean) {
		for _, rule := range lintItem(it) {
			found = append(found, rule.found(it.line, it))
		}
		if windows && strings.Contains(it.raw, "\n") {
			found = append(found, RuleLineEnding.found(it.line, it))
		}
	}
	slices.SortStableFunc(found, func(a, b Finding) int { return a.Line - b.Line })
	return found
}

// lintText finds what is about no single variable.
func lintText(text string) []Finding {
	var found []Finding
	if strings.HasPrefix(text, "\ufeff") {
		found = append(found, RuleBOM.found(1, item{}))
	}
	for i := range len(text) {
		if text[i] == '\r' && !strings.HasPrefix(text[i:], "\r\n") {
			return append(found, RuleLineEnding.found(1+lineBreaks(text[:i]), item{}))
		}
	}
	return found
}

// lintItem returns the rules that a piece of the file breaks.
func lintItem(it item) []Rule {
	var broken []Rule
	note := func(rule Rule, is bool) {
		if is && !slices.Contains(broken, rule) {
			broken = append(broken, rule)
		}
	}
	note(RuleIgnored, it.kind == ignored)
	note(RuleSpace, strings.ContainsFunc(it.indent+it.sep+it.rest, isUnusual) || strings.Contains(it.indent+it.sep+it.rest, "\t"))
	note(RuleLayout, it.oddComment() || it.afterSpaces())
	if it.kind != variable {
		return broken
	}
	note(RuleName, strings.Contains(it.name, "-") || it.name == protoName || it.name == "export")
	note(RuleExport, it.gap != "" && (it.gap != " " || it.raw == ""))
	note(RuleSeparator, strings.ContainsAny(it.gap+it.sep, ":\n"))
	if it.quote != 0 {
		lintQuoted(it, note)
	} else {
		lintBare(it, note)
	}
	return broken
}

func lintQuoted(it item, note func(Rule, bool)) {
	inner := it.raw[1 : len(it.raw)-1]
	first, _, several := strings.Cut(inner, "\n")
	note(RuleBacktick, it.quote == '`')
	note(RuleQuote, strings.IndexByte(inner, it.quote) >= 0 || strings.HasSuffix(inner, `\`))
	// gotenv trims the first of several lines, and looks for the closing quote in
	// the wrong place where the text begins with white space.
	note(RuleSpace, several && first != strings.TrimRightFunc(first, unicode.IsSpace))
	note(RuleSpace, strings.Contains(inner, `\`) && inner != strings.TrimLeftFunc(inner, unicode.IsSpace))
	note(RuleComment, strings.IndexByte(it.rest, it.quote) >= 0)
	if it.quote == '"' {
		note(RuleDollar, strings.Contains(inner, "$"))
		note(RuleBackslash, strings.Contains(strings.ReplaceAll(inner, `\n`, ""), `\`))
	}
}

func lintBare(it item, note func(Rule, bool)) {
	_, comment, commented := strings.Cut(it.rest, "#")
	quoted := it.raw != "" && isQuote(it.raw[0])
	note(RuleUnterminated, it.unterminated)
	note(RuleTrailing, quoted && !it.unterminated)
	note(RuleComment, commented && (it.raw == "" || !strings.HasPrefix(it.rest, " #") || strings.Contains(comment, "#")))
	note(RuleDollar, strings.Contains(it.raw, "$"))
	note(RuleSpace, strings.ContainsFunc(it.raw, isUnusual) || it.raw == "" && !strings.HasSuffix(it.sep, "="))
}

// oddComment tells whether a comment has white space before it, or ends the
// file without a line ending and looks like a variable.
func (it item) oddComment() bool {
	return it.kind == comment && (strings.TrimLeft(it.indent, "\n") != "" || it.last && strings.Contains(it.rest, "="))
}

// afterSpaces tells whether a line of nothing but white space is above it.
func (it item) afterSpaces() bool {
	above := it.indent[:strings.LastIndexByte(it.indent, '\n')+1]
	return it.kind != blank && strings.Trim(above, "\n") != ""
}

// isUnusual tells whether r is a character that some readers take for white
// space and others do not.
func isUnusual(r rune) bool {
	return r != ' ' && r != '\t' && r != '\n' && (isSpace(r) || r == 0x85)
}
