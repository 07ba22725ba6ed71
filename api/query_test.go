package api

import (
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// Lists read their query alike: words with commas or repeated, and what nobody
// knows is refused by its name.
func TestListsReadTheirQueryAlike(t *testing.T) {
	w := newWorld(t)
	hook := w.as("admin", "POST", "/v1/webhooks", map[string]any{"name": "pizis", "url": "https://hooks.example/x"}).want(201).json()["id"].(string)
	for _, c := range []struct {
		who                      lieciba.Role
		path, name, known, other string
	}{
		{"reviewer", "/v1/appeals", "state", "opened", "court"},
		{"reviewer", "/v1/exports", "state", "sealed", "purged"},
		{"reviewer", "/v1/requests", "state", "requested", "expired"},
		{"reviewer", "/v1/requests", "kind", "grant", "roles"},
		{"security", "/v1/deletions", "state", "open", "done"},
		{"security", "/v1/alarms", "kind", "volume", "own_site"},
		{"admin", "/v1/webhooks/" + hook + "/deliveries", "state", "waiting", "dead"},
	} {
		at := c.path + "?" + c.name + "="
		w.badly(c.who, "GET", at+c.known+","+c.other, nil).want(200)
		w.as(c.who, "GET", at+c.known+"&"+c.name+"="+c.other, nil).want(200)
		w.badly(c.who, "GET", at+c.known+",odd", nil).refused(400, "invalid", c.name)
		w.badly(c.who, "GET", at, nil).refused(400, "invalid", c.name)
		w.badly(c.who, "GET", c.path+"?limit=0", nil).refused(400, "invalid", "limit")
		w.badly(c.who, "GET", c.path+"?odd=1", nil).refused(400, "invalid", "odd")
	}
	for path, name := range map[string]string{"/v1/alarms": "unseen", "/v1/requests": "mine", "/v1/grants": "active"} {
		w.as("security", "GET", path+"?"+name+"=true", nil).want(200)
		w.badly("security", "GET", path+"?"+name+"=yes", nil).refused(400, "invalid", name)
	}
}

func TestPageOf(t *testing.T) {
	id := func(s string) string { return s }
	require.Nil(t, pageOf[int]([]string{"a", "b"}, 3, id).NextBefore, "fewer than asked for: the end")
	require.Equal(t, "b", *pageOf[int]([]string{"a", "b"}, 2, id).NextBefore)
	require.Equal(t, []int{}, pageOf[int]([]string(nil), 2, id).Items, "an empty list, not null")
}
