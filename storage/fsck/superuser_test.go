package fsck_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	miniogo "github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
	"lieciba/storage/fsck"
	"lieciba/storage/seal"
)

// kept is a site whose recording is sealed, and all that hangs on it.
type kept struct {
	*site
	segments []lieciba.Segment
	gap      lieciba.Gap
	viewed   lieciba.AuditEntry
	hold     lieciba.Hold
	policy   lieciba.RetentionPolicy
	incident lieciba.Incident
	part     lieciba.PartEvent
	ready    lieciba.Readiness
	witness  *evidence.Key
}

// keep fills a site: two segments and a gap, an approved policy, a view, a seal
// and a hold, logged in many checkpoints, the last one cosigned.
func keep(s *site) *kept {
	k := &kept{site: s}
	ctx, t := s.t.Context(), s.t
	first := s.verified(0, 20)
	k.gap = s.gap(20, 23)
	k.segments = []lieciba.Segment{first, s.verified(23, 60)}
	k.policy = lieciba.RetentionPolicy{ID: id[lieciba.PolicyID](), Name: lieciba.DefaultPolicy, Version: 1, Purpose: "exam", LegalBasis: "MK 973",
		Keep: lieciba.Period{Months: 6}, Unanchored: lieciba.Period{Months: 12}, State: lieciba.PolicyDraft, DraftedBy: "a", DraftedByID: "a", DraftedAt: start}
	require.NoError(t, s.catalog.PutPolicy(ctx, k.policy))
	k.act(lieciba.ActApprovePolicy, "policy:"+string(k.policy.ID), func(ctx context.Context) (err error) {
		k.policy, err = s.catalog.ApprovePolicy(ctx, k.policy.ID, "b", "b", at(61))
		return err
	})
	k.viewed = k.act(lieciba.ActWatchArchive, "camera:"+string(s.camera.ID), func(context.Context) error { return nil })
	for _, to := range []lieciba.RecordingState{lieciba.RecordingFinalising, lieciba.RecordingComplete} {
		require.NoError(t, s.catalog.MoveRecording(ctx, s.recording.ID, to, s.node))
	}
	s.sequence(2)
	n, waiting, err := seal.New(seal.Config{Catalog: s.catalog, Clock: func() time.Time { return at(70) }}).Once(ctx)
	require.NoError(t, err)
	require.Equal(t, 1, n, "%v", waiting)
	k.hold = lieciba.Hold{ID: id[lieciba.HoldID](), SessionID: s.session.ID, Kind: lieciba.HoldIncident, Reference: "i1", Reason: "smoke",
		PlacedBy: "c", PlacedByID: "c", PlacedAt: at(80)}
	k.act(lieciba.ActPlaceHold, "hold:"+string(k.hold.ID), func(ctx context.Context) error {
		_, err := s.catalog.PlaceHold(ctx, k.hold)
		return err
	})
	k.exam()
	s.sequence(2)
	k.witness, _, err = evidence.OpenWitnessKey(t.TempDir()+"/witness.key", "witness.example/1")
	require.NoError(t, err)
	s.opt.WitnessKeys = []string{k.witness.VerifierKey()}
	k.cosign()
	return k
}

// exam adds what the exam was like.
func (k *kept) exam() {
	ctx, t, s := k.t.Context(), k.t, k.session.ID
	k.incident = lieciba.Incident{ID: id[lieciba.IncidentID](), SessionID: s, At: at(10), Seat: 3, Kind: lieciba.IncidentPhone, Note: "on the desk",
		Step: lieciba.IncidentRaised, By: "Anna", RecordedAt: at(81)}
	require.NoError(t, k.catalog.AddIncident(ctx, k.incident))
	k.ready = lieciba.Readiness{ID: id[lieciba.ReadinessID](), SessionID: s, CameraID: k.camera.ID, When: lieciba.ReadinessT60, At: at(-3600),
		State: lieciba.ReadinessPassed, By: "system", Items: []lieciba.ReadinessItem{{Check: lieciba.CheckPicture, Outcome: lieciba.OutcomePassed, Value: 24.5, Unit: "fps"}}}
	require.NoError(t, k.catalog.AddReadiness(ctx, k.ready))
	require.NoError(t, k.catalog.AddPartEvent(ctx, s, func(x lieciba.ExamSession, _ []lieciba.PartEvent) (*lieciba.PartEvent, error) {
		k.part = lieciba.PartEvent{ID: id[lieciba.PartEventID](), SessionID: s, PartID: x.Parts[0].ID, Step: lieciba.StepStarted, At: at(1), By: "Anna", RecordedAt: at(82)}
		return &k.part, nil
	}))
}

