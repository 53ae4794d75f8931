package galaxy

import (
	"fmt"
	"time"
)

// Capacity is how many seats there are: those beyond MaxPlayers are for the gap that a full game waits.
func (g Game) Capacity() int {
	if g.StartGapHours == 0 {
		return g.MaxPlayers
	}
	return g.MaxPlayers + g.StartGapPlayers
}

// arrange begins the gap before an automatic start when max_players are in, and voids it when they are no longer.
func (c *GameChange) arrange(by By) {
	g, at := &c.Next, by.At
	switch full := len(g.Active()) >= g.MaxPlayers; {
	case g.Status != EnrollmentOpen || !full:
		g.GapSince = nil
	case g.GapSince == nil:
		g.GapSince = &at
	}
}

// EnrollmentOver gives when the enrolment ends by itself, as things stand; nil when it is not open. The gap of a full
// game ends after start_gap_hours or when its own seats are taken, if it has any, and never after the enrolment.
func (g Game) EnrollmentOver() *time.Time {
	if g.Status != EnrollmentOpen {
		return nil
	}
	end := g.EnrollmentEndsAt
	if g.GapSince == nil {
		return end
	}
	over := g.GapSince.Add(time.Duration(g.StartGapHours) * time.Hour)
	if g.StartGapPlayers > 0 && len(g.Active()) >= g.Capacity() {
		over = *g.GapSince
	}
	return earlier(end, &over)
}

// WakeAt gives when the lobby must look at the game although nobody asks: the enrolment ends, or an invite. nil is never.
func (g Game) WakeAt() *time.Time {
	at := g.EnrollmentOver()
	for _, i := range g.Invites {
		at = earlier(at, &i.ExpiresAt)
	}
	return at
}

func earlier(a, b *time.Time) *time.Time {
	if a == nil || b != nil && b.Before(*a) {
		return b
	}
	return a
}

// StartsBy reports whether the game is to start by itself at now.
func (g Game) StartsBy(now time.Time) bool {
	over := g.EnrollmentOver()
	return over != nil && !now.Before(*over) && len(g.Active()) >= g.MinPlayers && g.Runtime.Op == nil
}

// AutoStart starts a game whose enrolment is over. Without an engine version to start it on, which err explains, the
// start has failed.
func (g Game) AutoStart(v EngineVersion, err error, by By) GameChange {
	if !g.StartsBy(by.At) {
		return GameChange{}
	}
	if err == nil {
		return g.begin(v, "game.auto_start", by)
	}
	c := g.change(by, "game.auto_start")
	c.Next.Status, c.Next.Reason = StartFailed, "the start failed: "+message(err)
	c.closeEnrollment(by)
	c.Next.Runtime.note(WhyStartFailed, c.Next.Reason, by)
	c.audit(by, "runtime.start_failed", nil, nil)
	c.alert(StartConfigInvalid, fmt.Sprintf("%s:v%d", g.ID, g.Version), by, Payload{Reason: message(err)})
	c.updated(by)
	return c
}

// Lapse decides on what has lapsed by now: a game whose enrolment has ended with too few players is cancelled; invites
// expire. A game that is to start by itself is AutoStart's.
func (g Game) Lapse(by By) GameChange {
	switch over := g.EnrollmentOver(); {
	case over == nil, g.StartsBy(by.At):
		return GameChange{}
	case !by.At.Before(*over):
		c, err := g.Cancel("enrollment_expired", by)
		if err != nil {
			return GameChange{}
		}
		c.Audit[0].Action = "game.enrollment_expired"
		return c
	}
	c := g.change(by, "game.invites_expired")
	for _, i := range g.Invites {
		if past(&i.ExpiresAt, by.At) {
			c.answer(i, InviteExpired, by)
		}
	}
	if len(c.Invites) == 0 {
		return GameChange{}
	}
	return c
}
