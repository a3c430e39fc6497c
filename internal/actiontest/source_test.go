package actiontest_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/internal/testenv"
)

// shipped are the exported types with a Run of an Action in the source below
// folder, as "deploy/step/files.Copy", found without compiling it.
func shipped(t *testing.T, root, folder string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(filepath.Join(root, folder), func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && (e.Name() == "testdata" || strings.HasPrefix(e.Name(), ".")):
			return fs.SkipDir
		case e.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(name))
		if err != nil {
			return err
		}
		for _, d := range file.Decls {
			if typ := runner(d); typ != "" {
				found = append(found, filepath.ToSlash(dir)+"."+typ)
			}
		}
		return nil
	})
	require.NoError(t, err)
	slices.Sort(found)
	return found
}

// runner is the exported type that a declaration makes an Action of.
func runner(d ast.Decl) string {
	f, ok := d.(*ast.FuncDecl)
	if !ok || f.Recv == nil || f.Name.Name != "Run" || f.Type.Params.NumFields() != 2 || f.Type.Results.NumFields() != 1 {
		return ""
	}
	last := f.Type.Params.List[len(f.Type.Params.List)-1].Type
	call, ok := last.(*ast.StarExpr)
	if !ok || nameOf(call.X) != "Call" {
		return ""
	}
	recv := f.Recv.List[0].Type
	if star, ok := recv.(*ast.StarExpr); ok {
		recv = star.X
	}
	if typ := nameOf(recv); ast.IsExported(typ) {
		return typ
	}
	return ""
}

// nameOf is the last name of an expression that names a type.
func nameOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.IndexExpr:
		return nameOf(e.X)
	}
	return ""
}

// TestTheTableHasEveryAction fails where an Action was added to the module and
// not to the table, so that none escapes the other tests here.
func TestTheTableHasEveryAction(t *testing.T) {
	root, err := testenv.Root()
	require.NoError(t, err)
	found := shipped(t, root, "deploy")
	require.Contains(t, found, "deploy.Exec", "the search finds what is there")
	require.Contains(t, found, "deploy/step/files.Copy")
	var listed []string
	for _, s := range scenes(newWorld(t, false)) {
		listed = append(listed, s.typ())
	}
	slices.Sort(listed)
	listed = slices.DeleteFunc(slices.Compact(listed), func(typ string) bool { return typ == opaque })
	require.Equal(t, found, listed, "the types with a Run of an Action in the source, and those in the table in scenes_test.go")
}
