package galaxy

import (
	"fmt"
	"time"
)

// Explanation says what a game does or waits for.
type Explanation struct {
	Code   WhyCode
	Text   string // for operators
	Public string // for players: the same without what is none of their business
	Since  time.Time
	Next   string     // what happens next
	NextAt *time.Time // when, if that is known
}

// What is not recorded as such, but follows from what is.
const (
	WhyEnrolling WhyCode = "enrolling"  // the lobby waits for players
	WhyEarly     WhyCode = "early_turn" // everybody is ready, and may still change their mind
	WhyLate      WhyCode = "deadline_passed"
)

// Explain says in a sentence what the game does or waits for at now, since when, and what happens next.
func (g Game) Explain(now time.Time) Explanation {
	r := g.Runtime
	e := Explanation{Code: r.Why, Text: r.WhyText, Since: r.WhySince}
	if r.Why == WhyIdle {
		return g.explainLobby(e)
	}
	if r.Why == WhyDeadline {
		e = g.explainDeadline(e, now)
	} else if told, ok := told[r.Why]; ok {
		e.Public, e.Next = told.public, told.next
	}
	if op := r.Op; op != nil && op.Kind == OpStop && r.Why != WhyDriverUnknown {
		e.Next = "the engine ends, which takes as long as it needs to write its state"
	}
	if g.Status == Paused && r.Op == nil && r.Why != WhyMismatch {
		e.Next = "the game goes on when its owner or an operator resumes it"
	}
	if g.Status == Cancelled {
		e.Public, e.Next = "the game is cancelled", "its container is taken away after a while; its state is kept"
	}
	if e.Text == "" {
		e.Text = e.Public
	}
	return e
}

func (g Game) explainLobby(e Explanation) Explanation {
	e.Code = WhyEnrolling
	switch g.Status {
	case Draft:
		e.Public, e.Next = "the game is being prepared", "its maker opens the enrolment"
	case EnrollmentOpen:
		e.Public, e.Next, e.NextAt = "players can join", "the game starts by itself when enough players are in, or is cancelled at the end of the enrolment", g.EnrollmentOver()
	case ReadyToStart:
		e.Public, e.Next = "the players are in", "the game is started by its owner or an operator"
	default:
		e.Code, e.Public, e.Next = WhyIdle, "nothing is wanted of an engine", "nothing"
	}
	if e.Text == "" {
		e.Text = e.Public
	}
	return e
}

func (g Game) explainDeadline(e Explanation, now time.Time) Explanation {
	r := g.Runtime
	due := r.DueAt()
	if due == nil {
		e.Public, e.Next = "orders are open", "an operator forces the next turn: the schedule names no further one"
		return e
	}
	e.NextAt = due
	e.Public, e.Next = "orders are open until the deadline", fmt.Sprintf("turn %d is made", r.Turn+1)
	switch {
	case !now.Before(*due):
		e.Code = WhyLate
		e.Text = "the deadline has passed, and the turn waits for the orders that the engine has not answered yet"
		e.Public = "the deadline has passed"
	case r.EarlyAt != nil && due.Equal(*r.EarlyAt):
		e.Code = WhyEarly
		e.Text = "everybody is ready: the turn is made early unless somebody takes the mark back"
		e.Public = e.Text
	case r.Makeup:
		e.Text = "orders are open until the deadline, which stands for those that passed in an outage"
	}
	return e
}

// told is what players hear, and what comes next, while a game waits for something.
var told = map[WhyCode]struct{ public, next string }{
	WhyStarting:       {"the game is being started", "the engine answers, and turn 0 is recorded; or the start fails in time"},
	WhyGenerating:     {"the turn is being made", "the engine answers, the turn is recorded, and everybody is told"},
	WhyRestarting:     {"the game's engine is being restarted", "it is asked what it holds, and orders are open again; after too many deaths the game is paused"},
	WhyPatching:       {"the game's engine is being updated", "the new engine must show the same turn, or else the old one is put back; then orders are open again"},
	WhyDriverUnknown:  {"the game's engine cannot be reached right now", "the container daemon is asked again every few seconds; nothing is restarted or paused until it answers"},
	WhyMismatch:       {"the game is held for an operator to look at", "an operator compares the state directory with the record, sets it right, and resumes the game"},
	WhyGenerationFail: {"the turn could not be made", "the game is resumed, orders reopen for a while, and the turn is tried again"},
	WhyUnreachable:    {"the game's engine cannot be reached", "the game is resumed, which starts its engine again"},
	WhyStopped:        {"the game's engine is stopped", "the game is resumed, which starts its engine again"},
	WhyPaused:         {"the game is paused", "the game is resumed"},
	WhyResuming:       {"the game is about to go on", "its engine says what it holds, and orders are open again"},
	WhyFinished:       {"the game is over", "its container is taken away after a while; its state and its reports are kept"},
	WhyStartFailed:    {"the start has failed", "the start is tried again, or the game is made ready to start"},
	WhyRemoved:        {"the game is over", "nothing: the state is kept"},
}