func (k *kept) act(act lieciba.Act, object string, do func(ctx context.Context) error) lieciba.AuditEntry {
	e := lieciba.AuditEntry{ID: id[lieciba.AuditID](), At: at(62), Who: "Anna", WhoID: "anna", Act: string(act), Object: object,
		SessionID: k.session.ID, CameraID: k.camera.ID, Outcome: "ok", Detail: "as asked", Address: "10.0.0.7"}
	require.NoError(k.t, k.catalog.Act(k.t.Context(), &e, do))
	return e
}

// cosign signs the newest checkpoint as a witness does.
func (k *kept) cosign() {
	cp, err := k.catalog.NewestCheckpoint(k.t.Context())
	require.NoError(k.t, err)
	line, err := k.witness.Cosign(evidence.CheckpointText(cp.Origin, cp.Size, cp.Root), at(600).Truncate(time.Second))
	require.NoError(k.t, err)
	require.NoError(k.t, k.catalog.PutCosignature(k.t.Context(), lieciba.Cosignature{Size: cp.Size, Witness: k.witness.Name(), At: at(600).Truncate(time.Second), Line: line}))
}

func (k *kept) leaf(kind lieciba.LeafKind, subject string) lieciba.Leaf {
	k.t.Helper()
	l, err := k.catalog.LeafOf(k.t.Context(), kind, subject)
	require.NoError(k.t, err)
	require.GreaterOrEqual(k.t, l.Index, int64(0))
	return l
}

// bytes writes a literal.
func (k *kept) bytes(b []byte) string {
	if k.catalog.Name() == "sqlite" {
		return "X'" + hex.EncodeToString(b) + "'"
	}
	return `'\x` + hex.EncodeToString(b) + `'::bytea`
}

// second is the column a second later.
func (k *kept) second(column string) string {
	if k.catalog.Name() == "sqlite" {
		return column + " + 1000000"
	}
	return column + " + interval '1 second'"
}

var tables = []string{"leaves", "log_hashes", "checkpoints", "cosignatures", "segments", "gaps", "recordings", "audit", "seals", "holds", "policies",
	"incidents", "part_events", "readiness"}

// save keeps a copy of what a superuser is about to change; restore puts it back.
func (k *kept) save() {
	for _, t := range tables {
		k.exec("CREATE TABLE saved_%s AS SELECT * FROM %s", t, t)
	}
}

func (k *kept) restore() {
	over := ""
	if k.catalog.Name() == "postgres" {
		over = "OVERRIDING SYSTEM VALUE"
	}
	for _, t := range tables {
		k.exec("DELETE FROM %s", t)
		k.exec("INSERT INTO %s %s SELECT * FROM saved_%s", t, over, t)
		k.exec("DROP TABLE saved_%s", t)
	}
}

// edit is one thing that a superuser does, and what the checks must say.
type edit struct {
	name   string
	do     func(k *kept)
	object string // that is named
	words  string
	rule   fsck.Rule
	broken func(k *kept) lieciba.Leaf // the first broken leaf; nil: none is
}

