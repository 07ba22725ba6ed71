package verify

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"lieciba"
	"lieciba/storage/evidence"
)

// readManifest reads manifest.json; one that is not canonical is read loosely,
// so that the findings can name what it speaks of.
func (c *check) readManifest() {
	b, ok := c.read(evidence.ManifestName)
	if !ok {
		return
	}
	c.sum = sha256.Sum256(b)
	err := evidence.Decode(b, &c.manifest)
	if err != nil {
		c.add(find(CodeManifest, why(err)).in(evidence.ManifestName))
		c.manifest = evidence.Manifest{}
		if json.NewDecoder(bytes.NewReader(b)).Decode(&c.manifest) != nil {
			return
		}
	}
	c.known = true
	m := c.manifest
	c.Package = &Package{Format: m.Format, ExportID: m.ExportID, CreatedAt: m.CreatedAt, Tool: m.Tool, Requester: m.Requester,
		Recipient: m.Recipient, Purpose: m.Purpose, Session: m.Session.SessionIdentity, Manifest: c.sum}
	for _, r := range m.Recordings {
		c.cameras[r.Camera.ID] = r.Camera.Name
		for _, s := range r.Segments {
			c.segments[s.ID] = s
		}
	}
}

// knownFormat tells a newer package from an altered one: only a manifest that
// names a format of ours by its prefix, and that the log does not know
// otherwise, can be newer.
func (c *check) knownFormat() bool {
	name := c.manifest.Format
	if name == evidence.PackageFormat || !strings.HasPrefix(name, "lieciba-package/v") {
		if name != evidence.PackageFormat {
			c.add(find(CodeManifest, fmt.Sprintf("format %q", name)).in(evidence.ManifestName))
		}
		return true
	}
	kept := c.Report // what a newer format means by the rest is not for this program to say
	c.Report = newReport(kept.Path)
	c.checkLog()
	c.checkProofs()
	var d evidence.ExportDetail
	l, ok := c.leaves[leafKey{lieciba.LeafExport, string(c.manifest.ExportID)}]
	c.Report = kept
	if ok && evidence.Decode(l.Detail, &d) == nil && d.Manifest != c.sum {
		c.add(find(CodeManifestSum, c.sum, d.Manifest).in(evidence.ManifestName))
	}
	c.add(find(CodeFormat, name).in(evidence.ManifestName))
	return false
}

// checkManifest holds the manifest against the log and against itself.
func (c *check) checkManifest() {
	if !c.known {
		return
	}
	used := map[leafKey]bool{}
	if c.signed {
		c.checkExportLeaf(used)
	}
	ids, runs := map[string]bool{}, map[runOf]bool{}
	for _, x := range c.manifest.Runs {
		runs[runOf{x.ID, x.RecordingID}] = true
	}
	for i := range c.manifest.Recordings {
		r := &c.manifest.Recordings[i]
		c.checkRecording(r, ids, runs)
		if c.signed {
			c.checkRecordingLeaves(r, used)
		}
		c.cover(r)
	}
	c.Totals.Cameras = len(c.cameras)
	if c.signed {
		c.checkExtraLeaves(used)
	}
	c.checkSession()
	c.checkExam()
	c.checkApproval()
	c.checkLeftOut()
	c.checkFileList()
}

// checkLeftOut holds the recordings of the session, as each seal lists them,
// against those that are here and those that are declared as left out.
func (c *check) checkLeftOut() {
	here, declared := map[evidence.RecordingRef]bool{}, map[evidence.RecordingRef]bool{}
	for _, r := range c.manifest.Recordings {
		here[evidence.RecordingRef{ID: r.ID, CameraID: r.Camera.ID}] = true
	}
	for i, x := range c.manifest.LeftOut {
		if i > 0 && c.manifest.LeftOut[i-1].ID >= x.ID || here[x.RecordingRef] {
			c.add(find(CodeContent, fmt.Sprintf("recording %s is left out in a wrong place, twice, or is there", x.ID)).in(evidence.ManifestName))
		}
		declared[x.RecordingRef] = true
		c.LeftOut = append(c.LeftOut, x)
		f := find(CodeLeftOut, x.Camera)
		f.CameraID, f.Camera = x.CameraID, x.Camera
		c.add(f)
	}
	for _, r := range c.manifest.Recordings {
		self := false
		for _, x := range r.SessionRecordings {
			self = self || x.ID == r.ID && x.CameraID == r.Camera.ID
			if !here[x] && !declared[x] {
				f := find(CodeCameraGone, fmt.Sprintf("%s (%s)", x.CameraID, x.ID)).in(evidence.ManifestName)
				f.CameraID, f.From, f.To = x.CameraID, r.From, r.To
				c.add(f)
			}
		}
		if !self {
			c.add(c.about(find(CodeContent, fmt.Sprintf("recording %s is not among its session's", r.ID)), r.Camera.ID).in(evidence.ManifestName))
		}
	}
}

