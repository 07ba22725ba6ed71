package recorder

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"lieciba"
)

func TestWordsOf(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                         "plain",
		"a\r\nb\tc":                     "a b c",
		"\x1b[2Jgone\x00 \x9b31m":       "[2Jgone 31m",
		"broken \xff\xfe utf-8 \xc4":    "broken utf-8",
		"Nav \u202eatrasts\u200b — ā":   "Nav atrasts — ā",
		" \n ":                          "",
		strings.Repeat("x", maxWords):   strings.Repeat("x", maxWords),
		strings.Repeat("x", maxWords+1): strings.Repeat("x", maxWords-3) + "…",
		strings.Repeat("ā", maxWords):   strings.Repeat("ā", (maxWords-3)/2) + "…",
	} {
		require.Equal(t, want, wordsOf(errors.New(in)), "%q", in)
	}
}

// rudeCamera answers every request with a status line of its own words.
func rudeCamera(t *testing.T, reason string) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer func() { _ = c.Close() }() // the client may have closed it
				answer(c, reason)
			})
		}
	})
	t.Cleanup(func() {
		require.NoError(t, l.Close())
		all.Wait()
	})
	return "rtsp://" + l.Addr().String() + "/main"
}

func answer(c net.Conn, reason string) {
	seq := ""
	for lines := bufio.NewScanner(c); lines.Scan(); {
		switch name, value, _ := strings.Cut(lines.Text(), ":"); {
		case strings.EqualFold(name, "CSeq"):
			seq = strings.TrimSpace(value)
		case name == "":
			if _, err := fmt.Fprintf(c, "RTSP/1.0 500 %s\r\nCSeq: %s\r\n\r\n", reason, seq); err != nil {
				return
			}
		}
	}
}

// TestACameraCannotWriteIntoTheRecord: what a camera says when it refuses is kept
// with the gap, and can harm neither a terminal nor a database.
func TestACameraCannotWriteIntoTheRecord(t *testing.T) {
	t.Parallel()
	for name, reason := range map[string]string{
		"control characters": "No \x1b[2J\x07power\x00 \u202etoday",
		"broken UTF-8":       "No \xff\xfe power\xc4",
		"very long":          "No power " + strings.Repeat("ā", 100),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, 0)
			h.room(0)
			cam := h.addCamera(rudeCamera(t, reason))
			h.assign(cam, h.rooms[0], h.now().Add(-time.Hour))
			r, stop := h.start()
			begin := h.now().Add(time.Second)
			id := h.session(h.rooms[0], begin, begin.Add(2*time.Second), nil)
			r.Refresh()
			x := h.settled(r, id, 1)[0]
			require.NotEmpty(t, x.gaps)
			spoke := 0
			for _, g := range x.gaps {
				require.LessOrEqual(t, len(g.Detail), maxWords)
				require.True(t, utf8.ValidString(g.Detail))
				require.False(t, strings.ContainsFunc(g.Detail, func(r rune) bool { return !unicode.IsPrint(r) }), "%q", g.Detail)
				if strings.Contains(g.Detail, "No") && strings.Contains(g.Detail, "power") {
					spoke++
				}
			}
			require.Positive(t, spoke, "its words are kept: %+v", x.gaps)
			require.NotEqual(t, lieciba.GapCause(""), x.gaps[0].Cause)
			st, _ := r.CameraStatus(cam.ID)
			require.True(t, utf8.ValidString(st.Trouble))
			stop()
		})
	}
}
