package api

import "slices"

// Example is what a schema looks like in JSON; nil for none. Its own example comes
// first. Lists and what only joins other schemas are built from their parts, so
// that nothing is written down twice: what may be null is null then, and what
// may be left out and has no example is left out.
func (d docFile) Example(s docSchema) any {
	switch {
	case s.Example != nil:
		return s.Example
	case s.Ref != "":
		for _, named := range d.Components.Schemas {
			if named.Name == refName(s.Ref) {
				return d.Example(named.Value)
			}
		}
	case s.Nullable:
		return nil
	case len(s.AllOf) == 1:
		return d.Example(s.AllOf[0])
	case len(s.Enum) > 0:
		return s.Enum[0]
	case s.Items != nil:
		if item := d.Example(*s.Items); item != nil {
			return []any{item}
		}
	case len(s.Properties) > 0:
		return d.joined(s)
	}
	return nil
}

// joined builds the example of an object from its properties; nil when one that
// must be there has none.
func (d docFile) joined(s docSchema) any {
	out := map[string]any{}
	for _, p := range s.Properties {
		v := d.Example(p.Value)
		if v != nil || p.Value.Nullable {
			out[p.Name] = v
		} else if slices.Contains(s.Required, p.Name) {
			return nil
		}
	}
	return out
}
