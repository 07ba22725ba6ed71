package picture

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// bitmap is what a letter looks like.
func bitmap(r rune) (b [glyphHeight][7]bool) {
	for y := range b {
		for x := range b[y] {
			b[y][x] = inked(r, x, y)
		}
	}
	return b
}

func TestLatvianLettersDifferFromAllOthers(t *testing.T) {
	seen := map[[glyphHeight][7]bool]rune{}
	for r := ' '; r <= '~'; r++ {
		seen[bitmap(r)] = r
	}
	for _, r := range "āčēģīķļņšūžĀČĒĢĪĶĻŅŠŪŽ" {
		b := bitmap(r)
		other, taken := seen[b]
		require.False(t, taken, "%c looks like %c", r, other)
		seen[b] = r
	}
	require.Equal(t, bitmap('?'), bitmap('Ω'))
}

func TestNameAndClockShareALineWhereTheyFit(t *testing.T) {
	for _, c := range []struct {
		width, height int
		name          string
		oneLine       bool
		clock         string
	}{
		{1280, 720, "Rīga, 101. telpa, A", true, clockFormat},
		{640, 360, "Aizmugure", true, shortFormat},
		{640, 360, "Rīga, 101. telpa, A", false, clockFormat},
		{320, 180, "A", false, shortFormat},
		{1920, 1080, "Aizmugure", true, clockFormat},
	} {
		l := layoutFor(Config{Width: c.width, Height: c.height, Name: c.name})
		require.Equal(t, c.oneLine, l.nameY == l.clockY, "%+v", c)
		require.Equal(t, c.clock, l.clock, "%+v", c)
		wide := l.text.advance * l.text.scale
		require.LessOrEqual(t, l.clockX+len(l.clock)*wide, l.columns, "%+v", c)
		if c.oneLine {
			require.Less(t, l.textX+len([]rune(c.name))*wide, l.clockX, "%+v", c)
		}
	}
}

func TestCamerasSeeDifferentRooms(t *testing.T) {
	seen := map[string]string{}
	for _, name := range []string{"Priekša", "Aizmugure", "Durvis", "Logs"} {
		s, err := New(Config{Width: 640, Height: 360, DeclaredRate: 25, Name: name})
		require.NoError(t, err)
		m := s.Encoder.Canvas()
		var room []byte
		for y := s.layout.top; y < m.Rows; y++ {
			for x := range m.Columns {
				room = append(room, byte(m.At(x, y)))
			}
		}
		require.Empty(t, seen[string(room)], "the room of %s too", name)
		seen[string(room)] = name
	}
}
