package engine

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// errFull: more jobs wait already than may, or for longer than this one can. The one that is refused waits with its game, and is
// called when there is room.
var errFull = errors.New("too many jobs are waiting")

// gate lets a bounded number of jobs of all games in at a time. Those come first that have waited longest, by when what they
// are for came due, so that a game which has just come does not pass one that was refused.
type gate struct {
	mu      sync.Mutex
	free    int
	limit   int // of those that wait inside
	waiting tickets
	outside tickets // those that were refused
}

// ticket is one that waits: enter is closed when it is let in, call is called when there is room to wait inside.
type ticket struct {
	since time.Time
	enter chan struct{}
	call  func()
	at    int // in its heap; -1 when it has left
}

func newGate(slots, limit int) *gate { return &gate{free: slots, limit: limit} }

// doWhile runs work when its turn has come, or gives errFull: of a place that it did not get in time too. The work counts for a while
// only: what takes longer, as what hangs does, keeps nobody else out.
func (g *gate) doWhile(ctx context.Context, since time.Time, counts time.Duration, work func() error) error {
	if err := g.acquire(ctx, since); err != nil {
		return err
	}
	leave := sync.OnceFunc(g.release)
	defer time.AfterFunc(counts, leave).Stop()
	defer leave()
	return work()
}

func (g *gate) acquire(ctx context.Context, since time.Time) error {
	g.mu.Lock()
	if g.free > 0 {
		g.free--
		g.mu.Unlock()
		return nil
	}
	if len(g.waiting) >= g.limit {
		g.mu.Unlock()
		return errFull
	}
	t := &ticket{since: since, enter: make(chan struct{})}
	heap.Push(&g.waiting, t)
	g.mu.Unlock()
	select {
	case <-t.enter:
		return nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	in := t.at < 0
	if !in {
		heap.Remove(&g.waiting, t.at)
	}
	g.mu.Unlock()
	if in {
		g.release()
	}
	return fmt.Errorf("%w: %w", errFull, ctx.Err())
}

func (g *gate) release() {
	g.mu.Lock()
	var call func()
	if len(g.waiting) > 0 {
		close(g.waiting.pop().enter)
	} else {
		g.free++
	}
	if len(g.waiting) < g.limit && len(g.outside) > 0 {
		call = g.outside.pop().call
	}
	g.mu.Unlock()
	if call != nil {
		call()
	}
}

// later has call called, from some other goroutine, when there is room again, unless leave was called before. A call may come to
// nothing, so whoever waits outside looks again by itself too; it leaves then, for a place that nobody needs takes another's call.
func (g *gate) later(since time.Time, call func()) (leave func()) {
	t := &ticket{since: since, call: call}
	g.mu.Lock()
	defer g.mu.Unlock()
	heap.Push(&g.outside, t)
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if t.at >= 0 {
			heap.Remove(&g.outside, t.at)
		}
	}
}

// tickets is a heap, the oldest first.
type tickets []*ticket

func (t tickets) Len() int           { return len(t) }
func (t tickets) Less(i, j int) bool { return t[i].since.Before(t[j].since) }
func (t tickets) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].at, t[j].at = i, j
}

// Push is heap's.
func (t *tickets) Push(x any) {
	one, _ := x.(*ticket)
	one.at = len(*t)
	*t = append(*t, one)
}

// Pop is heap's.
func (t *tickets) Pop() any {
	old := *t
	one := old[len(old)-1]
	one.at, old[len(old)-1] = -1, nil
	*t = old[:len(old)-1]
	return one
}

func (t *tickets) pop() *ticket {
	one, _ := heap.Pop(t).(*ticket)
	return one
}
