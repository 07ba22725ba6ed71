package export

import (
	"context"
	"io"
	"time"

	"golang.org/x/time/rate"

	"lieciba"
)

const chunk = 1 << 20

// Progress tells how far a building has come, in bytes of work: what is written
// into the package, and the two readings of the whole at the end.
type Progress func(done, total int64)

// meter counts bytes, tells about them and slows the building down. It belongs
// to one goroutine.
type meter struct {
	b     *Builder
	e     *lieciba.Export
	tell  Progress
	limit *rate.Limiter
	put   time.Time // when the catalogue was told last
	sick  bool      // it did not answer
}

func (b *Builder) meter(e *lieciba.Export, tell Progress) *meter {
	m := &meter{b: b, e: e, tell: tell, put: b.c.Now()}
	if b.c.Rate > 0 {
		m.limit = rate.NewLimiter(rate.Limit(b.c.Rate), chunk)
	}
	return m
}

// add counts n bytes. The catalogue is told once a second: progress is no
// evidence, so a catalogue that does not answer is logged once and not waited for.
func (m *meter) add(ctx context.Context, n int64) error {
	if err := stopped(ctx); err != nil {
		return err
	}
	if m.limit != nil {
		if err := m.limit.WaitN(ctx, int(min(n, chunk))); err != nil {
			return lieciba.Wrap(err, lieciba.CodeUnavailable, "the building of the package was stopped")
		}
	}
	m.e.DoneBytes = min(m.e.DoneBytes+n, m.e.TotalBytes)
	if m.tell != nil {
		m.tell(m.e.DoneBytes, m.e.TotalBytes)
	}
	now := m.b.c.Now()
	if now.Sub(m.put) < time.Second {
		return nil
	}
	m.put = now
	err := m.b.c.Catalog.PutExport(ctx, *m.e)
	if err != nil && !m.sick {
		m.b.c.Logs.WarnContext(ctx, "the progress of a package cannot be stored", "export", m.e.ID, "error", err)
	}
	m.sick = err != nil
	return nil
}

// copy streams src to dst and counts.
func (m *meter) copy(ctx context.Context, dst io.Writer, src io.Reader, buf []byte) error {
	_, err := io.CopyBuffer(&counted{ctx, dst, m}, struct{ io.Reader }{src}, buf)
	return err
}

// counted is a writer that counts.
type counted struct {
	ctx context.Context
	w   io.Writer
	m   *meter
}

// Write implements io.Writer.
func (c *counted) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	if err == nil {
		err = c.m.add(c.ctx, int64(n))
	}
	return n, err
}

func stopped(ctx context.Context) error {
	return lieciba.Wrap(ctx.Err(), lieciba.CodeUnavailable, "the building of the package was stopped")
}