func (k *kept) edits() []edit {
	a, b, g := k.segments[0], k.segments[1], k.gap
	leafOf := func(kind lieciba.LeafKind, subject string) func(k *kept) lieciba.Leaf {
		return func(k *kept) lieciba.Leaf { return k.leaf(kind, subject) }
	}
	segment, gap, view := leafOf(lieciba.LeafSegment, string(b.ID)), leafOf(lieciba.LeafGap, string(g.ID)), leafOf(lieciba.LeafAudit, string(k.viewed.ID))
	sealLeaf := leafOf(lieciba.LeafSeal, string(k.recording.ID))
	return []edit{
		{"hash of a segment", func(k *kept) {
			k.exec("UPDATE segments SET sha256 = %s WHERE id = '%s'", k.bytes(make([]byte, 32)), b.ID)
		}, "segment " + string(b.ID), `sha256 is "` + strings.Repeat("0", 64), fsck.RuleLeaf, segment},
		{"span of a segment", func(k *kept) { k.exec("UPDATE segments SET to_at = %s WHERE id = '%s'", k.second("to_at"), b.ID) },
			"segment " + string(b.ID), `to is "2026-11-22T10:01:01.123456Z", logged was "2026-11-22T10:01:00.123456Z"`, fsck.RuleLeaf, segment},
		{"segment", func(k *kept) { k.exec("DELETE FROM segments WHERE id = '%s'", b.ID) }, "segment " + string(b.ID), "its row is gone", fsck.RuleLeaf, segment},
		{"cause of a gap", func(k *kept) { k.exec("UPDATE gaps SET cause = 'camera_offline' WHERE id = '%s'", g.ID) },
			"gap " + string(g.ID), `cause is "camera_offline", logged was "network_loss"`, fsck.RuleLeaf, gap},
		{"gap", func(k *kept) { k.exec("DELETE FROM gaps WHERE id = '%s'", g.ID) }, "gap " + string(g.ID), "its row is gone", fsck.RuleLeaf, gap},
		{"window of a recording", func(k *kept) { k.exec("UPDATE recordings SET window_from = %s", k.second("window_from")) },
			"recording " + string(k.recording.ID), "its window is 2026-11-22T10:00:01.123456Z to", fsck.RuleSealed, nil},
		{"state of a recording", func(k *kept) { k.exec("UPDATE recordings SET state = 'complete'") },
			"recording " + string(k.recording.ID), "was sealed, and is complete now", fsck.RuleSealed, nil},
		{"detail of an audit entry", func(k *kept) { k.exec("UPDATE audit SET detail = 'nothing' WHERE id = '%s'", k.viewed.ID) },
			"audit " + string(k.viewed.ID), `detail is "nothing", logged was "as asked"`, fsck.RuleAudit, view},
		{"time of an audit entry", func(k *kept) { k.exec("UPDATE audit SET at = %s WHERE id = '%s'", k.second("at"), k.viewed.ID) },
			"audit " + string(k.viewed.ID), `at is "2026-11-22T10:01:03.123456Z"`, fsck.RuleAudit, view},
		{"day of an audit entry", func(k *kept) { // two seconds a step
			for range 40 {
				k.exec("UPDATE audit SET at = %s WHERE id = '%s'", k.second(k.second("at")), k.viewed.ID)
			}
		}, "audit " + string(k.viewed.ID), "the entry is gone, or its time was changed", fsck.RuleAudit, view},
		{"audit entry", func(k *kept) { k.exec("DELETE FROM audit WHERE id = '%s'", k.viewed.ID) },
			"audit " + string(k.viewed.ID), `the entry is gone, or its time was changed: 2026-11-22T10:01:02Z, watch_archive by "Anna"`, fsck.RuleAudit, view},
		{"audit entry with its leaf", func(k *kept) {
			k.exec("DELETE FROM leaves WHERE subject = '%s'", k.viewed.ID)
			k.exec("DELETE FROM audit WHERE id = '%s'", k.viewed.ID)
		}, "leaf", "the leaf is gone", fsck.RuleTree, view},
		{"leaf", func(k *kept) { k.exec("DELETE FROM leaves WHERE subject = '%s'", g.ID) }, "gap " + string(g.ID), "has no leaf in the evidence log", fsck.RuleLeaf, gap},
		{"salt of a leaf", func(k *kept) {
			k.exec("UPDATE leaves SET salt = %s WHERE subject = '%s'", k.bytes(make([]byte, 16)), g.ID)
		}, string(g.ID), "its salt, detail or commitment was changed", fsck.RuleTree, gap},
		{"leaf and row", func(k *kept) { k.forge(g) }, string(g.ID), "the leaf was changed: it is not the one that was signed", fsck.RuleTree, gap},
		{"leaf, row and stored hash", func(k *kept) {
			l := k.forge(g)
			h := evidence.LeafHash(l)
			k.exec("UPDATE log_hashes SET hash = %s WHERE idx = %d", k.bytes(h[:]), evidence.StoredHashCount(l.Index))
		}, "checkpoint", "its root is not that of the leaves", fsck.RuleCheckpoint, nil},
		{"stored hash", func(k *kept) {
			k.exec("UPDATE log_hashes SET hash = %s WHERE idx = %d", k.bytes(make([]byte, 32)), evidence.StoredHashCount(k.leaf(lieciba.LeafGap, string(g.ID)).Index))
		}, string(g.ID), "was changed: the leaf itself is as it was signed", fsck.RuleTree, gap},
		{"stored hash, removed", func(k *kept) { k.exec("DELETE FROM log_hashes WHERE idx = 2") }, "leaf 1 ", "the stored hash 2, over 2 leaves up to this one, is gone", fsck.RuleTree, nil},
		{"tail of the log", func(k *kept) { k.cut(true) }, "hold " + string(k.hold.ID), "has no leaf in the evidence log", fsck.RuleLeaf, nil},
		{"tail of the log, not the witness's signature", func(k *kept) { k.cut(false) }, "log of", "was cut: witness witness.example/1 has signed", fsck.RuleCosignature, nil},
		{"newest checkpoint", func(k *kept) {
			k.exec("DELETE FROM cosignatures")
			k.exec("DELETE FROM checkpoints WHERE size = (SELECT max(size) FROM checkpoints)")
		}, "leaf", "checkpoints were removed", fsck.RuleTree, nil},
		{"root of a checkpoint", func(k *kept) {
			k.exec("UPDATE checkpoints SET root = %s WHERE size = (SELECT min(size) FROM checkpoints)", k.bytes(make([]byte, 32)))
		}, "checkpoint of 2 leaves", "its row says something else than its signed note", fsck.RuleCheckpoint, nil},
		{"checkpoint signed by another key", func(k *kept) { k.resign() }, "checkpoint of 2 leaves", "its signature does not verify", fsck.RuleCheckpoint, nil},
		{"cosignature", func(k *kept) { k.exec("UPDATE cosignatures SET at = %s", k.second("at")) },
			"checkpoint of", "the row of witness witness.example/1 says something else", fsck.RuleCosignature, nil},
		{"sealed manifest", func(k *kept) { k.exec("UPDATE seals SET manifest = %s", k.bytes([]byte("{}\n"))) },
			"recording " + string(k.recording.ID), "its sealed manifest was changed", fsck.RuleSealed, nil},
		{"seal", func(k *kept) { k.exec("DELETE FROM seals") }, "recording " + string(k.recording.ID), "its seal is gone", fsck.RuleSealed, sealLeaf},
		{"entry of the seal", func(k *kept) {
			k.exec("DELETE FROM leaves WHERE subject IN (SELECT CAST(id AS text) FROM audit WHERE act = 'seal_recording')")
			k.exec("DELETE FROM audit WHERE act = 'seal_recording'")
		}, "recording " + string(k.recording.ID), "was sealed, and no audit entry says so", fsck.RuleAudit, nil},
		{"reason of a hold", func(k *kept) { k.exec("UPDATE holds SET reason = 'none'") }, "hold " + string(k.hold.ID), `reason is "none"`, fsck.RuleLeaf,
			leafOf(lieciba.LeafHold, string(k.hold.ID))},
		{"length of a policy", func(k *kept) { k.exec("UPDATE policies SET keep_months = 1") }, "policy " + string(k.policy.ID), "keep is", fsck.RuleLeaf,
			leafOf(lieciba.LeafPolicy, string(k.policy.ID))},
		{"seat of an incident", func(k *kept) { k.exec("UPDATE incidents SET seat = 4") }, "incident " + string(k.incident.ID), `seat is "4", logged was "3"`,
			fsck.RuleLeaf, leafOf(lieciba.LeafIncident, string(k.incident.ID))},
		{"incident", func(k *kept) { k.exec("DELETE FROM incidents") }, "incident " + string(k.incident.ID), "its row is gone", fsck.RuleLeaf,
			leafOf(lieciba.LeafIncident, string(k.incident.ID))},
		{"time of a part", func(k *kept) { k.exec("UPDATE part_events SET at = %s", k.second("at")) }, "part " + string(k.part.ID), "at is", fsck.RuleLeaf,
			leafOf(lieciba.LeafPart, string(k.part.ID))},
		{"leaf of a part", func(k *kept) { k.exec("DELETE FROM leaves WHERE subject = '%s'", k.part.ID) }, "part " + string(k.part.ID), "has no leaf", fsck.RuleLeaf,
			leafOf(lieciba.LeafPart, string(k.part.ID))},
		{"result of readiness", func(k *kept) { k.exec("UPDATE readiness SET state = 'failed'") }, "readiness " + string(k.ready.ID), `state is "failed", logged was "passed"`,
			fsck.RuleLeaf, leafOf(lieciba.LeafReadiness, string(k.ready.ID))},
		{"readiness", func(k *kept) { k.exec("DELETE FROM readiness") }, "readiness " + string(k.ready.ID), "its row is gone", fsck.RuleLeaf,
			leafOf(lieciba.LeafReadiness, string(k.ready.ID))},
		{"row put there by hand", func(k *kept) {
			k.exec("DELETE FROM leaves WHERE subject = '%s'", a.ID) // as if it never had one
		}, "segment " + string(a.ID), "has no leaf in the evidence log", fsck.RuleLeaf, leafOf(lieciba.LeafSegment, string(a.ID))},
	}
}

