package multimatch

import (
	"fmt"
	"iter"
	"slices"
)

// MinLength is the length in bytes of the shortest text to look for.
const MinLength = 4

// MaxBytes is the most that the texts of a set may have together, and MaxTexts
// how many they may be, each counted once. Tables of that size take less than
// 64 MiB.
const (
	MaxBytes = 4 << 20
	MaxTexts = 1 << 17
)

// Set is what to look for. The zero Set and a nil one hold nothing.
type Set struct {
	filter filter
	trie   trie
	texts  int
}

// New returns a set of texts, in any order and with repetitions. It refuses a
// text that is shorter than [MinLength], and texts beyond [MaxBytes] or
// [MaxTexts]; the error tells which limit, and no text.
func New(texts []string) (*Set, error) {
	sorted := slices.Compact(slices.Sorted(slices.Values(texts)))
	total := 0
	for _, text := range sorted {
		if len(text) < MinLength {
			return nil, fmt.Errorf("multimatch: a text of %d bytes is too short to look for: %d is the least", len(text), MinLength)
		}
		total += len(text)
	}
	if len(sorted) > MaxTexts || total > MaxBytes {
		return nil, fmt.Errorf("multimatch: %d texts of %d bytes together are too many to look for at once: at most %d texts and %d bytes", len(sorted), total, MaxTexts, MaxBytes)
	}
	if len(sorted) == 0 {
		return &Set{}, nil
	}
	s := &Set{trie: newTrie(sorted), texts: len(sorted)}
	s.filter = newFilter(sorted, &s.trie)
	return s, nil
}

// Len returns the number of texts.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return s.texts
}

// Least returns the length of the shortest text, 0 where there is none.
func (s *Set) Least() int {
	if s == nil {
		return 0
	}
	return s.filter.least
}

// Size returns the size of the tables in bytes.
func (s *Set) Size() int {
	if s == nil {
		return 0
	}
	return s.filter.size() + s.trie.size()
}

// Spans gives the start and end of each part of b that belongs to texts, in
// order. Texts that overlap in b are one span, those that touch are two.
func (s *Set) Spans(b []byte) iter.Seq2[int, int] {
	return func(yield func(int, int) bool) {
		for _, span := range Merge(s.Append(nil, b)) {
			if !yield(span.Start, span.End) {
				return
			}
		}
	}
}

// Append appends to spans the place of the longest text at each position of b
// where one ends.
func (s *Set) Append(spans []Span, b []byte) []Span {
	if s.Len() == 0 || len(b) < s.filter.least {
		return spans
	}
	c := Cursor{set: s, whole: true}
	c.Scan(b, func(start, end int) { spans = append(spans, Span{start, end}) })
	return spans
}

// Span is a part of a text, from Start to before End.
type Span struct{ Start, End int }

// Merge sorts spans and makes one of those that overlap. It returns them in
// the memory of spans.
func Merge(spans []Span) []Span {
	if len(spans) < 2 {
		return spans
	}
	slices.SortFunc(spans, func(a, b Span) int { return a.Start - b.Start })
	merged := spans[:0]
	for _, s := range spans {
		if n := len(merged); n > 0 && s.Start < merged[n-1].End {
			merged[n-1].End = max(merged[n-1].End, s.End)
			continue
		}
		merged = append(merged, s)
	}
	return merged
}
