package storagetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
)

// testLogUnderLoad lets writers of two nodes add facts, some of them in acts that
// roll back, while two sequencers take them up: each fact has one leaf, and the
// log has no hole.
func testLogUnderLoad(t *testing.T, w *world) {
	const writers, rounds = 8, 10
	nodes := []storage.Catalog{w.Catalog, w.second(t)}
	poke := make(chan struct{}, writers*rounds*4)
	var sequencers, adding sync.WaitGroup
	var failed [2]error
	for i, c := range nodes {
		sequencers.Go(func() {
			for range poke {
				if _, err := sequence(w.ctx, c, 7); err != nil {
					failed[i] = errors.Join(failed[i], err)
				}
			}
		})
	}
	wants := make([][]string, writers)
	errs := make([]error, writers)
	for i := range writers {
		adding.Go(func() {
			for n := range rounds {
				added, err := w.addFacts(nodes[(i+n)%2], i*rounds+n)
				wants[i] = append(wants[i], added...)
				errs[i] = errors.Join(errs[i], err)
				for range added {
					poke <- struct{}{}
				}
			}
		})
	}
	adding.Wait()
	close(poke)
	sequencers.Wait()
	require.NoError(t, errors.Join(failed[:]...))
	require.NoError(t, errors.Join(errs...))
	for {
		n, err := sequence(w.ctx, w, 1000)
		require.NoError(t, err)
		if n == 0 {
			break
		}
	}
	var want, got []string
	for _, list := range wants {
		want = append(want, list...)
	}
	require.NoError(t, w.Close())
	w.Catalog = w.open()
	for _, l := range requireLog(t, w) {
		got = append(got, string(l.Kind)+" "+l.Subject)
	}
	require.ElementsMatch(t, want, got, "each fact has one leaf, and nothing else has one")
}

// addFacts adds one fact of several kinds through c, and tells which leaves they have.
func (w *world) addFacts(c storage.Catalog, slot int) ([]string, error) {
	from := float64(slot * 10)
	s, g, lost, leaf := w.segment(from, from+5), w.gap(from+5, from+8), w.segment(from+8, from+9), newLeaf(fmt.Sprint("x", slot))
	e, undone := newAudit("a", sec(from)), newAudit("b", sec(from))
	refused := errors.New("refused")
	err := c.Act(w.ctx, &undone, func(ctx context.Context) error {
		return errors.Join(c.AddSegment(ctx, lost), c.StageLeaf(ctx, newLeaf(fmt.Sprint("lost", slot))), refused)
	})
	if err == nil || !errors.Is(err, refused) {
		return nil, fmt.Errorf("an act that was to roll back: %w", err)
	}
	err = errors.Join(c.AddSegment(w.ctx, s), c.StageLeaf(w.ctx, leaf), c.Act(w.ctx, &e, func(ctx context.Context) error {
		return c.PutGap(ctx, g)
	}))
	return []string{string(lieciba.LeafSegment) + " " + string(s.ID), string(lieciba.LeafGap) + " " + string(g.ID),
		string(lieciba.LeafAudit) + " " + string(e.ID), string(lieciba.LeafExport) + " " + leaf.Subject}, err
}