// forge changes a gap's cause in its row and, consistently, in its leaf.
func (k *kept) forge(g lieciba.Gap) lieciba.Leaf {
	l := k.leaf(lieciba.LeafGap, string(g.ID))
	g.Cause = lieciba.CauseCameraOffline
	l.Detail = evidence.Encode(evidence.DetailOfGap(g))
	l.Commitment = evidence.Commitment(l.Salt, l.Detail)
	k.exec("UPDATE gaps SET cause = 'camera_offline' WHERE id = '%s'", g.ID)
	k.exec("UPDATE leaves SET detail = %s, commitment = %s WHERE subject = '%s'", k.bytes(l.Detail), k.bytes(l.Commitment[:]), g.ID)
	return l
}

// cut removes the log's tail so that what is left is consistent and signed.
func (k *kept) cut(witnessToo bool) {
	first := k.leaf(lieciba.LeafHold, string(k.hold.ID))
	list, err := k.catalog.Checkpoints(k.t.Context(), 0)
	require.NoError(k.t, err)
	var size int64
	for _, cp := range list {
		if cp.Size <= first.Index {
			size = cp.Size
		}
	}
	if witnessToo {
		k.exec("DELETE FROM cosignatures WHERE size > %d", size)
	}
	k.exec("DELETE FROM checkpoints WHERE size > %d", size)
	k.exec("DELETE FROM log_hashes WHERE idx >= %d", evidence.StoredHashCount(size))
	k.exec("DELETE FROM leaves WHERE idx >= %d", size)
}

