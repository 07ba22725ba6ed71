package sequencer_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage/evidence"
	"lieciba/storage/sequencer"
)

// panicking is a catalogue or authority with a bug that one call brings out.
type panicking struct {
	sequencer.Catalog
	on bool
}

func (p *panicking) StagedLeaves(ctx context.Context) (int, time.Time, error) {
	if p.on {
		panic("staged leaves")
	}
	return p.Catalog.StagedLeaves(ctx)
}

func TestPanicIsAnErrorOfOneAttempt(t *testing.T) {
	onEach(t, func(t *testing.T, open func() catalog) {
		c := &panicking{Catalog: open()}
		s := sequencer.New(sequencer.Config{Catalog: c, Key: newKey(t)})
		require.NoError(t, s.Start(t.Context()))
		stage(t, c, "x", 3)
		c.on = true
		_, err := s.Once(t.Context())
		require.Equal(t, lieciba.CodeInternal, lieciba.CodeOf(err))
		require.ErrorIs(t, s.Stats().LastError, err)
		require.False(t, s.Stats().FailingAt.IsZero(), "it shows")
		c.on = false
		n, err := s.Once(t.Context())
		require.NoError(t, err)
		require.Equal(t, 3+1, n, "with the audit entry of the beginning")
		require.True(t, s.Stats().FailingAt.IsZero())
	})
}

// brokenAuthority panics at its first two answers, as a parser may at hostile bytes.
type brokenAuthority struct{ asked int }

func (b *brokenAuthority) Stamp(context.Context, []byte) (lieciba.TimeStamp, error) {
	if b.asked++; b.asked <= 2 {
		panic("hostile answer")
	}
	return lieciba.TimeStamp{}, lieciba.Errorf(lieciba.CodeUnavailable, "away")
}

// unstamped has one checkpoint and no time stamp of it.
type unstamped struct{ *countingLog }

func (unstamped) TimeStamps(context.Context, int64) ([]lieciba.TimeStamp, error) { return nil, nil }

func (u unstamped) Checkpoints(context.Context, int64) ([]lieciba.Checkpoint, error) {
	return []lieciba.Checkpoint{u.head}, nil
}

func TestPanicOfStampsStopsNothing(t *testing.T) {
	key := newKey(t)
	head, err := evidence.SignCheckpoint("log.example/1", 1, [32]byte{}, key)
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		a := &brokenAuthority{}
		log := unstamped{&countingLog{head: head}}
		s := sequencer.New(sequencer.Config{Catalog: log, Key: key, Stamper: a})
		stop := run(t, s)
		time.Sleep(150 * time.Second) // of the bubble's clock: asked again each minute
		synctest.Wait()
		require.Equal(t, 3, a.asked)
		require.False(t, s.Stats().StampFailingAt.IsZero())
		require.NoError(t, s.Stats().LastError, "the log goes on")
		stop()
	})
}
