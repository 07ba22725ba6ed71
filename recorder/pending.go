package recorder

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"lieciba"
	"lieciba/storage/durable"
)

// pending is the file of a recording's gap rows that wait for a catalogue that
// is away: after a crash they say why nothing was recorded, which nothing else
// in the spool knows.
type pending struct {
	Recording lieciba.Recording
	Alive     time.Time // this process lived then, though no beat reached the catalogue
	Rows      []gapRow  // in order
}

// gapRow is one change of a gap: Gap is put as it is, then closed at To if that
// is set. A change with an ID alone closes a gap that was put before.
type gapRow struct {
	Gap   *lieciba.Gap `json:",omitempty"`
	Close lieciba.GapID
	To    time.Time
}

func (s *spool) pendingPath(rec lieciba.RecordingID) string {
	return filepath.Join(s.dir, pendingDir, string(rec)+".json")
}

func (s *spool) putPending(p pending) error {
	b, err := json.Marshal(p)
	if err != nil {
		return lieciba.Wrap(err, lieciba.CodeInternal, "waiting gaps cannot be written")
	}
	if err := s.disk.MkdirAll(filepath.Join(s.dir, pendingDir), 0o750); err != nil {
		return err
	}
	return s.disk.WriteFile(s.pendingPath(p.Recording.ID), b, 0o640)
}

func (s *spool) removePending(rec lieciba.RecordingID) error {
	return s.disk.Remove(s.pendingPath(rec))
}

// listPending reads all of them. A file that cannot be read is put aside and
// left out.
func (s *spool) listPending() ([]pending, error) {
	dir := filepath.Join(s.dir, pendingDir)
	list, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, durable.Error(err)
	}
	var out []pending
	for _, f := range list {
		path := filepath.Join(dir, f.Name())
		if strings.HasSuffix(path, durable.TempSuffix) {
			if err := s.disk.Remove(path); err != nil {
				return nil, err
			}
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, durable.Error(err)
		}
		var p pending
		if json.Unmarshal(b, &p) == nil && p.Recording.ID != "" {
			out = append(out, p)
			continue
		}
		if err := errors.Join(s.disk.MkdirAll(filepath.Join(s.dir, asideDir), 0o750),
			s.disk.Rename(path, filepath.Join(s.dir, asideDir, "pending-"+f.Name()))); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// recoverGaps puts the gaps on record that an earlier process could not, once
// the segments of the spool are. alive is when that process lived last, as far
// as these files tell. It repeats until the catalogue has taken them.
func (e *env) recoverGaps(ctx context.Context) (alive time.Time, err error) {
	list, err := e.spool.listPending()
	if err != nil {
		return alive, err
	}
	for _, p := range list {
		alive = latest(alive, p.Alive)
		l := newLedger(e, p.Recording.ID)
		if !l.repeat(ctx, ledgerOp{name: "recovered gaps", do: func(ctx context.Context) error { return e.putRows(ctx, p) }}) {
			return alive, ctx.Err()
		}
		if err := e.spool.removePending(p.Recording.ID); err != nil {
			return alive, err
		}
	}
	return alive, nil
}

// putRows replays a recording's waiting rows. A row that can never be taken is
// left to what is declared when the recording is resumed.
func (e *env) putRows(ctx context.Context, p pending) error {
	if err := e.ensure(ctx, p.Recording); err != nil {
		return err
	}
	segs, err := e.cfg.Catalog.RecordingSegments(ctx, p.Recording.ID, lieciba.Interval{})
	if err != nil {
		return err
	}
	for _, row := range p.Rows {
		if err := e.putRow(ctx, row, segs); err != nil {
			if retryable(err) {
				return err
			}
			e.log.ErrorContext(ctx, "a gap that waited is refused", "recording", p.Recording.ID, "err", err)
		}
	}
	return nil
}

func (e *env) putRow(ctx context.Context, row gapRow, segs []lieciba.Segment) error {
	if row.Gap == nil {
		return e.cfg.Catalog.CloseGap(ctx, row.Close, row.To)
	}
	g := *row.Gap
	for _, s := range segs { // recovery found more of a segment than its writer knew
		if s.Span().Contains(g.From) {
			g.From = s.To
		}
	}
	return e.cfg.Catalog.PutGap(ctx, g)
}