func (c *check) checkExportLeaf(used map[leafKey]bool) {
	m := &c.manifest
	l, ok := c.leaf(used, lieciba.LeafExport, string(m.ExportID))
	if !ok {
		return
	}
	var d evidence.ExportDetail
	if err := evidence.Decode(l.Detail, &d); err != nil {
		c.add(find(CodeLeaf, why(err)).in(evidence.ManifestName))
		return
	}
	if d.Manifest != c.sum {
		c.add(find(CodeManifestSum, c.sum, d.Manifest).in(evidence.ManifestName))
	}
	if d.ID != m.ExportID || d.SessionID != m.Session.ID {
		c.add(find(CodeLeaf, fmt.Sprintf("%s %s", d.ID, d.SessionID)).in(evidence.ManifestName))
	}
}

// leaf finds a proven leaf and notes its use; it says so when there is none.
func (c *check) leaf(used map[leafKey]bool, kind lieciba.LeafKind, subject string) (lieciba.Leaf, bool) {
	at := leafKey{kind, subject}
	used[at] = true
	l, ok := c.leaves[at]
	if !ok {
		c.add(c.ofLeaf(find(CodeProofNone, fmt.Sprintf("%s %s", kind, subject)), kind, subject))
	}
	return l, ok
}

func (c *check) checkRecordingLeaves(r *evidence.RecordingManifest, used map[leafKey]bool) {
	sealed := int64(-1)
	if l, ok := c.leaf(used, lieciba.LeafSeal, string(r.ID)); ok {
		var d evidence.SealDetail
		err := evidence.Decode(l.Detail, &d)
		if err != nil || d.RecordingID != r.ID || d.SessionID != r.Session.ID || d.Manifest != evidence.Hash(sha256.Sum256(evidence.Encode(r))) {
			f := c.about(find(CodeLeaf, "seal "+string(r.ID)), r.Camera.ID)
			f.From, f.To = r.From, r.To
			c.add(f)
		}
		sealed = l.Index
	}
	after := func(l lieciba.Leaf) { // a fact that came later is not what was sealed
		if sealed >= 0 && l.Index > sealed {
			c.add(c.ofLeaf(find(CodeLeaf, fmt.Sprintf("%s %s: logged after the seal", l.Kind, l.Subject)), l.Kind, l.Subject))
		}
	}
	for _, s := range r.Segments {
		l, ok := c.leaf(used, lieciba.LeafSegment, string(s.ID))
		after(l)
		if !ok || bytes.Equal(l.Detail, evidence.Encode(s)) {
			continue
		}
		f := c.ofSegment(find(CodeLeaf, "segment "+string(s.ID)), s)
		c.add(f)
		var logged evidence.SegmentDetail
		if evidence.Decode(l.Detail, &logged) == nil && logged.ID == s.ID {
			c.segments[s.ID] = logged
		}
	}
	for _, g := range r.Gaps {
		l, ok := c.leaf(used, lieciba.LeafGap, string(g.ID))
		after(l)
		if !ok || bytes.Equal(l.Detail, evidence.Encode(g)) {
			continue
		}
		f := c.about(find(CodeLeaf, "gap "+string(g.ID)), g.CameraID)
		f.From, f.To = g.From, g.To
		c.add(f)
	}
}

