package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
)

const segmentColumns = `id, recording_id, camera_id, run_id, node_id, from_at, to_at, size, sha256, init_size, video, audio,
	frames, lost_packets, clock_offset, clock_quality, state, media_key, media_version`

// scanSegment reads segmentColumns, and what is given after them.
func scanSegmentAnd(r pgx.CollectableRow, more ...any) (s lieciba.Segment, err error) {
	err = r.Scan(append([]any{&s.ID, &s.RecordingID, &s.CameraID, &s.RunID, &s.NodeID, stamp{&s.From}, stamp{&s.To},
		&s.Size, hash{&s.SHA256}, &s.InitSize, &s.Video, &s.Audio, &s.Frames, &s.LostPackets, span{&s.ClockOffset},
		&s.ClockQuality, &s.State, &s.Media.Key, &s.Media.Version}, more...)...)
	return s, err
}

func scanSegment(r pgx.CollectableRow) (lieciba.Segment, error) { return scanSegmentAnd(r) }

// scanWhole reads segmentColumns and the fragments.
func scanWhole(r pgx.CollectableRow) (lieciba.Segment, error) {
	var b []byte
	s, err := scanSegmentAnd(r, &b)
	if err == nil {
		s.Fragments, err = storage.DecodeFragments(b)
	}
	return s, err
}

const (
	selectSegment = `SELECT ` + segmentColumns + ` FROM segments `
	selectWhole   = `SELECT ` + segmentColumns + `, fragments FROM segments `

	// Segments never overlap: the first that ends after t covers t or follows it.
	whereAt     = `WHERE recording_id = $1 AND to_at > $2 ORDER BY to_at LIMIT 1`
	whereBefore = `WHERE recording_id = $1 AND from_at < $2 ORDER BY from_at DESC LIMIT 1`
	// The lower bound of from_at is the start of the segment that runs at the
	// span's start, so that the index is read between two bounds.
	whereSpan = `WHERE recording_id = $1 AND to_at > $2 AND from_at < $3
		AND from_at >= coalesce((SELECT max(from_at) FROM segments WHERE recording_id = $1 AND from_at <= $2), $2)
		ORDER BY from_at`
	whereUnverified = `WHERE node_id = $1 AND state = 'hashed' ORDER BY from_at LIMIT $2`
	whereAfterID    = `WHERE id > $1 ORDER BY id LIMIT $2`
)

// AddSegment implements storage.Segments.
func (c *Catalog) AddSegment(ctx context.Context, s lieciba.Segment) error {
	s.From, s.To = lieciba.Micro(s.From), lieciba.Micro(s.To)
	if err := storage.CheckSegment(s); err != nil {
		return err
	}
	return c.write(ctx, "add a segment", func(tx pgx.Tx) error {
		rec, err := lockRecording(ctx, tx, s.RecordingID)
		if err != nil {
			return err
		}
		stored, err := list(ctx, tx, scanSegment, selectSegment+`WHERE id = $1`, s.ID)
		if err != nil {
			return err
		}
		if len(stored) > 0 {
			return storage.RepeatSegment(stored[0], s)
		}
		if err := storage.CheckOpen(rec.State); err != nil {
			return err
		}
		next, err := list(ctx, tx, scanSegment, selectSegment+whereAt, s.RecordingID, ts(s.From))
		if err != nil {
			return err
		}
		if len(next) > 0 {
			if err := storage.CheckNeighbour(next[0], s); err != nil {
				return err
			}
		}
		if err := insertSegment(ctx, tx, s); err != nil {
			return err
		}
		return stageLeaf(ctx, tx, evidence.LeafOfSegment(s))
	})
}

func insertSegment(ctx context.Context, tx pgx.Tx, s lieciba.Segment) error {
	_, err := execTx(ctx, tx, `INSERT INTO segments (`+segmentColumns+`, fragments)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, '', '', $18)`,
		s.ID, s.RecordingID, s.CameraID, s.RunID, s.NodeID, ts(s.From), ts(s.To), s.Size, s.SHA256[:], s.InitSize,
		s.Video, s.Audio, s.Frames, s.LostPackets, s.ClockOffset.Microseconds(), s.ClockQuality,
		lieciba.SegmentHashed, storage.EncodeFragments(s.Fragments))
	return err
}

