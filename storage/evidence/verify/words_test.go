package verify

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/evidence"
)

func TestLengthsAreRounded(t *testing.T) {
	for us, want := range map[micros]string{
		40_719_998: "40,720 s", 0: "0,000 s", -1_520_000: "-1,520 s", 1: "1 µs", -999: "-999 µs", 90_000_000: "1 min 30,000 s", 7_260_000_000: "2 h 1 min 0,000 s", 59_999_600: "1 min 0,000 s",
	} {
		require.Equal(t, want, us.say("lv"))
		require.Equal(t, strings.ReplaceAll(want, ",", "."), us.say("en"))
	}
}

// TestEveryCauseHasWords: also one that is added later.
func TestEveryCauseHasWords(t *testing.T) {
	for _, c := range lieciba.GapCauses() {
		require.NotEqual(t, string(c), cause(c, "lv"))
		require.NotEqual(t, string(c), cause(c, "en"))
	}
	require.Equal(t, "zudis savienojums", cause(lieciba.CauseNetworkLoss, "lv"))
	require.Equal(t, "x", cause("x", "lv"))
}

func TestDetailsInLatvian(t *testing.T) {
	for en, lv := range map[string]string{
		"the descriptor of manifest.json is not as it was written":                             "izmainīts faila manifest.json nobeigums",
		"segment s-1: logged after the seal":                                                   "segments s-1: žurnālā pēc slēgšanas",
		"gap g-1: leaf 7 is not in the log as it stands here":                                  "pārrāvums g-1: žurnāla 7. ieraksta žurnālā nav",
		"TSA 1: the time stamp is none, or its signature is wrong":                             "TSA 1: tas nav laika zīmogs, vai tā paraksts neder",
		"stat /a/none.zip: no such file or directory":                                          "tāda faila nav: /a/none.zip",
		"something that nobody foresaw":                                                        "„something that nobody foresaw“",
		"the end of the file is not that of a package: it was cut off, or something was added": "faila beigas nav tādas kā pakotnei: tās nogrieztas vai kaut kas pielikts klāt",
		"incident i-1: it is of session s-2":                                                   "incidents i-1: pieder sesijai s-2",
		"part p-1: it is not in its place, or is there twice":                                  "daļas norise p-1: nav savā vietā vai ir divreiz",
		"readiness r-2: it follows r-1, which is not listed":                                   "gatavība r-2: seko ierakstam r-1, kura sarakstā nav",
		"the approval is not one of this export":                                               "apstiprinājums nav par šo izsniegumu",
		"keys.json":                                                                            "keys.json",
		"incident i-1: its clip is there and it is not listed":                                 "incidents i-1: ir fragments, bet sarakstā tā nav",
	} {
		require.Equal(t, lv, inLatvian(en))
	}
	require.Equal(t, "pakotnes ietvars nav tāds, kāds tika uzrakstīts: fails beidzas par agru", find(CodeContainer, "the file ends too early").Text("lv"))
	require.Equal(t, "the container is not as it was written: the file ends too early", find(CodeContainer, "the file ends too early").Text("en"))
}

// TestWhatDecidesComesFirst: findings before notes, names only where there are
// some, and what the key was compared with.
func TestWhatDecidesComesFirst(t *testing.T) {
	r := newReport("p.zip")
	r.Log = &Log{Origin: "log", Size: 86, KeyDiffers: true}
	r.add(find(CodeNotWitness))
	gone := find(CodeSegment, "1", "2")
	gone.SegmentID = "s-1"
	r.add(gone)
	r.Recorded = []Recording{{CameraID: "c-1", Expected: 40_719_998, Gaps: []evidence.GapDetail{{Cause: lieciba.CauseCameraOffline}}}}
	r.judge()
	say := func(lang string) string {
		var b strings.Builder
		require.NoError(t, r.Print(&b, lang))
		return b.String()
	}
	en, lv := say("en"), say("lv")
	require.Less(t, strings.Index(en, "segment_changed"), strings.Index(en, "not_witnessed"))
	require.Contains(t, en, "Log: log, 86 entries\n")
	require.Contains(t, en, "(compared: DIFFERENT)")
	require.Contains(t, en, "\n    segment s-1\n")
	require.Contains(t, en, "Camera c-1: expected 40.720 s")
	require.Contains(t, en, "the camera does not answer")
	require.Contains(t, lv, "86 ieraksti\n")
	require.Contains(t, lv, "(salīdzināta: ATŠĶIRAS)")
	require.Contains(t, lv, "paredzēts 40,720 s")
	require.Contains(t, lv, "kamera neatbild")
	require.NotContains(t, lv, "camera_offline")
}
