package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"sync"

	"gopkg.in/yaml.v3"

	"lieciba"
)

// The reference page is made from openapi.yaml, so that it cannot say anything
// else. It needs no script and nothing from elsewhere.

// docSchema is what the page shows of a JSON schema (OpenAPI 3.0.3, 4.7.24).
type docSchema struct {
	Ref         string           `yaml:"$ref"`
	Type        string           `yaml:"type"`
	Format      string           `yaml:"format"`
	Pattern     string           `yaml:"pattern"`
	Description string           `yaml:"description"`
	Nullable    bool             `yaml:"nullable"`
	Enum        []any            `yaml:"enum"`
	Required    []string         `yaml:"required"`
	Properties  named[docSchema] `yaml:"properties"`
	Items       *docSchema       `yaml:"items"`
	AllOf       []docSchema      `yaml:"allOf"`
	Example     any              `yaml:"example"`
}

type docBody struct {
	Ref         string           `yaml:"$ref"`
	Description string           `yaml:"description"`
	Content     named[docOfType] `yaml:"content"`
}

type docOfType struct {
	Schema  docSchema `yaml:"schema"`
	Example any       `yaml:"example"`
}

type docParameter struct {
	Ref         string    `yaml:"$ref"`
	Name        string    `yaml:"name"`
	In          string    `yaml:"in"`
	Required    bool      `yaml:"required"`
	Description string    `yaml:"description"`
	Schema      docSchema `yaml:"schema"`
}

type docOperation struct {
	Tags        []string       `yaml:"tags"`
	OperationID string         `yaml:"operationId"`
	Summary     string         `yaml:"summary"`
	Description string         `yaml:"description"`
	Parameters  []docParameter `yaml:"parameters"`
	RequestBody *docBody       `yaml:"requestBody"`
	Responses   named[docBody] `yaml:"responses"`

	Method, Path string `yaml:"-"`
}

type docFile struct {
	Info struct{ Title, Version, Description string }
	Tags []struct{ Name, Description string }

	Paths      named[named[yaml.Node]]
	Components struct {
		Parameters    map[string]docParameter
		RequestBodies map[string]docBody `yaml:"requestBodies"`
		Responses     map[string]docBody
		Schemas       named[docSchema]
	}
}

// named is a YAML mapping in the order of the file.
type named[T any] []pair[T]

type pair[T any] struct {
	Name  string
	Value T
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (m *named[T]) UnmarshalYAML(n *yaml.Node) error {
	for i := 0; i+1 < len(n.Content); i += 2 {
		p := pair[T]{Name: n.Content[i].Value}
		if err := n.Content[i+1].Decode(&p.Value); err != nil {
			return err
		}
		*m = append(*m, p)
	}
	return nil
}

// operations are all of a tag, in the order of the file.
func (d docFile) operations() (map[string][]docOperation, error) {
	out := map[string][]docOperation{}
	for _, path := range d.Paths {
		var shared []docParameter
		for _, part := range path.Value {
			if part.Name == "parameters" {
				if err := part.Value.Decode(&shared); err != nil {
					return nil, err
				}
				continue
			}
			op := docOperation{Method: strings.ToUpper(part.Name), Path: path.Name}
			if err := part.Value.Decode(&op); err != nil {
				return nil, err
			}
			op.Parameters = slices.Concat(shared, op.Parameters)
			d.resolve(&op)
			for _, tag := range op.Tags {
				out[tag] = append(out[tag], op)
			}
		}
	}
	return out, nil
}

// resolve puts what an operation refers to in its place; schemas stay links.
func (d docFile) resolve(op *docOperation) {
	for i, p := range op.Parameters {
		if p.Ref != "" {
			op.Parameters[i] = d.Components.Parameters[refName(p.Ref)]
		}
	}
	if b := op.RequestBody; b != nil && b.Ref != "" {
		body := d.Components.RequestBodies[refName(b.Ref)]
		op.RequestBody = &body
	}
	for i, r := range op.Responses {
		if r.Value.Ref != "" {
			op.Responses[i].Value = d.Components.Responses[refName(r.Value.Ref)]
		}
	}
}

func refName(ref string) string { return ref[strings.LastIndex(ref, "/")+1:] }

// typeOf is a schema in a few words, with links to named ones.
func typeOf(s docSchema) template.HTML {
	var out string
	switch {
	case s.Ref != "":
		name := template.HTMLEscapeString(refName(s.Ref))
		out = `<a href="#schema-` + name + `">` + name + `</a>`
	case len(s.AllOf) == 1:
		out = string(typeOf(s.AllOf[0]))
	case s.Items != nil:
		out = "list of " + string(typeOf(*s.Items))
	case len(s.Enum) > 0:
		var list []string
		for _, v := range s.Enum {
			list = append(list, template.HTMLEscapeString(fmt.Sprint(v)))
		}
		out = strings.Join(list, " · ")
	case s.Format != "":
		out = template.HTMLEscapeString(s.Type + " (" + s.Format + ")")
	case s.Type != "":
		out = template.HTMLEscapeString(s.Type)
	default:
		out = "any"
	}
	if s.Nullable {
		out += " or null"
	}
	return template.HTML(out) // every piece of the file was escaped above
}

// pretty is an example as JSON; empty for none.
func pretty(v any) string {
	if v == nil {
		return ""
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // the template escapes
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Sprint(v)
	}
	return strings.TrimSpace(b.String())
}

const docStyle = `body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c232b;background:#fff}
h2{margin-top:2.5rem;border-bottom:1px solid #cbd3da}h3{margin:2rem 0 .25rem;font-size:1rem}
code,pre{font:13px/1.45 ui-monospace,monospace}pre{background:#f3f5f7;padding:.75rem;overflow:auto;border-radius:4px}
table{border-collapse:collapse;width:100%;margin:.5rem 0}td,th{text-align:left;vertical-align:top;padding:.25rem .75rem .25rem 0;border-bottom:1px solid #e4e8ec}
.text{white-space:pre-line}.method{display:inline-block;min-width:4.5rem;font-weight:600}a{color:#0b5cad}
@media (prefers-color-scheme:dark){body{color:#dde3e8;background:#14181c}pre{background:#1d2329}h2{border-color:#3a444d}td,th{border-color:#2a323a}a{color:#7db5ee}}`

var docTemplate = template.Must(template.New("docs").Funcs(template.FuncMap{"type": typeOf, "pretty": pretty,
	"has": slices.Contains[[]string], "style": func() template.CSS { return docStyle }}).Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.File.Info.Title}}: API</title><style>{{style}}</style></head><body>