// VerifySegment implements storage.Segments.
func (c *Catalog) VerifySegment(ctx context.Context, id lieciba.SegmentID, ref lieciba.MediaRef) error {
	return c.write(ctx, "verify a segment", func(tx pgx.Tx) error {
		stored, err := one(ctx, tx, "segment", scanSegment, selectSegment+`WHERE id = $1 FOR UPDATE`, id)
		if err != nil {
			return err
		}
		write, err := storage.PlanVerify(stored, ref)
		if err != nil || !write {
			return err
		}
		_, err = execTx(ctx, tx, `UPDATE segments SET state = $1, media_key = $2, media_version = $3 WHERE id = $4`,
			lieciba.SegmentVerified, ref.Key, ref.Version, id)
		return err
	})
}

// Segment implements storage.Segments.
func (c *Catalog) Segment(ctx context.Context, id lieciba.SegmentID) (lieciba.Segment, error) {
	return readOne(ctx, c, "segment", scanWhole, selectWhole+`WHERE id = $1`, id)
}

// SegmentAt implements storage.Segments.
func (c *Catalog) SegmentAt(ctx context.Context, rec lieciba.RecordingID, t time.Time) (lieciba.Segment, error) {
	return readOne(ctx, c, "segment", scanWhole, selectWhole+whereAt, rec, ts(t))
}

// SegmentBefore implements storage.Segments.
func (c *Catalog) SegmentBefore(ctx context.Context, rec lieciba.RecordingID, t time.Time) (lieciba.Segment, error) {
	return readOne(ctx, c, "segment", scanWhole, selectWhole+whereBefore, rec, ts(t))
}

// RecordingSegments implements storage.Segments.
func (c *Catalog) RecordingSegments(ctx context.Context, rec lieciba.RecordingID, span lieciba.Interval) ([]lieciba.Segment, error) {
	b := storage.Bounds(span)
	return readList(ctx, c, "segments", scanSegment, selectSegment+whereSpan, rec, ts(b.From), ts(b.To))
}

// UnverifiedSegments implements storage.Segments.
func (c *Catalog) UnverifiedSegments(ctx context.Context, node lieciba.NodeID, limit int) ([]lieciba.Segment, error) {
	return readList(ctx, c, "segments", scanSegment, selectSegment+whereUnverified, node, limit)
}

const (
	// scanPage is how many rows a scan reads at once.
	scanPage = 500
	// zeroID is below every ID.
	zeroID = "00000000-0000-0000-0000-000000000000"
)

// ScanSegments implements storage.Segments. fn runs outside of any transaction.
func (c *Catalog) ScanSegments(ctx context.Context, after lieciba.SegmentID, fn func(lieciba.Segment) error) error {
	if after == "" {
		after = zeroID
	}
	for {
		page, err := readList(ctx, c, "segments", scanWhole, selectWhole+whereAfterID, after, scanPage)
		if err != nil {
			return err
		}
		for _, s := range page {
			if err := fn(s); err != nil {
				return err
			}
		}
		if len(page) < scanPage {
			return nil
		}
		after = page[len(page)-1].ID
	}
}

// SegmentTotals implements storage.Segments.
func (c *Catalog) SegmentTotals(ctx context.Context, rec lieciba.RecordingID) (storage.SegmentTotals, error) {
	scan := func(r pgx.CollectableRow) (t storage.SegmentTotals, err error) {
		err = r.Scan(&t.Count, &t.Unverified, &t.Bytes)
		return t, err
	}
	return readOne(ctx, c, "recording", scan, `SELECT count(*), count(*) FILTER (WHERE state = 'hashed'), coalesce(sum(size), 0)
		FROM segments WHERE recording_id = $1`, rec)
}
