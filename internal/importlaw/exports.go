package importlaw

import (
	"fmt"
	"go/ast"
	"path"
	"regexp"
	"strings"
)

// exposes returns what an exported declaration of f shows of third-party code,
// or nothing. Adapters may show theirs; internal packages and programs have no
// users outside. It looks at names, not at types: what a declaration says, and
// the aliases of its package.
func exposes(at place, f file, p *pkg) string {
	if f.test || at.kind == adapter || at.kind == internal || at.kind == command || at.kind == example {
		return ""
	}
	foreign := foreignNames(f)
	aliases := foreignAliases(p)
	for _, decl := range f.syntax.Decls {
		for _, shown := range exported(decl) {
			if name := mentions(shown.expr, foreign, aliases); name != "" {
				return fmt.Sprintf("the exported %s shows the third-party %s", shown.name, name)
			}
		}
	}
	return ""
}

// foreignNames maps the names by which a file knows third-party packages to
// their paths.
func foreignNames(f file) map[string]string {
	names := map[string]string{}
	for _, i := range f.imports {
		if i.std || i.ours {
			continue
		}
		name := i.name
		if name == "" {
			name = packageName(i.path)
		}
		names[name] = i.path
	}
	return names
}

var majorVersion = regexp.MustCompile(`^v[0-9]+$`)

// packageName guesses the name of a package by its path.
func packageName(importPath string) string {
	name := path.Base(importPath)
	if majorVersion.MatchString(name) {
		name = path.Base(path.Dir(importPath))
	}
	name, _, _ = strings.Cut(strings.TrimPrefix(name, "go-"), ".")
	return strings.TrimSuffix(name, "-go")
}

// foreignAliases returns the names that a package gives to third-party types.
func foreignAliases(p *pkg) map[string]bool {
	aliases := map[string]bool{}
	for _, f := range p.files {
		foreign := foreignNames(f)
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok && spec.Assign.IsValid() && mentions(spec.Type, foreign, nil) != "" {
				aliases[spec.Name.Name] = true
			}
			return true
		})
	}
	return aliases
}

// declared is an exported name with an expression that its users see.
type declared struct {
	name string
	expr ast.Node
}

// exported returns what a declaration shows to the package's users.
func exported(decl ast.Decl) []declared {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && (d.Recv == nil || exportedReceiver(d.Recv)) {
			return []declared{{d.Name.Name, d.Type}}
		}
	case *ast.GenDecl:
		var all []declared
		for _, spec := range d.Specs {
			all = append(all, exportedSpec(spec)...)
		}
		return all
	}
	return nil
}

func exportedSpec(spec ast.Spec) []declared {
	var all []declared
	switch s := spec.(type) {
	case *ast.TypeSpec:
		if s.Name.IsExported() {
			all = append(all, declared{s.Name.Name, s.Type})
			if s.TypeParams != nil {
				all = append(all, declared{s.Name.Name, s.TypeParams})
			}
		}
	case *ast.ValueSpec:
		for i, name := range s.Names {
			if !name.IsExported() {
				continue
			}
			if s.Type != nil {
				all = append(all, declared{name.Name, s.Type})
			} else if i < len(s.Values) {
				all = append(all, declared{name.Name, s.Values[i]})
			}
		}
	}
	return all
}

func exportedReceiver(recv *ast.FieldList) bool {
	return ast.IsExported(receiverName(recv.List[0].Type))
}

func receiverName(expr ast.Expr) string {
	switch e := expr.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.StarExpr:
		return receiverName(e.X)
	case *ast.IndexExpr:
		return receiverName(e.X)
	case *ast.IndexListExpr:
		return receiverName(e.X)
	}
	return ""
}

// mentions returns the first third-party name in an expression, leaving out the
// unexported fields of structs and the bodies of functions.
func mentions(node ast.Node, foreign map[string]string, aliases map[string]bool) string {
	found := ""
	ast.Inspect(node, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BlockStmt:
			return false
		case *ast.Field:
			return found == "" && (len(n.Names) == 0 || anyExported(n.Names) || !inStruct(node, n))
		case *ast.SelectorExpr:
			if id, ok := n.X.(*ast.Ident); ok && foreign[id.Name] != "" {
				found = foreign[id.Name] + "." + n.Sel.Name
			}
		case *ast.Ident:
			if aliases[n.Name] {
				found = n.Name
			}
		}
		return found == ""
	})
	return found
}

func anyExported(names []*ast.Ident) bool {
	for _, name := range names {
		if name.IsExported() {
			return true
		}
	}
	return false
}

// inStruct reports whether a field is one of a struct in node, and not a
// parameter.
func inStruct(node ast.Node, field *ast.Field) bool {
	inside := false
	ast.Inspect(node, func(n ast.Node) bool {
		if s, ok := n.(*ast.StructType); ok {
			for _, f := range s.Fields.List {
				inside = inside || f == field
			}
		}
		return !inside
	})
	return inside
}
