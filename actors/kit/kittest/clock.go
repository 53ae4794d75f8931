package kittest

import (
	"container/heap"
	"sync"
	"time"

	"galaxy/backend/actors/kit"
)

// Clock is a clock that stands still until it is moved. Any goroutine may use it.
type Clock struct {
	hand sync.Mutex // held by whoever lets time pass

	mu      sync.Mutex
	origin  time.Time // what the wall clock would have shown at the beginning, had it always been as it is set now
	elapsed time.Duration
	moving  bool // somebody fires whatever is due
	started uint64
	timers  timers
}

// NewClock makes a clock that shows start.
func NewClock(start time.Time) *Clock { return &Clock{origin: start.Round(0)} }

// Now is the time that the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.origin.Add(c.elapsed)
}

// Elapsed is how far the clock was advanced.
func (c *Clock) Elapsed() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.elapsed
}

// AfterFunc calls f when the clock has been advanced by d. What is due already is fired at once, in a goroutine of its own.
func (c *Clock) AfterFunc(d time.Duration, f func()) kit.Stopper {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.started++
	t := &timer{clock: c, due: c.elapsed + max(d, 0), serial: c.started, fire: f}
	heap.Push(&c.timers, t)
	if d <= 0 && !c.moving {
		go c.Advance(0)
	}
	return t
}

// Advance lets d pass. It fires what comes due, one after the other in the order of time, and what these start if it comes
// due as well; while a timer fires, the clock shows the time for which it was set. Equal times are fired in the order in
// which they were started. Only what a timer does itself is done when Advance returns, and not what an actor does who was
// sent a tick. A timer must not advance the clock.
func (c *Clock) Advance(d time.Duration) {
	if d < 0 {
		panic("kittest: time does not pass backward; use Set for a step of the wall clock")
	}
	c.hand.Lock()
	defer c.hand.Unlock()
	end := c.Elapsed() + d
	for t := c.due(end); t != nil; t = c.due(end) {
		t.fire()
	}
}

// due takes the next timer until end. When there is none, end is reached.
func (c *Clock) due(end time.Duration) *timer {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.moving = len(c.timers) > 0 && c.timers[0].due <= end; !c.moving {
		c.elapsed = end
		return nil
	}
	t := heap.Pop(&c.timers).(*timer)
	c.elapsed = max(c.elapsed, t.due)
	return t
}

// Set makes the clock show t, later or earlier than now: a step of the wall clock, in which no time passes. So no timer
// fires, and none comes nearer or moves away.
func (c *Clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.origin = t.Round(0).Add(-c.elapsed)
}

// Pending counts the timers that are still to fire.
func (c *Clock) Pending() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.timers)
}

// Next is what the clock will show when the next timer fires, unless it is set before. It reports false when there is none.
func (c *Clock) Next() (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.timers) == 0 {
		return time.Time{}, false
	}
	return c.origin.Add(c.timers[0].due), true
}

type timer struct {
	clock  *Clock
	due    time.Duration // of what has elapsed
	serial uint64
	place  int // among those that are still to fire; -1 when it is none of them
	fire   func()
}

// Stop takes the timer back.
func (t *timer) Stop() bool {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	if t.place < 0 {
		return false
	}
	heap.Remove(&t.clock.timers, t.place)
	return true
}

// timers is a heap whose first is the next to fire.
type timers []*timer

func (h timers) Len() int { return len(h) }

func (h timers) Less(i, j int) bool {
	if h[i].due != h[j].due {
		return h[i].due < h[j].due
	}
	return h[i].serial < h[j].serial
}

func (h timers) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

func (h *timers) Push(t any) {
	t.(*timer).place = len(*h)
	*h = append(*h, t.(*timer))
}

func (h *timers) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	(*h)[last], *h = nil, (*h)[:last]
	t.place = -1
	return t
}