// checkExtraLeaves: the proofs hold the leaves of the manifest and of the keys,
// of the exam's rows and the audit entries that the manifest lists; nothing else.
func (c *check) checkExtraLeaves(used map[leafKey]bool) {
	c.checkExamLeaves(used)
	for _, e := range c.manifest.Access {
		if l, ok := c.leaf(used, lieciba.LeafAudit, string(e.ID)); ok && !bytes.Equal(l.Detail, evidence.Encode(e)) {
			c.add(find(CodeLeaf, "audit "+string(e.ID)).in(evidence.ManifestName))
		}
	}
	for at := range c.leaves {
		if !used[at] && at.kind != lieciba.LeafKey {
			c.add(find(CodeProofExtra, fmt.Sprintf("%s %s", at.kind, at.subject)).in(evidence.ProofsName))
		}
	}
}

type runOf struct {
	run       lieciba.RunID
	recording lieciba.RecordingID
}

// checkRecording holds one recording against itself and its session.
func (c *check) checkRecording(r *evidence.RecordingManifest, ids map[string]bool, runs map[runOf]bool) {
	bad := func(format string, args ...any) {
		c.add(c.about(find(CodeContent, fmt.Sprintf(format, args...)), r.Camera.ID).in(evidence.ManifestName))
	}
	once := func(kind, id string) {
		if ids[kind+id] {
			bad("%s %s is there twice", kind, id)
		}
		ids[kind+id] = true
	}
	once("recording", string(r.ID))
	once("camera", string(r.Camera.ID))
	if r.Format != evidence.RecordingFormat {
		bad("recording %s has the format %q", r.ID, r.Format)
	}
	if r.Session != c.manifest.Session.SessionIdentity {
		bad("recording %s is of session %s", r.ID, r.Session.ID)
	}
	for i, s := range r.Segments {
		once("segment", string(s.ID))
		if s.RecordingID != r.ID || s.CameraID != r.Camera.ID {
			bad("segment %s is of recording %s, camera %s", s.ID, s.RecordingID, s.CameraID)
		}
		if i > 0 && s.From.Before(r.Segments[i-1].From.Time) {
			bad("segment %s is not in the order of time", s.ID)
		}
		if !runs[runOf{s.RunID, r.ID}] {
			bad("segment %s is of run %s, which is not listed", s.ID, s.RunID)
		}
	}
	for _, g := range r.Gaps {
		once("gap", string(g.ID))
		if g.RecordingID != r.ID || g.CameraID != r.Camera.ID {
			bad("gap %s is of recording %s, camera %s", g.ID, g.RecordingID, g.CameraID)
		}
		if !slices.Contains(lieciba.GapCauses(), g.Cause) {
			bad("gap %s has the cause %q", g.ID, g.Cause)
		}
	}
}

// cover computes the coverage of a recording afresh, from what the log has of
// its segments where the manifest says otherwise.
func (c *check) cover(r *evidence.RecordingManifest) {
	window := lieciba.Interval{From: r.From.Time, To: r.To.Time}
	var held, lost []lieciba.Interval
	out := Recording{ID: r.ID, CameraID: r.Camera.ID, Camera: r.Camera.Name, From: r.From, To: r.To, Gaps: r.Gaps, Segments: len(r.Segments)}
	for i, s := range r.Segments {
		held = append(held, lieciba.Interval{From: s.From.Time, To: s.To.Time})
		if i == 0 {
			out.OffsetMin, out.OffsetMax = s.ClockOffset, s.ClockOffset
		}
		out.OffsetMin, out.OffsetMax = min(out.OffsetMin, s.ClockOffset), max(out.OffsetMax, s.ClockOffset)
	}
	for _, g := range r.Gaps {
		lost = append(lost, lieciba.Interval{From: g.From.Time, To: g.To.Time})
	}
	got := lieciba.Cover(window, held, lost)
	for _, list := range [][]lieciba.Interval{got.Holes, got.Overlaps} {
		for _, i := range list {
			from, to := evidence.At(i.From), evidence.At(i.To)
			f := c.about(find(CodeCoverage, micros(i.Duration().Microseconds())), r.Camera.ID).in(evidence.ManifestName)
			f.From, f.To = from, to
			c.add(f)
		}
	}
	out.Expected, out.Recorded, out.Missing = window.Duration().Microseconds(), got.Recorded.Microseconds(), got.Missing.Microseconds()
	if out.Recorded != r.RecordedU || out.Missing != r.MissingU || window.To.Before(window.From) {
		c.add(c.about(find(CodeContent, fmt.Sprintf("recorded %d µs, missing %d µs; computed %d and %d", r.RecordedU, r.MissingU, out.Recorded, out.Missing)),
			r.Camera.ID).in(evidence.ManifestName))
	}
	c.Recorded = append(c.Recorded, out)
	c.Totals.Segments += len(r.Segments)
	c.Totals.Gaps += len(r.Gaps)
	c.Totals.Expected += out.Expected
	c.Totals.Recorded += out.Recorded
	c.Totals.Missing += out.Missing
}