// resign signs the first checkpoint with another key of the same name.
func (k *kept) resign() {
	other, _, err := evidence.CreateKey(k.t.TempDir()+"/other.key", k.key.Name())
	require.NoError(k.t, err)
	list, err := k.catalog.Checkpoints(k.t.Context(), 0)
	require.NoError(k.t, err)
	cp, err := evidence.SignCheckpoint(list[0].Origin, list[0].Size, list[0].Root, other)
	require.NoError(k.t, err)
	k.exec("UPDATE checkpoints SET note = %s WHERE size = %d", k.bytes(cp.Note), cp.Size)
}

func (k *kept) checkLog() fsck.LogResult {
	k.t.Helper()
	r, err := fsck.CheckLog(k.t.Context(), k.catalog, k.opt)
	require.NoError(k.t, err)
	return r
}

func named(list []fsck.Violation, e edit) bool {
	for _, v := range list {
		if v.Rule == e.rule && strings.Contains(v.Object, e.object) && strings.Contains(v.Message, e.words) {
			return true
		}
	}
	return false
}

func spelled(list []fsck.Violation) string {
	var b strings.Builder
	for _, v := range list {
		fmt.Fprintf(&b, "\n%d %s, %s: %s", v.Invariant, v.Rule, v.Object, v.Message)
	}
	return b.String()
}

