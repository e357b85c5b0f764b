package policy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"
)

// TestPoliciesCanNameEveryActionOfTheCore reads the core's own list.
func TestPoliciesCanNameEveryActionOfTheCore(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../registry/access.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); !ok || kind.Name != "Action" {
			return true
		}
		for _, v := range spec.Values {
			name, err := strconv.Unquote(v.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			if known, ok := KnownAction(name); !ok || string(known) != name {
				t.Errorf("no policy can name %s", name)
			}
			n++
		}
		return true
	})
	if n < 50 {
		t.Errorf("only %d actions were found", n)
	}
}
