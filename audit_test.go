package lieciba_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
)

func TestAuditActs(t *testing.T) {
	names := lieciba.AuditActs()
	require.True(t, slices.IsSorted(names))
	require.Len(t, slices.Compact(slices.Clone(names)), len(names), "each once")
	for _, a := range lieciba.Acts() {
		require.Contains(t, names, string(a))
	}
	for _, k := range lieciba.RequestKinds() {
		require.Contains(t, names, lieciba.AuditAsk(k))
	}
	require.Subset(t, names, constantsOf(t, "audit.go"))
	for _, n := range names {
		require.True(t, strings.Trim(n, "abcdefghijklmnopqrstuvwxyz_") == "" && n != "", n)
	}
}

// constantsOf returns the values of a file's string constants.
func constantsOf(t *testing.T, path string) (out []string) {
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	require.NoError(t, err)
	ast.Inspect(f, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok {
			for _, x := range v.Values {
				if s, ok := text(x); ok {
					out = append(out, s)
				}
			}
		}
		return true
	})
	require.NotEmpty(t, out)
	return out
}

func text(x ast.Expr) (string, bool) {
	l, ok := x.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(l.Value)
	return s, err == nil
}

// An audit entry is named by AuditActs alone: nowhere in the product is the act
// of an entry, or of a filter of entries, written out.
func TestNoAuditActIsWrittenOut(t *testing.T) {
	entries, written := 0, []string{}
	require.NoError(t, filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && slices.Contains([]string{"node_modules", ".git", "storagetest"}, d.Name()) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		files := token.NewFileSet()
		f, err := parser.ParseFile(files, path, nil, 0)
		require.NoError(t, err)
		ast.Inspect(f, func(n ast.Node) bool {
			for _, act := range actsOf(n) {
				entries++
				if s, literal := text(act); literal && s != "" {
					written = append(written, files.Position(act.Pos()).String())
				}
			}
			return true
		})
		return nil
	}))
	require.Empty(t, written, "name the act in audit.go")
	require.Greater(t, entries, 50, "the walk found the entries")
}

// actArgument is where the functions that begin entries take the act.
var actArgument = map[string]int{"entry": 0, "stepEntry": 0, "shellEntry": 0, "refusedStep": 0, "act": 0, "shown": 1, "step": 2}

// actsOf returns the expressions that name an audit entry's act in n.
func actsOf(n ast.Node) []ast.Expr {
	switch n := n.(type) {
	case *ast.KeyValueExpr:
		if k, ok := n.Key.(*ast.Ident); ok && k.Name == "Act" {
			return []ast.Expr{n.Value}
		}
	case *ast.CallExpr:
		name := ""
		switch f := n.Fun.(type) {
		case *ast.SelectorExpr:
			name = f.Sel.Name
		case *ast.Ident:
			name = f.Name
		}
		if i, known := actArgument[name]; known && i < len(n.Args) {
			return n.Args[i : i+1]
		}
	case *ast.AssignStmt:
		for i, l := range n.Lhs {
			if s, ok := l.(*ast.SelectorExpr); ok && s.Sel.Name == "Act" && i < len(n.Rhs) {
				return []ast.Expr{n.Rhs[i]}
			}
		}
	}
	return nil
}