// TestASuperuserIsNamed: whoever owns the database changes one thing past every
// rule, trigger and foreign key. The chain check and fsck name it; put back, all
// is as it was.
func TestASuperuserIsNamed(t *testing.T) {
	onStores(t, func(s *site) {
		k := keep(s)
		log := k.checkLog()
		require.Empty(t, log.Violations, spelled(log.Violations))
		require.NotNil(t, log.Violations)
		require.Nil(t, log.FirstBroken)
		require.Equal(t, []int{0, 0, 1, 0}, []int{log.Unsigned, log.Staged, log.Cosigned, log.Uncosigned})
		require.Equal(t, int(log.Size), log.Rows, "each row one leaf, each leaf one row")
		require.Greater(t, log.Checkpoints, 4)
		s.clean()
		k.exec("SELECT 1") // from here on the triggers of SQLite are gone
		for _, e := range k.edits() {
			var first *lieciba.Leaf
			if e.broken != nil {
				l := e.broken(k)
				first = &l
			}
			k.save()
			e.do(k)
			log := k.checkLog()
			require.True(t, named(log.Violations, e), "%s: %q of %q expected in%s", e.name, e.words, e.object, spelled(log.Violations))
			if first != nil {
				require.NotNil(t, log.FirstBroken, e.name)
				require.Equal(t, first.Index, log.FirstBroken.Index, "%s: %+v", e.name, log.FirstBroken)
			}
			whole := s.check()
			require.True(t, named(whole.Violations, e), "%s: expected in%s", e.name, spelled(whole.Violations))
			k.restore()
			log = k.checkLog()
			require.Empty(t, log.Violations, "%s, put back", e.name)
		}
		s.clean()
	})
}

// TestALogThatIsKnownOutside: what somebody outside has kept gives a rewritten or
// cut log away, even if every trace of it inside is gone.
func TestALogThatIsKnownOutside(t *testing.T) {
	s := localSite(t)
	k := keep(s)
	cp, err := s.catalog.NewestCheckpoint(t.Context())
	require.NoError(t, err)
	s.opt.Known = []lieciba.Checkpoint{cp}
	require.Empty(t, k.checkLog().Violations)
	k.cut(true)
	for _, t := range []string{"holds", "incidents", "part_events", "readiness"} {
		k.exec("DELETE FROM %s", t)
	}
	k.exec("DELETE FROM audit WHERE act = 'place_hold'")
	s.opt.Known = nil
	require.Empty(t, k.checkLog().Violations, "from inside there is nothing to see")
	s.opt.Known = []lieciba.Checkpoint{cp}
	require.True(t, named(k.checkLog().Violations, edit{object: "log of", words: fmt.Sprintf("a checkpoint of %d leaves is known", cp.Size), rule: fsck.RuleCheckpoint}))
	cp.Size = 2
	s.opt.Known = []lieciba.Checkpoint{cp}
	require.True(t, named(k.checkLog().Violations, edit{object: "checkpoint of 2 leaves", words: "is another one than was known", rule: fsck.RuleCheckpoint}))
}

// TestSwappedObjects: somebody with the store's root account puts other bytes in
// the place of a segment's object, with and without a trace.
func TestSwappedObjects(t *testing.T) {
	s := serverSite(t)
	k := keep(s)
	root, err := miniogo.New(s.minio.Endpoint, &miniogo.Options{Creds: credentials.NewStaticV4(s.minio.AccessKey, s.minio.SecretKey, "")})
	require.NoError(t, err)
	row, err := s.catalog.Segment(t.Context(), k.segments[0].ID)
	require.NoError(t, err)
	key := storage.SegmentKey(row.RecordingID, row.ID)
	put := func(b []byte) string {
		info, err := root.PutObject(t.Context(), s.minio.Bucket, key, bytes.NewReader(b), int64(len(b)), miniogo.PutObjectOptions{})
		require.NoError(t, err)
		return info.VersionID
	}
	destroy := func(version string) {
		require.NoError(t, root.RemoveObject(t.Context(), s.minio.Bucket, key, miniogo.RemoveObjectOptions{VersionID: version, GovernanceBypass: true}))
	}
	other := bytes.Repeat([]byte{7}, int(row.Size))
	s.clean()

	covered := put(other)
	s.broken("segment "+string(row.ID), "is covered by another one", fsck.RuleBytes)
	destroy(covered)
	s.clean()

	require.NoError(t, root.RemoveObject(t.Context(), s.minio.Bucket, key, miniogo.RemoveObjectOptions{}))
	s.broken("segment "+string(row.ID), "is hidden by a delete marker", fsck.RuleBytes)

	destroy(row.Media.Version)
	put(other)
	s.broken("segment "+string(row.ID), "Media does not hold version", fsck.RuleBytes)
	// The row is made to name the new object: its bytes are not those of the row.
	s.exec("UPDATE segments SET media_version = '%s' WHERE id = '%s'", put(other), row.ID)
	s.broken("segment "+string(row.ID), "do not have the SHA-256 of the row", fsck.RuleBytes, fsck.RuleIndex)
}
