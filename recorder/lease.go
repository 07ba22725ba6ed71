package recorder

import (
	"context"
	"sync"
	"time"

	"lieciba"
)

// leases holds this node's right to pull and record cameras. While the
// catalogue is down the leases that were granted go on: a camera recorded twice
// can be told apart later, one recorded by nobody cannot. Safe for concurrent use.
type leases struct {
	env *env

	mu    sync.Mutex
	state map[lieciba.CameraID]bool // granted, as of the last answer
}

func (l *leases) granted(c lieciba.CameraID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state[c]
}

// renew acquires or renews the leases of the cameras and gives up the others.
// It reports whether anything changed.
func (l *leases) renew(ctx context.Context, cameras map[lieciba.CameraID]lieciba.Camera) (changed bool) {
	cat, node, ttl := l.env.cfg.Catalog, l.env.cfg.Node, l.env.cfg.LeaseTTL
	for id, c := range cameras {
		if c.State == lieciba.CameraRetired {
			continue
		}
		call, cancel := context.WithTimeout(ctx, catalogTimeout)
		lease, granted, err := cat.AcquireLease(call, id, node, ttl)
		cancel()
		if err != nil {
			l.env.log.WarnContext(ctx, "leases cannot be renewed", "err", err)
			return changed
		}
		if l.set(id, granted) {
			changed = true
			if !granted {
				l.env.log.WarnContext(ctx, "another node has the camera", "camera", id, "node", lease.NodeID, "until", lease.ExpiresAt)
			}
		}
	}
	for _, id := range l.held() {
		if c, ok := cameras[id]; ok && c.State != lieciba.CameraRetired {
			continue
		}
		err := l.env.bounded(ctx, "release a lease", func(ctx context.Context) error { return cat.ReleaseLease(ctx, id, node) })
		if err == nil {
			l.drop(id) // asked for again as soon as it is back
			changed = true
		}
	}
	return changed
}

// unknown reports whether there is a camera that was never asked for, or a
// lease of one that is gone.
func (l *leases) unknown(cameras map[lieciba.CameraID]lieciba.Camera) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, c := range cameras {
		if _, ok := l.state[id]; !ok && c.State != lieciba.CameraRetired {
			return true
		}
	}
	for id, granted := range l.state {
		if c, ok := cameras[id]; granted && (!ok || c.State == lieciba.CameraRetired) {
			return true
		}
	}
	return false
}

// set notes an answer and reports whether it is news.
func (l *leases) set(id lieciba.CameraID, granted bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	old, known := l.state[id]
	l.state[id] = granted
	return !known || old != granted
}

func (l *leases) drop(id lieciba.CameraID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.state, id)
}

func (l *leases) held() []lieciba.CameraID {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []lieciba.CameraID
	for id, granted := range l.state {
		if granted {
			out = append(out, id)
		}
	}
	return out
}

// releaseAll gives everything up, at the end.
func (l *leases) releaseAll(ctx context.Context) error {
	for _, id := range l.held() {
		if err := l.env.cfg.Catalog.ReleaseLease(ctx, id, l.env.cfg.Node); err != nil {
			return err // they expire by themselves
		}
		l.set(id, false)
	}
	return nil
}

// renewEvery leaves two more tries before a lease expires.
func (l *leases) renewEvery() time.Duration { return l.env.cfg.LeaseTTL / 3 }
