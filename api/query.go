package api

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"lieciba"
)

// queryTime reads an RFC 3339 time of any offset; the zero time if it is absent.
func (c *call) queryTime(name string) (time.Time, error) {
	s, given := c.gin.GetQuery(name)
	if !given {
		return time.Time{}, nil
	}
	return parseTime(name, s)
}

func parseTime(field, s string) (time.Time, error) {
	t, err := lieciba.ParseTime(field, s)
	if err != nil {
		return t, lieciba.Invalid(field, "is not a time: use RFC 3339, such as 2026-11-18T07:00:00Z (write + as %%2B in an address)")
	}
	return t, nil
}

// querySpan reads from and to; open ends are zero.
func (c *call) querySpan() (lieciba.Interval, error) {
	from, err := c.queryTime("from")
	if err != nil {
		return lieciba.Interval{}, err
	}
	to, err := c.queryTime("to")
	if err != nil {
		return lieciba.Interval{}, err
	}
	if !to.IsZero() && !to.After(from) {
		return lieciba.Interval{}, lieciba.Invalid("to", "must be after from")
	}
	return lieciba.Interval{From: from, To: to}, nil
}

// page reads limit and before.
func page[T ~string](c *call) (limit int, before T, err error) {
	if limit, err = c.queryLimit(); err != nil {
		return 0, "", err
	}
	before, err = queryID[T](c, "before")
	return limit, before, err
}

func (c *call) queryLimit() (int, error) {
	s, given := c.gin.GetQuery("limit")
	if !given {
		return 100, nil
	}
	limit, err := strconv.Atoi(s)
	if err != nil || limit < 1 || limit > 1000 {
		return 0, lieciba.Invalid("limit", "must be a number from 1 to 1000")
	}
	return limit, nil
}

// onlyQuery refuses parameters that the route does not know: a search that was
// mistyped must not answer as if it had filtered.
func (c *call) onlyQuery(names ...string) error {
	for name := range c.gin.Request.URL.Query() {
		if !slices.Contains(names, name) {
			return lieciba.Invalid(name, "is not a parameter of this request: use %s", strings.Join(names, ", "))
		}
	}
	return nil
}

// queryID reads an optional ID.
func queryID[T ~string](c *call, name string) (T, error) {
	s, given := c.gin.GetQuery(name)
	if !given {
		return "", nil
	}
	return lieciba.ParseID[T](name, s)
}

// queryBool reads true or false; given is false where neither is sent.
func (c *call) queryBool(name string) (v, given bool, err error) {
	s, given := c.gin.GetQuery(name)
	if given && s != "true" && s != "false" {
		return false, true, lieciba.Invalid(name, "must be true or false")
	}
	return s == "true", given, nil
}

// queryStates is queryList of the parameter state.
func queryStates[T ~string](c *call, known []T) ([]T, error) { return queryList(c, "state", known) }

// queryList reads words of a list that the server knows: one or several, with
// commas or repeated; none if the parameter is absent.
func queryList[T ~string](c *call, name string, known []T) (list []T, err error) {
	for _, v := range c.gin.QueryArray(name) {
		for word := range strings.SplitSeq(v, ",") {
			if !slices.Contains(known, T(word)) {
				return nil, lieciba.Invalid(name, "unknown %s %q: use one of %v", name, word, known)
			}
			list = append(list, T(word))
		}
	}
	return list, nil
}