// checkSession holds what else the manifest says against itself.
func (c *check) checkSession() {
	m := &c.manifest
	bad := func(format string, args ...any) {
		c.add(find(CodeContent, fmt.Sprintf(format, args...)).in(evidence.ManifestName))
	}
	for _, h := range m.Holds {
		if h.SessionID != m.Session.ID {
			bad("hold %s is of session %s", h.ID, h.SessionID)
		}
	}
	for _, e := range m.Access {
		if e.SessionID != m.Session.ID {
			bad("audit entry %s is of session %s", e.ID, e.SessionID)
		}
	}
	if len(m.Recordings) == 0 {
		bad("there is no recording")
	}
}

// checkFileList holds the list of files against the segments.
func (c *check) checkFileList() {
	bad := func(name, format string, args ...any) {
		c.add(find(CodeContent, fmt.Sprintf(format, args...)).in(name))
	}
	listed := map[lieciba.SegmentID]bool{}
	must := map[string]evidence.FileKind{evidence.KeysName: evidence.FileKeys, evidence.ReadmeName: evidence.FileText,
		evidence.ReportLVName: evidence.FileReport, evidence.ReportENName: evidence.FileReport}
	for i, f := range c.manifest.Files {
		if i > 0 && cmp.Compare(c.manifest.Files[i-1].Name, f.Name) >= 0 {
			bad(f.Name, "the list of files is not in the order of names, or has one twice")
		}
		if kind, ok := must[f.Name]; ok && kind == f.Kind {
			delete(must, f.Name)
			continue
		}
		if f.Kind == evidence.FileViewing && strings.HasPrefix(f.Name, viewingFolder) && f.Segment == "" {
			continue
		}
		s, ok := c.segments[f.Segment]
		if f.Kind != evidence.FileSegment || !ok || f.Name != segmentFile(s) {
			bad(f.Name, "a file of kind %q does not belong here", f.Kind)
			continue
		}
		listed[f.Segment] = true
		if f.Size != s.Size || f.SHA256 != s.SHA256 {
			c.add(c.ofSegment(find(CodeContent, "size or SHA-256 of the file is not that of the segment"), s))
		}
	}
	for name := range must {
		bad(name, "the list of files lacks it")
	}
	for id, s := range c.segments {
		if !listed[id] {
			c.add(c.ofSegment(find(CodeContent, "the list of files lacks it"), s))
		}
	}
}

const (
	segmentFolder  = "segments/"
	viewingFolder  = "viewing/"
	evidenceFolder = "evidence/"
)

func segmentFile(s evidence.SegmentDetail) string {
	return segmentFolder + string(s.CameraID) + "/" + string(s.ID) + ".mp4"
}

// ofLeaf makes a finding about a leaf: of its segment, if it is one's.
func (c *check) ofLeaf(f Finding, kind lieciba.LeafKind, subject string) Finding {
	if s, ok := c.segments[lieciba.SegmentID(subject)]; ok && kind == lieciba.LeafSegment {
		f = c.ofSegment(f, s)
	}
	return f.in(evidence.ProofsName)
}

// about sets the camera of a finding.
func (c *check) about(f Finding, id lieciba.CameraID) Finding {
	f.CameraID, f.Camera = id, c.cameras[id]
	return f
}

// ofSegment makes a finding about all of a segment.
func (c *check) ofSegment(f Finding, s evidence.SegmentDetail) Finding {
	f = c.about(f, s.CameraID).in(segmentFile(s))
	f.SegmentID, f.From, f.To = s.ID, s.From, s.To
	return f
}
