package secretshapes_test

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestConstantsOfThisPackage puts them side by side as the linker does, by length,
// which is how they are in every program that this package is a part of: such a
// program must not look as if there were keys in it.
func TestConstantsOfThisPackage(t *testing.T) {
	names, err := filepath.Glob("*.go")
	require.NoError(t, err)
	var texts []string
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				text, err := strconv.Unquote(literal.Value)
				require.NoError(t, err)
				texts = append(texts, text)
			}
			return true
		})
	}
	require.Greater(t, len(texts), 100)
	slices.SortFunc(texts, func(a, b string) int { return cmp.Or(len(a)-len(b), cmp.Compare(a, b)) })
	for _, m := range scan(strings.Join(texts, "")) {
		require.True(t, m.Generic, m.Shape) // that is not looked for in binary files
	}
	for i, prefix := range texts {
		if strings.HasSuffix(prefix, "_") || strings.HasSuffix(prefix, "-") {
			const word = "Atoiuintint8chanfuncermsfsrmsse3avx2bmi1bmi2timecallkindAVX2Bool"
			for _, m := range scan(prefix + word + word) {
				require.True(t, m.Generic, "%s, %d", m.Shape, i)
			}
		}
	}
}
