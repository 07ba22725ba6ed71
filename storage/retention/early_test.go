package retention

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// What forbids an early deletion, one thing at a time.
func TestMayDelete(t *testing.T) {
	at := time.Date(2026, 11, 18, 9, 0, 0, 0, time.UTC)
	good := lieciba.RetentionFacts{Recording: lieciba.Recording{State: lieciba.RecordingSealed}, Seal: &lieciba.Seal{}}
	require.NoError(t, MayDelete(good, at), "no policy is asked")
	good.Recording.State = lieciba.RecordingComplete
	require.NoError(t, MayDelete(good, at))
	for name, change := range map[string]func(*lieciba.RetentionFacts){
		"recording":  func(f *lieciba.RetentionFacts) { f.Recording.State = lieciba.RecordingRecording },
		"finalising": func(f *lieciba.RetentionFacts) { f.Recording.State = lieciba.RecordingFinalising },
		"deleted":    func(f *lieciba.RetentionFacts) { f.Recording.State = lieciba.RecordingDeleted },
		"decided":    func(f *lieciba.RetentionFacts) { f.Deletion = &lieciba.Deletion{} },
		"a hold":     func(f *lieciba.RetentionFacts) { f.Holds = []lieciba.Hold{{ID: "h", PlacedAt: at}} },
		"an appeal": func(f *lieciba.RetentionFacts) {
			f.Events = []lieciba.SessionEvent{{ID: "e", Kind: lieciba.EventAppealOpened, Appeal: "A-1", At: at}}
		},
		"an export": func(f *lieciba.RetentionFacts) {
			f.Exports = []lieciba.Export{{ID: "x", State: lieciba.ExportBuilding}}
		},
		"a grant": func(f *lieciba.RetentionFacts) {
			f.Grants = []lieciba.Grant{{ID: "g", BeganAt: at, ExpiresAt: at.Add(time.Hour)}}
		},
		"a request": func(f *lieciba.RetentionFacts) {
			f.Requests = []lieciba.Request{{ID: "r", Kind: lieciba.RequestGrant, State: lieciba.RequestRequested, AskedAt: at, ExpiresAt: at.Add(time.Hour)}}
		},
		"all of them": func(f *lieciba.RetentionFacts) {
			f.Holds, f.Exports = []lieciba.Hold{{}}, []lieciba.Export{{State: lieciba.ExportFailed}}
		},
	} {
		f := good
		change(&f)
		require.Equal(t, lieciba.CodeConflict, lieciba.CodeOf(MayDelete(f, at)), name)
	}
	released := good
	released.Holds = []lieciba.Hold{{ID: "h", PlacedAt: at, ReleasedAt: at}}
	require.NoError(t, MayDelete(released, at))
}
