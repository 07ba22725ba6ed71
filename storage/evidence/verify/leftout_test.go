package verify_test

import (
	"crypto/sha256"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/evidence"
	"lieciba/storage/evidence/verify"
)

// drop takes a camera's recording out of a package, with its files.
func (p *parcel) drop(k int) evidence.RecordingManifest {
	gone := p.manifest.Recordings[k]
	folder := string(gone.Camera.ID)
	p.manifest.Recordings = slices.Delete(p.manifest.Recordings, k, k+1)
	p.manifest.Clips = slices.DeleteFunc(p.manifest.Clips, func(x evidence.ClipManifest) bool { return x.CameraID == gone.Camera.ID })
	p.manifest.Files = slices.DeleteFunc(p.manifest.Files, func(f evidence.FileManifest) bool { return strings.Contains(f.Name, folder) })
	p.parts = slices.DeleteFunc(p.parts, func(x part) bool { return strings.Contains(x.name, folder) })
	return gone
}

// forgedWithKey signs what the package says now with the log's own key, in a
// log that holds just that.
func forgedWithKey(t *testing.T, h *house, p parcel) []byte {
	p.manifest.Access = []evidence.AuditDetail{}
	p.set(evidence.StampsName, evidence.Encode(evidence.Stamps{Tokens: []evidence.StampToken{}}))
	p.resign(t, &scene{house: h, forger: h.key})
	return p.zip(t)
}

// TestCamerasLeftOutAreDeclared: a package of some cameras of a session is
// never complete, and says which camera it lacks.
func TestCamerasLeftOutAreDeclared(t *testing.T) {
	h := newHouse(t)
	x := h.hold("S-1", 2, 2, -1)
	all := h.pack(x)
	require.Equal(t, verify.Complete, judge(t, all.zip(t), h.trust()).Verdict)
	first, second := all.manifest.Recordings[0], all.manifest.Recordings[1]

	p := h.pack(x, first.Camera.ID)
	require.Len(t, p.manifest.Recordings, 1)
	r := judge(t, p.zip(t), h.trust())
	require.Equal(t, verify.CompleteWithGaps, r.Verdict)
	require.Equal(t, []verify.Code{verify.CodeLeftOut}, codes(r))
	require.Equal(t, []evidence.LeftOutManifest{{RecordingRef: evidence.RecordingRef{ID: second.ID, CameraID: second.Camera.ID}, Camera: "kamera-2"}}, r.LeftOut)
	for name, text := range map[string]string{evidence.ReportLVName: "pakotnē nav kamera kamera-2", evidence.ReportENName: "not in the package: camera kamera-2"} {
		require.Contains(t, string(p.get(name)), text)
	}
	for lang, text := range map[string]string{"lv": "pakotnei nav prasīta un tajā nav: kamera-2", "en": "not asked for and is not in the package: kamera-2"} {
		var b strings.Builder
		require.NoError(t, r.Print(&b, lang))
		require.Contains(t, b.String(), text)
	}
}

// TestCamerasLeftOutSilently: who holds the log's key can sign any manifest, but
// the seal of each camera names the others.
func TestCamerasLeftOutSilently(t *testing.T) {
	h := newHouse(t)
	all := h.pack(h.hold("S-1", 2, 2, -1))
	o := verify.Options{Keys: []string{h.key.Fingerprint()}}
	require.Equal(t, []verify.Code{verify.CodeNotWitness}, codes(judge(t, forgedWithKey(t, h, all.clone()), o)), "the forger's log is right in itself")
	for k := range 2 {
		p := all.clone()
		gone := p.drop(k)
		r := judge(t, forgedWithKey(t, h, p), o)
		require.Equal(t, verify.Altered, r.Verdict)
		i := slices.IndexFunc(r.Findings, func(f verify.Finding) bool { return f.Code == verify.CodeCameraGone })
		require.GreaterOrEqual(t, i, 0, brief(r))
		require.Equal(t, gone.Camera.ID, r.Findings[i].CameraID)

		p.manifest.LeftOut = []evidence.LeftOutManifest{{RecordingRef: evidence.RecordingRef{ID: gone.ID, CameraID: all.manifest.Recordings[1-k].Camera.ID}}}
		require.Contains(t, codes(judge(t, forgedWithKey(t, h, p), o)), verify.CodeCameraGone, "another camera is declared")
	}
	p := all.clone()
	p.manifest.Recordings[0].SessionRecordings = p.manifest.Recordings[0].SessionRecordings[:0]
	require.Equal(t, verify.Altered, judge(t, forgedWithKey(t, h, p), o).Verdict, "a list without the recording itself")
	p = all.clone()
	p.manifest.LeftOut = []evidence.LeftOutManifest{{RecordingRef: p.manifest.Recordings[0].SessionRecordings[0]}}
	require.Equal(t, verify.Altered, judge(t, forgedWithKey(t, h, p), o).Verdict, "declared, and there")
}

// TestFactsAfterTheSeal: a segment that entered the log after its recording was
// sealed was not what the seal closed.
func TestFactsAfterTheSeal(t *testing.T) {
	h := newHouse(t)
	p := h.pack(h.hold("S-1", 1, 2, -1))
	m := p.manifest
	rec := m.Recordings[0]
	at := m.CreatedAt.Time
	seal := evidence.NewLeaf(lieciba.LeafSeal, string(rec.ID), at, evidence.SealDetail{RecordingID: rec.ID, SessionID: rec.Session.ID, Manifest: sha256.Sum256(evidence.Encode(rec))})
	late := evidence.NewLeaf(lieciba.LeafSegment, string(rec.Segments[1].ID), at, rec.Segments[1])
	p.manifest.Access = []evidence.AuditDetail{}
	p.set(evidence.StampsName, evidence.Encode(evidence.Stamps{Tokens: []evidence.StampToken{}}))
	p.resignWith(t, &scene{house: h, forger: h.key}, func(list []lieciba.Leaf) []lieciba.Leaf {
		list = slices.DeleteFunc(list, func(l lieciba.Leaf) bool { return l.Subject == seal.Subject || l.Subject == late.Subject })
		return slices.Insert(list, 1, seal, late)
	})
	r := judge(t, p.zip(t), verify.Options{Keys: []string{h.key.Fingerprint()}})
	require.Equal(t, verify.Altered, r.Verdict)
	require.Equal(t, verify.CodeLeaf, r.Findings[slices.IndexFunc(r.Findings, func(f verify.Finding) bool { return f.SegmentID == rec.Segments[1].ID })].Code)
}
