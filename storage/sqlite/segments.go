package sqlite

import (
	"context"
	"database/sql"
	"time"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
)

const segmentColumns = `id, recording_id, camera_id, run_id, node_id, from_at, to_at, size, sha256, init_size, video, audio,
	frames, lost_packets, clock_offset, clock_quality, state, media_key, media_version`

// scanSegment reads segmentColumns, and what is given after them.
func scanSegmentAnd(r row, more ...any) (s lieciba.Segment, err error) {
	err = r.Scan(append([]any{&s.ID, &s.RecordingID, &s.CameraID, &s.RunID, &s.NodeID, micros{&s.From}, micros{&s.To},
		&s.Size, hash{&s.SHA256}, &s.InitSize, &s.Video, &s.Audio, &s.Frames, &s.LostPackets, span{&s.ClockOffset},
		&s.ClockQuality, &s.State, &s.Media.Key, &s.Media.Version}, more...)...)
	return s, err
}

func scanSegment(r row) (lieciba.Segment, error) { return scanSegmentAnd(r) }

// scanWhole reads segmentColumns and the fragments.
func scanWhole(r row) (lieciba.Segment, error) {
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
	whereAt     = `WHERE recording_id = ? AND to_at > ? ORDER BY to_at LIMIT 1`
	whereBefore = `WHERE recording_id = ? AND from_at < ? ORDER BY from_at DESC LIMIT 1`
	// The lower bound of from_at is the start of the segment that runs at the
	// span's start, so that the index is read between two bounds.
	whereSpan = `WHERE recording_id = ?1 AND to_at > ?2 AND from_at < ?3
		AND from_at >= coalesce((SELECT max(from_at) FROM segments WHERE recording_id = ?1 AND from_at <= ?2), ?2)
		ORDER BY from_at`
	whereUnverified = `WHERE node_id = ? AND state = 'hashed' ORDER BY from_at LIMIT ?`
	whereAfterID    = `WHERE id > ? ORDER BY id LIMIT ?`
)

// AddSegment implements storage.Segments.
func (c *Catalog) AddSegment(ctx context.Context, s lieciba.Segment) error {
	s.From, s.To = lieciba.Micro(s.From), lieciba.Micro(s.To)
	if err := storage.CheckSegment(s); err != nil {
		return err
	}
	return c.write(ctx, "add a segment", func(tx *sql.Tx) error {
		stored, err := list(ctx, tx, scanSegment, selectSegment+`WHERE id = ?`, s.ID)
		if err != nil {
			return err
		}
		if len(stored) > 0 {
			return storage.RepeatSegment(stored[0], s)
		}
		if _, err := openRecording(ctx, tx, s.RecordingID); err != nil {
			return err
		}
		next, err := list(ctx, tx, scanSegment, selectSegment+whereAt, s.RecordingID, us(s.From))
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

func insertSegment(ctx context.Context, tx *sql.Tx, s lieciba.Segment) error {
	_, err := execTx(ctx, tx, `INSERT INTO segments (`+segmentColumns+`, fragments)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', '', ?)`,
		s.ID, s.RecordingID, s.CameraID, s.RunID, s.NodeID, us(s.From), us(s.To), s.Size, s.SHA256[:], s.InitSize,
		s.Video, s.Audio, s.Frames, s.LostPackets, s.ClockOffset.Microseconds(), s.ClockQuality,
		lieciba.SegmentHashed, storage.EncodeFragments(s.Fragments))
	return err
}

// VerifySegment implements storage.Segments.
func (c *Catalog) VerifySegment(ctx context.Context, id lieciba.SegmentID, ref lieciba.MediaRef) error {
	return c.write(ctx, "verify a segment", func(tx *sql.Tx) error {
		stored, err := one(ctx, tx, "segment", scanSegment, selectSegment+`WHERE id = ?`, id)
		if err != nil {
			return err
		}
		write, err := storage.PlanVerify(stored, ref)
		if err != nil || !write {
			return err
		}
		_, err = execTx(ctx, tx, `UPDATE segments SET state = ?, media_key = ?, media_version = ? WHERE id = ?`,
			lieciba.SegmentVerified, ref.Key, ref.Version, id)
		return err
	})
}

// Segment implements storage.Segments.
func (c *Catalog) Segment(ctx context.Context, id lieciba.SegmentID) (lieciba.Segment, error) {
	return readOne(ctx, c, "segment", scanWhole, selectWhole+`WHERE id = ?`, id)
}

// SegmentAt implements storage.Segments.
func (c *Catalog) SegmentAt(ctx context.Context, rec lieciba.RecordingID, t time.Time) (lieciba.Segment, error) {
	return readOne(ctx, c, "segment", scanWhole, selectWhole+whereAt, rec, us(t))
}

// SegmentBefore implements storage.Segments.
func (c *Catalog) SegmentBefore(ctx context.Context, rec lieciba.RecordingID, t time.Time) (lieciba.Segment, error) {
	return readOne(ctx, c, "segment", scanWhole, selectWhole+whereBefore, rec, us(t))
}

// RecordingSegments implements storage.Segments.
func (c *Catalog) RecordingSegments(ctx context.Context, rec lieciba.RecordingID, span lieciba.Interval) ([]lieciba.Segment, error) {
	b := storage.Bounds(span)
	return readList(ctx, c, "segments", scanSegment, selectSegment+whereSpan, rec, us(b.From), us(b.To))
}

// UnverifiedSegments implements storage.Segments.
func (c *Catalog) UnverifiedSegments(ctx context.Context, node lieciba.NodeID, limit int) ([]lieciba.Segment, error) {
	return readList(ctx, c, "segments", scanSegment, selectSegment+whereUnverified, node, limit)
}

// scanPage is how many segments ScanSegments reads at once.
const scanPage = 500

// ScanSegments implements storage.Segments. fn runs outside of any transaction.
func (c *Catalog) ScanSegments(ctx context.Context, after lieciba.SegmentID, fn func(lieciba.Segment) error) error {
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
	scan := func(r row) (t storage.SegmentTotals, err error) {
		err = r.Scan(&t.Count, &t.Unverified, &t.Bytes)
		return t, err
	}
	return readOne(ctx, c, "recording", scan, `SELECT count(*), count(*) FILTER (WHERE state = 'hashed'), coalesce(sum(size), 0)
		FROM segments WHERE recording_id = ?`, rec)
}
