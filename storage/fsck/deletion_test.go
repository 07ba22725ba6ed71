package fsck_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/fsck"
	"lieciba/storage/retention"
)

// gone lets the reaper delete a site's sealed recording, long after its time.
func gone(k *kept) {
	ctx, t := k.t.Context(), k.t
	later := start.AddDate(1, 2, 0)
	k.act(lieciba.ActReleaseHold, "hold:"+string(k.hold.ID), func(ctx context.Context) error {
		_, err := k.catalog.ChangeHold(ctx, k.hold.ID, func(h lieciba.Hold) (*lieciba.Hold, error) {
			h.ReleasedBy, h.ReleasedAt = "d", at(90)
			return &h, nil
		})
		return err
	})
	r, err := retention.New(retention.Config{Catalog: k.catalog, Media: k.media, Node: k.node, NoDates: true, Clock: func() time.Time { return later }}).Once(ctx)
	require.NoError(t, err)
	require.Equal(t, 1, r.Deleted, "%+v", r)
	k.sequence(1000)
	k.opt.Now = func() time.Time { return later.Add(time.Hour) }
	k.opt.DueAt = func(f lieciba.RetentionFacts, at time.Time) time.Time { return retention.Decide(f, at).DueAt }
}

// TestADeletionIsProvable: what the reaper deleted is gone by the rule, certified
// and logged; and each thing that is not so is named.
func TestADeletionIsProvable(t *testing.T) {
	onStores(t, func(s *site) {
		k := keep(s)
		gone(k)
		tables = append(tables, "deletions")
		defer func() { tables = tables[:len(tables)-1] }()
		r := s.clean()
		require.Equal(t, 1, r.Checked.Deletions)
		require.Empty(t, k.checkLog().Violations)
		list, err := s.catalog.ListDeletions(t.Context(), 10, "")
		require.NoError(t, err)
		del := "deletion " + string(list[0].ID)
		for _, e := range []edit{
			{"certificate", func(k *kept) {
				cert := bytes.Replace(list[0].Certificate, []byte(k.segments[0].ID), []byte(k.segments[1].ID), 1)
				k.exec("UPDATE deletions SET certificate = %s", k.bytes(cert))
			}, del, "its certificate does not name segment " + string(k.segments[0].ID), fsck.RuleDeletion, nil},
			{"certificate against its leaf", func(k *kept) {
				k.exec("UPDATE deletions SET certificate = %s", k.bytes(append([]byte(" "), list[0].Certificate...)))
			}, del, "the row's certificate is not the one that was logged", fsck.RuleLeaf, nil},
			{"deletion", func(k *kept) { k.exec("DELETE FROM deletions") }, "recording " + string(s.recording.ID), "no deletion of the recording was decided", fsck.RuleDeletion, nil},
			{"due too late", func(k *kept) { k.exec("UPDATE deletions SET due_at = %s", k.second("decided_at")) }, del, "before it was due", fsck.RuleDeletion, nil},
			{"due by another policy", func(k *kept) { k.exec("UPDATE policies SET unanchored_months = 99") }, del, "by the policies and events of then it was due", fsck.RuleDeletion, nil},
			{"hold of then", func(k *kept) { k.exec("UPDATE holds SET released_at = NULL, released_by = ''") }, del, "while hold " + string(k.hold.ID), fsck.RuleDeletion, nil},
			{"a segment left", func(k *kept) { k.exec("UPDATE segments SET state = 'verified' WHERE id = '%s'", k.segments[0].ID) }, del, "is done, and segment " + string(k.segments[0].ID), fsck.RuleDeletion, nil},
			{"the recording's state", func(k *kept) { k.exec("UPDATE recordings SET state = 'expired'") }, del, "its recording is expired", fsck.RuleDeletion, nil},
		} {
			k.save()
			e.do(k)
			r := s.check()
			require.True(t, named(r.Violations, e), "%s: expected in%s", e.name, spelled(r.Violations))
			k.restore()
			s.clean()
		}
		row, err := s.catalog.Segment(t.Context(), k.segments[0].ID)
		require.NoError(t, err)
		b := []byte("back again")
		obj, err := s.media.Put(t.Context(), storage.SegmentKey(row.RecordingID, row.ID), bytes.NewReader(b), int64(len(b)), sha256.Sum256(b))
		require.NoError(t, err)
		s.exec("UPDATE segments SET media_version = '%s' WHERE id = '%s'", obj.Ref.Version, row.ID)
		e := edit{object: del, words: "segment " + string(row.ID) + " is deleted, and version", rule: fsck.RuleDeletion}
		require.True(t, named(s.check().Violations, e))
	})
}

// TestADeletionUnderAGrant: footage that somebody was granted when its deletion was
// decided is named.
func TestADeletionUnderAGrant(t *testing.T) {
	onStores(t, func(s *site) {
		k := keep(s)
		g := k.granted()
		gone(k)
		s.clean()
		k.exec("UPDATE grants SET began_at = (SELECT decided_at FROM deletions), expires_at = (SELECT %s FROM deletions)", k.second("decided_at"))
		list := s.check().Violations
		require.True(t, named(list, edit{object: "deletion ", words: "while grant " + string(g.ID) + " of Anna was in force", rule: fsck.RuleDeletion}), spelled(list))
	})
}

// fixes runs Repair.
func (s *site) repair(apply bool) []fsck.Fix {
	s.t.Helper()
	list, err := fsck.Repair(s.t.Context(), s.catalog, s.media, s.opt, "operator", apply)
	require.NoError(s.t, err)
	return list
}
