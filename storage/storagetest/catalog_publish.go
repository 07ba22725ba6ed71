package storagetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/storage"
)

// testPublishersAtOnce stages notices of several sessions while both nodes
// publish: the numbers have no hole, none comes twice, each session's are in the
// order in which they were staged, and who reads on from the last number that it
// saw misses none.
func testPublishersAtOnce(t *testing.T, w *world) {
	const writers, each = 6, 25
	hook := newWebhook("pizis")
	require.NoError(t, w.PutWebhook(w.ctx, hook))
	staged := make([][]lieciba.NoticeID, writers)
	sessions := make([]lieciba.SessionID, writers)
	for i := range sessions {
		s := w.newSession(fmt.Sprint("s-", i), base)
		require.NoError(t, w.store(s))
		sessions[i] = s.ID
	}
	staging := make(chan struct{})
	var left sync.WaitGroup
	left.Add(writers)
	go func() { left.Wait(); close(staging) }()
	var read []lieciba.Notice
	var failed atomic.Bool
	w.together(t, writers+3, func(c storage.Catalog, i int) (err error) {
		defer func() { failed.CompareAndSwap(false, err != nil) }()
		if i < writers {
			defer left.Done()
			for range each {
				n := w.newNotice(lieciba.NoticeGap)
				n.SessionID = sessions[i]
				if err := c.StageNotice(w.ctx, n); err != nil {
					return err
				}
				staged[i] = append(staged[i], n.ID)
			}
			return nil
		}
		for over := false; !failed.Load(); {
			if i == writers+2 { // the reader
				if err := readOn(w, c, &read); err != nil || len(read) == writers*each {
					return err
				}
				continue
			}
			n, err := c.PublishNotices(w.ctx, 7, sec(1))
			if err != nil || over && n == 0 {
				return err
			}
			select {
			case <-staging: // one more round, and all that was staged is published
				over = true
			default:
			}
		}
		return nil
	})
	require.Len(t, read, writers*each)
	order := map[lieciba.SessionID][]lieciba.NoticeID{}
	for i, n := range read {
		require.EqualValues(t, i+1, n.Number)
		order[n.SessionID] = append(order[n.SessionID], n.ID)
	}
	for i, s := range sessions {
		require.Equal(t, staged[i], order[s])
	}
	list, err := w.ListDeliveries(w.ctx, storage.DeliveryFilter{Limit: 1000})
	require.NoError(t, err)
	require.Len(t, list, writers*each)
}

// readOn appends what was published since the last call.
func readOn(w *world, c storage.Catalog, read *[]lieciba.Notice) error {
	after := int64(0)
	if n := len(*read); n > 0 {
		after = (*read)[n-1].Number
	}
	list, err := c.ListNotices(w.ctx, "", after, 5)
	*read = append(*read, list...)
	return err
}

// testClaimersAtOnce lets many senders of two nodes deliver everything: each
// notice once, each session's in order, never two of a line at a time.
func testClaimersAtOnce(t *testing.T, w *world) {
	const sessions, each, senders = 5, 12, 6
	for _, name := range []string{"a", "b"} {
		require.NoError(t, w.PutWebhook(w.ctx, newWebhook(name)))
	}
	for i := range sessions {
		s := w.newSession(fmt.Sprint("s-", i), base)
		require.NoError(t, w.store(s))
		w.stage(t, s.ID, each)
	}
	w.publish(t)
	type line struct {
		hook    lieciba.WebhookID
		session lieciba.SessionID
	}
	var mu sync.Mutex
	sent, open, total := map[line]int64{}, map[line]bool{}, 0
	take := func(d lieciba.Delivery) error {
		mu.Lock()
		defer mu.Unlock()
		l := line{d.WebhookID, d.Notice.SessionID}
		if open[l] {
			return fmt.Errorf("two of a line were claimed at a time")
		}
		if d.Notice.Number <= sent[l] {
			return fmt.Errorf("notice %d came after %d", d.Notice.Number, sent[l])
		}
		open[l], sent[l] = true, d.Notice.Number
		return nil
	}
	give := func(d lieciba.Delivery) bool {
		mu.Lock()
		defer mu.Unlock()
		if d.Notice.Number > 0 {
			open[line{d.WebhookID, d.Notice.SessionID}] = false
			total++
		}
		return total == 2*sessions*each
	}
	var failed atomic.Bool
	w.together(t, senders, func(c storage.Catalog, i int) (err error) {
		defer func() { failed.CompareAndSwap(false, err != nil) }()
		node := newID[lieciba.NodeID]()
		for !give(lieciba.Delivery{}) && !failed.Load() {
			list, err := c.ClaimDeliveries(w.ctx, node, "", sec(2), time.Hour, 3)
			if err != nil {
				return err
			}
			for _, d := range list {
				if err := take(d); err != nil {
					return err
				}
			}
			for _, d := range list {
				give(d) // before it is settled: from then on another may claim the next
				if err := c.SettleDelivery(w.ctx, node, delivered(d, sec(3))); err != nil {
					return err
				}
			}
		}
		return nil
	})
	left, err := w.ListDeliveries(w.ctx, storage.DeliveryFilter{States: []lieciba.DeliveryState{lieciba.DeliveryWaiting, lieciba.DeliveryDead}})
	require.NoError(t, err)
	require.Empty(t, left)
}
