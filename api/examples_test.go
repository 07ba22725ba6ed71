package api

import (
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
)

// Every operation says what it does, and every JSON body has an example that the
// document itself takes.
func TestEveryOperationHasExamples(t *testing.T) {
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
			t.Errorf("%s has no example (schema %s)", where, media.Schema.Ref)
			return
		}
		if err := media.Schema.Value.VisitJSON(example); err != nil {
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
