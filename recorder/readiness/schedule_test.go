package readiness

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

func TestWhatIsDueWhen(t *testing.T) {
	s := lieciba.ExamSession{StartsAt: start.Add(3 * time.Hour)}
	a, b := lieciba.Camera{ID: "a"}, lieciba.Camera{ID: "b"}
	cameras := []lieciba.Camera{a, b}
	row := func(id lieciba.CameraID, when lieciba.ReadinessAt, before time.Duration) lieciba.Readiness {
		return lieciba.Readiness{CameraID: id, When: when, At: s.StartsAt.Add(-before)}
	}
	min := time.Minute
	for _, c := range []struct {
		before time.Duration
		rows   []lieciba.Readiness
		when   lieciba.ReadinessAt
		out    []lieciba.Camera
	}{
		{61 * min, nil, lieciba.ReadinessT60, nil},
		{60 * min, nil, lieciba.ReadinessT60, cameras},
		{16 * min, nil, lieciba.ReadinessT60, cameras}, // missed over a restart
		{40 * min, []lieciba.Readiness{row("a", lieciba.ReadinessT60, 59*min)}, lieciba.ReadinessT60, []lieciba.Camera{b}},
		{40 * min, []lieciba.Readiness{row("a", lieciba.ReadinessByHand, 50*min), row("b", lieciba.ReadinessT60, 59*min)}, lieciba.ReadinessT60, []lieciba.Camera{a}},
		{40 * min, []lieciba.Readiness{row("a", lieciba.ReadinessT60, 70*min), row("b", lieciba.ReadinessT60, 59*min)}, lieciba.ReadinessT60, []lieciba.Camera{a}}, // of the start before it was moved
		{15 * min, []lieciba.Readiness{row("a", lieciba.ReadinessT60, 59*min), row("b", lieciba.ReadinessT60, 59*min)}, lieciba.ReadinessT15, cameras},
		{min, nil, lieciba.ReadinessT15, cameras}, // the later check stands for the earlier
		{min, []lieciba.Readiness{row("a", lieciba.ReadinessT15, 14*min), row("b", lieciba.ReadinessT15, 14*min)}, lieciba.ReadinessT15, nil},
		{0, nil, lieciba.ReadinessT15, nil}, // it has begun
		{-min, nil, lieciba.ReadinessT15, nil},
	} {
		when, out := due(s, cameras, c.rows, s.StartsAt.Add(-c.before))
		require.Equal(t, c.when, when, "%s before", c.before)
		require.Equal(t, c.out, out, "%s before, %v", c.before, c.rows)
	}
}
