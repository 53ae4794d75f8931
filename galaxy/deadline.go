package galaxy

import "time"

// CatchUp is what becomes of the ticks that an outage of the service has swallowed.
type CatchUp string

// The ways to catch up.
const (
	CatchUpRunOnce CatchUp = "run_once" // one turn for all of them, and then the schedule
	CatchUpSkip    CatchUp = "skip"     // none: the next tick is waited for
	CatchUpShift   CatchUp = "shift"    // the deadline moves by as long as the outage was
)

// Outage is a time in which no backend served.
type Outage struct{ From, To time.Time }

// Interruption is how long players must have been kept from giving orders before they are given time for it again: nobody
// is to notice a restart.
const Interruption = time.Minute

// maxSkipped bounds the lines of the timeline that one outage makes.
const maxSkipped = 100

// longestMove bounds how far ahead a deadline can be moved.
const longestMove = 366 * 24 * time.Hour

// DueAt gives when the next turn is made, as things stand; nil when none is waited for.
func (r Runtime) DueAt() *time.Time { return earlier(r.Deadline, r.EarlyAt) }

// setDeadline determines when the next turn is due.
func (r *Runtime) setDeadline(at time.Time, by By) {
	set := by.At
	r.Deadline, r.DeadlineSetAt, r.Makeup = &at, &set, false
}

// noDeadline takes the deadline away.
func (r *Runtime) noDeadline() { r.Deadline, r.EarlyAt, r.Makeup = nil, nil, false }

// MoveDeadline sets when turn is due, which must be the next one. The schedule goes on after that. The deadline of a
// game whose schedule is broken is set like that too: the game stays marked, for after that turn there is no deadline
// again.
func (g Game) MoveDeadline(turn int, at time.Time, by By) (GameChange, error) {
	if err := g.manages(by); err != nil {
		return GameChange{}, err
	}
	r := g.Runtime
	switch {
	case g.Status != Running:
		return GameChange{}, g.cannot("have its deadline moved")
	case turn <= r.Turn, turn == r.Turn+1 && r.closed(by.At):
		return GameChange{}, Errorf(TurnAlreadyClosed, "turn %d is closed", turn)
	case turn != r.Turn+1:
		return GameChange{}, Errorf(Conflict, "turn %d is not next: turn %d is", turn, r.Turn+1)
	case r.Op != nil:
		return GameChange{}, g.busy()
	case !at.After(by.At):
		return GameChange{}, Errorf(InvalidRequest, "deadline must be in the future")
	case at.Sub(by.At) > longestMove:
		return GameChange{}, Errorf(InvalidRequest, "deadline must be within a year")
	case sameTime(r.Deadline, &at) && !r.Makeup:
		return GameChange{}, nil
	}
	c := g.change(by, "game.move_deadline")
	c.Audit[0].Before = map[string]any{"deadline": r.Deadline}
	c.Audit[0].After = map[string]any{"deadline": at, "turn": turn}
	c.Next.Runtime.setDeadline(at, by)
	c.updated(by)
	return c, nil
}

// closed reports whether no orders are taken any more for the turn being prepared.
func (r Runtime) closed(now time.Time) bool {
	due := r.DueAt()
	return r.Op != nil && r.Op.Turn > 0 || due != nil && !now.Before(*due)
}

// scheduleAfter opens orders until the first tick after a time. When the turn just made stood for swallowed ticks, a tick
// that is nearer than half an interval is skipped.
func (c *GameChange) scheduleAfter(after time.Time, makeup bool, by By) {
	r := &c.Next.Runtime
	r.Status, r.ClosedSince = RuntimeRunning, nil
	r.noDeadline()
	if next, ok := c.tick(after, by); ok {
		if makeup {
			if following, ok := c.tick(next, by); ok && next.Sub(after) < following.Sub(next)/2 {
				c.skip(next, "catch_up", by)
				next = following
			}
		}
		r.setDeadline(next, by)
	}
	r.note(WhyDeadline, "orders are open until the deadline", by)
}

// skip notes a tick at which no turn is made.
func (c *GameChange) skip(tick time.Time, cause string, by By) {
	r := c.Next.Runtime
	c.Timeline = append(c.Timeline, TimelineEntry{Epoch: r.Epoch, Turn: r.Turn + 1, Outcome: TimelineSkipped, Cause: cause, By: by.Principal, Deadline: &tick, At: by.At})
}

// CatchUpWith decides on what outages, in the order of time, mean for the deadline. An outage counts once, and one that is
// shorter than an Interruption not at all: then the turn is made late.
func (g Game) CatchUpWith(outages []Outage, by By) GameChange {
	if r := g.Runtime; g.Status != Running || r.Deadline == nil || r.DeadlineSetAt != nil && !r.DeadlineSetAt.Before(outages[len(outages)-1].To) {
		return GameChange{}
	}
	c := g.change(by, "game.catch_up")
	moved := false
	for _, o := range outages {
		moved = c.catchUp(o, by) || moved
	}
	if !moved {
		return GameChange{}
	}
	c.Next.Runtime.DeadlineSetAt = new(latest(by.At, outages[len(outages)-1].To))
	c.Audit[0].Before = map[string]any{"deadline": g.Runtime.Deadline}
	c.Audit[0].After = map[string]any{"deadline": c.Next.Runtime.Deadline, "catch_up": g.CatchUp}
	c.updated(by)
	return c
}

func (c *GameChange) catchUp(o Outage, by By) bool {
	g, r := &c.Next, &c.Next.Runtime
	if g.Status != Running || r.Op != nil && r.Op.Turn > 0 || r.Deadline == nil || o.To.Sub(o.From) < Interruption ||
		r.DeadlineSetAt != nil && !r.DeadlineSetAt.Before(o.To) {
		return false
	}
	due, reopened := *r.Deadline, o.To.Add(c.grace(o.To, by))
	next, makeup, ticks := due, r.Makeup, true
	switch missed := due.Before(o.To); {
	case g.CatchUp == CatchUpShift:
		next = due.Add(o.To.Sub(o.From))
	case missed && g.CatchUp == CatchUpSkip:
		c.skip(due, "outage", by)
		next, ticks = c.swallowed(due, o, by)
	case missed:
		_, _ = c.swallowed(due, o, by)
		makeup = true
	}
	if !ticks {
		r.noDeadline()
		r.DeadlineSetAt = new(o.To)
		return true
	}
	next = latest(next, reopened)
	if next.Equal(due) {
		return false
	}
	r.setDeadline(next, by)
	r.DeadlineSetAt, r.Makeup = new(o.To), makeup
	return true
}

// swallowed notes the ticks after due that came in the outage, and gives the first one after it; false when there is
// none.
func (c *GameChange) swallowed(due time.Time, o Outage, by By) (time.Time, bool) {
	at := due
	for n := 0; ; n++ {
		tick, ok := c.tick(at, by)
		if !ok || !tick.Before(o.To) {
			return tick, ok
		}
		if n == maxSkipped {
			return c.tick(o.To, by)
		}
		c.skip(tick, "outage", by)
		at = tick
	}
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// reopened gives players time for their orders after an interruption in which they could not give any.
func (c *GameChange) reopened(by By) {
	r := &c.Next.Runtime
	since := r.ClosedSince
	r.ClosedSince = nil
	if since == nil || r.Deadline == nil || c.Next.Status != Running || by.At.Sub(*since) < Interruption {
		return
	}
	if earliest := by.At.Add(c.grace(by.At, by)); r.Deadline.Before(earliest) {
		makeup := r.Makeup
		r.setDeadline(earliest, by)
		r.Makeup = makeup
		c.updated(by)
	}
}
