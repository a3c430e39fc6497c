package storetest_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/backup"
	"github.com/masaruk/devops/backup/storetest"
)

// short makes the long list short.
var short = &storetest.Options{Page: pageOf}

func TestCorrectStorePasses(t *testing.T) { storetest.Run(t, newMemory(""), short) }

// plain is a store that cannot sweep.
type plain struct{ backup.Store }

func TestStoreThatCannotSweepPasses(t *testing.T) {
	storetest.Run(t, func() (backup.Store, error) {
		s, err := newMemory("")()
		return plain{s}, err
	}, nil)
}

func TestKitFailsOnBrokenStores(t *testing.T) {
	faults := map[string]string{ // fault to the check that must notice it
		"last byte lost":                "content",
		"nothing is not stored":         "content",
		"cut at 16 MiB":                 "content",
		"size unknown":                  "content",
		"time unknown":                  "content",
		"closes the body":               "content",
		"missing is empty":              "missing",
		"missing is not told":           "missing",
		"folder is empty":               "missing",
		"any case":                      "missing",
		"errors are bare":               "missing",
		"errors tell another operation": "missing",
		"overwrites":                    "never twice",
		"overwrites large objects":      "never twice",
		"refused and yet stored":        "never twice",
		"the loser is told that it won": "never twice",
		"taken is not told":             "never twice",
		"check, then write":             "racing",
		"nobody wins":                   "racing",
		"offset ignored":                "ranges",
		"length ignored":                "ranges",
		"length zero is all":            "ranges",
		"length is the last byte":       "ranges",
		"beyond the end is an error":    "ranges",
		"negative offset taken":         "ranges",
		"prefix is a folder":            "list",
		"order of the Puts":             "list",
		"order of the folders":          "list",
		"order without case":            "list",
		"first page alone":              "long list",
		"last of a page twice":          "long list",
		"newest is not listed":          "long list",
		"deletes nothing":               "delete",
		"nothing to delete is an error": "delete",
		"deleted can be read":           "delete",
		"lists what is deleted":         "delete",
		"folders stay":                  "delete",
		"keeps the beginning of a body": "failing body",
		"error of the body lost":        "failing body",
		"cut short is the end":          "failing body",
		"ended context ignored":         "ended context",
		"cause of the context lost":     "ended context",
		"any name":                      "names",
		"short names only":              "names",
		"one of two at a time is lost":  "concurrent",
		"sweep takes what is young":     "sweep",
		"sweep takes what is whole":     "sweep",
	}
	noticed := map[string]bool{}
	for fault, check := range faults {
		t.Run(fault, func(t *testing.T) {
			err := storetest.Prove(t.Context(), check, newMemory(fault), short)
			require.Error(t, err)
			noticed[check] = true
		})
	}
	for _, check := range storetest.Checks() {
		require.True(t, noticed[check], "no fault is noticed by check %q", check)
	}
}

func TestKitFailsWithoutAStore(t *testing.T) {
	broken := errors.New("no storage")
	err := storetest.Prove(t.Context(), "content", func() (backup.Store, error) { return nil, broken }, short)
	require.ErrorIs(t, err, broken)
	require.Error(t, storetest.Prove(t.Context(), "content", func() (backup.Store, error) { return nil, nil }, short))
}
