// Package web holds the pages (TypeScript, built by Vite into dist) and serves
// them from the binary.
package web

import (
	"bytes"
	"embed"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed all:dist
var dist embed.FS

const notBuilt = `<!doctype html><html lang="lv"><meta charset="utf-8"><title>Lieciba</title>
<h1>Lieciba</h1>
<p lang="lv">Serveris darbojas, bet lapas šajā programmā nav iebūvētas. Uzbūvējiet tās: <code>make web</code>, tad būvējiet serveri no jauna.</p>
<p lang="en">The server runs, but the pages are not built into this binary. Build them with <code>make web</code>, then build the server again.</p>
</html>`

// Handler serves the pages; built tells whether they are in this binary. Every
// path that is not a file gets the single page, which does its own routing.
// Assets carry their hash in the name and may be cached for ever. Safe for
// concurrent use.
func Handler() (h http.Handler, built bool) {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	index, err := fs.ReadFile(files, "index.html")
	built = err == nil
	if !built {
		index = []byte(notBuilt)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
		body, err := fs.ReadFile(files, name)
		switch {
		case err != nil && strings.HasPrefix(name, "assets/"):
			http.NotFound(w, r)
			return
		case err != nil || name == "index.html":
			name, body = "index.html", index
			w.Header().Set("Cache-Control", "no-cache")
		case strings.HasPrefix(name, "assets/"):
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(body))
	}), built
}