<h1>{{.File.Info.Title}}: <span lang="lv">saskarnes apraksts</span> · API reference</h1>
<p class="text">{{.File.Info.Description}}</p>
<p>The same for programs: <a href="/v1/openapi.yaml">openapi.yaml</a>.</p>
<ul>{{range .File.Tags}}<li><a href="#tag-{{.Name}}">{{.Name}}</a>: {{.Description}}</li>{{end}}<li><a href="#schemas">schemas</a></li></ul>
{{range .File.Tags}}<h2 id="tag-{{.Name}}">{{.Name}}</h2><p>{{.Description}}</p>
{{range index $.Operations .Name}}<section id="{{.OperationID}}"><h3><code><span class="method">{{.Method}}</span> {{.Path}}</code></h3><p>{{.Summary}}</p>
{{with .Description}}<p class="text">{{.}}</p>{{end}}
{{with .Parameters}}<table><tr><th>parameter</th><th>in</th><th>type</th><th></th></tr>
{{range .}}<tr><td><code>{{.Name}}</code>{{if .Required}} *{{end}}</td><td>{{.In}}</td><td>{{type .Schema}}</td><td>{{.Description}}</td></tr>{{end}}</table>{{end}}
{{with .RequestBody}}<p>Body: {{range .Content}}<code>{{.Name}}</code> {{type .Value.Schema}} {{end}}{{.Description}}</p>{{range .Content}}{{with pretty .Value.Example}}<pre>{{.}}</pre>{{end}}{{end}}{{end}}
<table><tr><th>status</th><th>answer</th><th></th></tr>{{range .Responses}}<tr><td>{{.Name}}</td><td>{{range .Value.Content}}{{type .Value.Schema}} {{end}}</td><td>{{.Value.Description}}</td></tr>{{end}}</table></section>
{{end}}{{end}}
<h2 id="schemas">schemas</h2>
{{range .File.Components.Schemas}}{{$s := .Value}}<section id="schema-{{.Name}}"><h3><code>{{.Name}}</code></h3>
{{with .Value.Description}}<p class="text">{{.}}</p>{{end}}
{{if .Value.Properties}}<table><tr><th>field</th><th>type</th><th></th></tr>{{range .Value.Properties}}<tr><td><code>{{.Name}}</code>{{if has $s.Required .Name}} *{{end}}</td><td>{{type .Value}}</td><td>{{.Value.Description}}</td></tr>{{end}}</table>
{{else}}<p>{{type .Value}}{{with .Value.Pattern}} <code>{{.}}</code>{{end}}</p>{{end}}
{{with pretty ($.File.Example .Value)}}<pre>{{.}}</pre>{{end}}</section>
{{end}}</body></html>
`))

func readDocument() (file docFile, err error) {
	return file, yaml.Unmarshal(openapiDocument, &file)
}

// reference is the page, made once.
var reference = sync.OnceValues(func() ([]byte, error) {
	file, err := readDocument()
	if err != nil {
		return nil, err
	}
	operations, err := file.operations()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = docTemplate.Execute(&b, map[string]any{"File": file, "Operations": operations})
	return b.Bytes(), err
})

// docsPolicy lets the page have its one style, by its hash, and nothing else.
var docsPolicy = func() string {
	sum := sha256.Sum256([]byte(docStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

// docs answers with the reference page.
func (s *Server) docs(c *call) error {
	page, err := reference()
	if err != nil {
		return lieciba.Wrap(err, lieciba.CodeInternal, "the reference page cannot be made")
	}
	h := c.gin.Writer.Header()
	h.Set("Content-Security-Policy", docsPolicy)
	h.Set("Cache-Control", "no-cache")
	c.gin.Data(http.StatusOK, "text/html; charset=utf-8", page)
	return nil
}
