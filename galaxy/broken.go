package galaxy

import (
	"fmt"
	"time"
)

// ScheduleBreak says that a schedule, which was accepted once, gives no tick: its time zone is gone from the machine, a
// release reads it no more, or it never comes due again. The game runs without a deadline until that is over.
type ScheduleBreak struct {
	Since time.Time
	// Cause is empty while the schedule may only be unreadable for the moment. Operators are alerted when it is set.
	Cause string
}

// Words give the cause for people.
func (b ScheduleBreak) Words() string {
	if b.Cause == "" {
		return "it cannot be read just now, and is tried again"
	}
	return b.Cause
}

// unreadableFor is how long a time zone may be unreadable before the schedule counts as broken.
const unreadableFor = 10 * time.Minute

// tick gives the first tick of the schedule after a time. It is the only way to a deadline of the schedule: one that
// gives no tick is marked, and one that does is no longer.
func (c *GameChange) tick(after time.Time, by By) (time.Time, bool) {
	next, err := c.Next.Schedule.Next(after)
	if err != nil {
		c.markBroken(err, by)
		return time.Time{}, false
	}
	c.Next.Runtime.Broken = nil
	return next, true
}

// markBroken notes that the schedule gives no tick. Operators are alerted once per break, when it is known not to pass
// by itself.
func (c *GameChange) markBroken(err error, by By) {
	r, b := &c.Next.Runtime, ScheduleBreak{Since: by.At}
	if r.Broken != nil {
		b = *r.Broken
	}
	if passes := Is(err, ServiceUnavailable); !passes || by.At.Sub(b.Since) >= unreadableFor {
		s := c.Next.Schedule
		cause := fmt.Sprintf("%.128q in time zone %.64q: %s", s.Cron, s.Zone, message(err))
		if b.Cause == "" {
			c.alert(ScheduleBroken, fmt.Sprintf("%s:%d", c.Next.ID, b.Since.UnixMicro()), by, Payload{Reason: cause})
		}
		b.Cause = cause
	}
	r.Broken = &b
}

// grace is Grace, and marks a schedule that it finds broken.
func (c *GameChange) grace(at time.Time, by By) time.Duration {
	grace, err := c.Next.grace(at)
	if err != nil && !Is(err, ServiceUnavailable) {
		c.markBroken(err, by)
	}
	return grace
}

// Grace is how long players have for their orders, at least, once orders are taken again: the smaller of two hours and
// a quarter of the time between two turns, unless the game has its own. With a schedule that is broken it is two hours.
func (g Game) Grace(now time.Time) time.Duration {
	grace, _ := g.grace(now)
	return grace
}

func (g Game) grace(now time.Time) (time.Duration, error) {
	if g.OrderGrace != nil {
		return *g.OrderGrace, nil
	}
	first, err := g.Schedule.Next(now)
	if err != nil {
		return defaultOrderGrace, err
	}
	second, err := g.Schedule.Next(first)
	if err != nil {
		return defaultOrderGrace, err
	}
	return min(defaultOrderGrace, second.Sub(first)/4), nil
}

// awaitsTick reports whether the game plays and has no deadline, although none is being consumed.
func (g Game) awaitsTick() bool {
	r := g.Runtime
	return g.Status == Running && r.Turn != NoTurn && r.Deadline == nil && (r.Op == nil || r.Op.Turn == 0)
}

// unscheduled reports whether the schedule must be asked again for a tick. A game without a mark that awaits one was
// stored by a release that had no marks.
func (g Game) unscheduled() bool { return !g.over() && (g.Runtime.Broken != nil || g.awaitsTick()) }

// Mend asks the schedule again of a game that it has given no tick. When it gives one, the mark goes, and a game that
// has no deadline gets one, no sooner than its grace; a deadline that somebody has set meanwhile stands, and a pause
// goes on.
func (g Game) Mend(by By) GameChange {
	if !g.unscheduled() {
		return GameChange{}
	}
	c := g.change(by, "game.schedule_mended")
	c.mend(by)
	was, is := g.Runtime.Broken, c.Next.Runtime.Broken
	switch {
	case is == nil:
		c.updated(by)
	case was != nil && *was == *is:
		return GameChange{}
	default:
		c.Audit[0].Action = "game.schedule_broken"
		c.Audit[0].After = map[string]any{"cause": is.Words()}
	}
	return c
}

func (c *GameChange) mend(by By) {
	after := by.At
	waits := c.Next.awaitsTick()
	if waits {
		after = after.Add(c.grace(by.At, by))
	}
	if next, ok := c.tick(after, by); ok && waits {
		c.Next.Runtime.setDeadline(next, by)
	}
}

// reschedule computes the next deadline anew. A game that is paused forgets how much time was left.
func (c *GameChange) reschedule(by By) {
	r := &c.Next.Runtime
	r.Remaining = nil
	if r.Deadline == nil || r.closed(by.At) {
		if c.Next.unscheduled() {
			c.mend(by)
		}
		return
	}
	if next, ok := c.tick(by.At, by); ok {
		r.setDeadline(next, by)
	}
}
