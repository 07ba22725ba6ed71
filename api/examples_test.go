package api

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"lieciba"
)

// Every operation says what it does, and every JSON body has an example, written
// or built from its parts as on the reference page, that the document itself takes.
func TestEveryOperationHasExamples(t *testing.T) {
	file, err := readDocument()
	require.NoError(t, err)
	check := func(where string, content openapi3.Content) {
		media := content.Get("application/json")
		if media == nil {
			return
		}
		example := media.Example
		if example == nil {
			example = media.Schema.Value.Example
		}
		if example == nil {
			example = file.Example(docSchema{Ref: media.Schema.Ref})
		}
		if example == nil {
			t.Errorf("%s has no example (schema %s)", where, media.Schema.Ref)
			return
		}
		if err := media.Schema.Value.VisitJSON(asJSON(t, example)); err != nil {
			t.Errorf("the example of %s: %v", where, err)
		}
	}
	for path, item := range document.Paths.Map() {
		for method, op := range item.Operations() {
			name := method + " " + path
			require.NotEmpty(t, op.Summary, name)
			require.NotEmpty(t, op.OperationID, name)
			require.NotEmpty(t, op.Tags, name)
			if op.RequestBody != nil {
				check(name+", the body", op.RequestBody.Value.Content)
			}
			for status, r := range op.Responses.Map() {
				check(name+", answer "+status, r.Value.Content)
			}
		}
	}
}

func asJSON(t *testing.T, v any) (out any) {
	b, err := json.Marshal(v)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &out))
	return out
}

// Examples are such as could be: nothing begins when it ends, no two fields of
// different things bear one ID, and no word stands where nobody thought of one.
func TestExamplesCouldBeReal(t *testing.T) {
	for name, s := range document.Components.Schemas {
		if s.Value.Example == nil {
			continue
		}
		walkExample(name, asJSON(t, s.Value.Example), func(where string, v any) {
			switch v := v.(type) {
			case string:
				require.NotEqual(t, "text", v, where)
			case map[string]any:
				for from, to := range map[string]string{"starts_at": "ends_at", "from": "to", "created_at": "expires_at", "asked_at": "expires_at", "began_at": "expires_at"} {
					a, b := instant(v[from]), instant(v[to])
					require.False(t, !a.IsZero() && !b.IsZero() && !a.Before(b), "%s: %s is not before %s", where, from, to)
				}
				ids := map[any]string{}
				for key, id := range v {
					if _, isID := id.(string); !isID || key != "id" && !strings.HasSuffix(key, "_id") {
						continue
					}
					require.Empty(t, ids[id], "%s: %s and %s are one ID", where, key, ids[id])
					ids[id] = key
				}
			}
		})
	}
}

func instant(v any) time.Time {
	s, _ := v.(string)
	at, _ := time.Parse(time.RFC3339, s) // what is no time is the schema's business
	return at
}

func walkExample(where string, v any, see func(string, any)) {
	see(where, v)
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			walkExample(where+"."+k, x, see)
		}
	case []any:
		for i, x := range v {
			walkExample(where+"."+strconv.Itoa(i), x, see)
		}
	}
}

// A list is built from its items, and must not be written out again.
func TestNoListHasAnExampleOfItsOwn(t *testing.T) {
	for name, s := range document.Components.Schemas {
		items := s.Value.Properties["items"]
		if strings.HasSuffix(name, "List") && items != nil && items.Value.Items != nil && items.Value.Items.Ref != "" {
			require.Nil(t, s.Value.Example, name)
		}
	}
}

// An enum of the document that bears the name of a type of the domain has its
// values, all of them.
func TestEnumsAreTheDomains(t *testing.T) {
	domain := constantsByType(t)
	domain["AuditAct"] = lieciba.AuditActs()
	domain["RecipientKind"] = recipientKinds
	domain["ReadinessState"] = union(domain["ReadinessState"], "unchecked")
	compared := 0
	for name, s := range document.Components.Schemas {
		want, known := domain[name]
		if !known || len(s.Value.Enum) == 0 {
			continue
		}
		compared++
		var got []string
		for _, v := range s.Value.Enum {
			got = append(got, v.(string))
		}
		require.ElementsMatch(t, want, got, name)
	}
	require.Greater(t, compared, 20)
	asked := document.Components.Schemas["Asked"].Value.Properties["recipient_kind"].Value.Enum
	require.ElementsMatch(t, append([]any{""}, document.Components.Schemas["RecipientKind"].Value.Enum...), asked)
}

func union(list []string, more string) []string {
	if slices.Contains(list, more) {
		return list
	}
	return append(list, more)
}

// constantsByType reads the string constants of package lieciba, by their type.
func constantsByType(t *testing.T) map[string][]string {
	out := map[string][]string{}
	root := os.DirFS("..")
	files, err := fs.Glob(root, "*.go")
	require.NoError(t, err)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := fs.ReadFile(root, name)
		require.NoError(t, err)
		file, err := parser.ParseFile(token.NewFileSet(), name, bytes.NewReader(text), 0)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			typ, named := spec.Type.(*ast.Ident)
			for _, v := range spec.Values {
				if l, ok := v.(*ast.BasicLit); ok && named && l.Kind == token.STRING {
					s, err := strconv.Unquote(l.Value)
					require.NoError(t, err)
					out[typ.Name] = append(out[typ.Name], s)
				}
			}
			return true
		})
	}
	return out
}
