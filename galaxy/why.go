package galaxy

import (
	"fmt"
	"time"
)

// Explanation says what a game does or waits for.
type Explanation struct {
	Code    WhyCode
	Since   time.Time
	Text    string     // what it does or waits for, for operators
	Next    string     // what happens next, for operators
	Players Sentences  // the same for players: without what is none of their business
	NextAt  *time.Time // when it happens, if that is known
}

// Moment is what an explanation depends on beside the game.
type Moment struct {
	Now     time.Time
	DiskLow bool // there is too little room for the state of another game
}

// Sentences are an explanation's words.
type Sentences struct{ Text, Next string }

// What is not recorded as such, but follows from what is.
const (
	WhyEnrolling WhyCode = "enrolling"  // the lobby waits for players
	WhyEarly     WhyCode = "early_turn" // everybody is ready, and may still change their mind
	WhyLate      WhyCode = "deadline_passed"
	WhyDiskLow   WhyCode = "disk_low" // the game would start, but there is no room for its state
	WhyNoTick    WhyCode = "schedule_broken"
)

// Explain says in a sentence what the game does or waits for, since when, and what happens next.
func (g Game) Explain(m Moment) Explanation {
	r := g.Runtime
	e := Explanation{Code: r.Why, Text: r.WhyText, Since: r.WhySince}
	switch r.Why {
	case WhyIdle:
		g.explainLobby(&e, m)
	case WhyDeadline:
		g.explainDeadline(&e, m.Now)
	default:
		e.Players, e.Next = told[r.Why].players, told[r.Why].operators
	}
	if op := r.Op; op != nil && op.Kind == OpStop && r.Why != WhyDriverUnknown && r.Why != WhyIdle {
		e.then("the engine ends, which takes as long as it needs to write its state", "")
	}
	if g.Status == Paused && r.Op == nil && r.Why != WhyMismatch {
		e.then("the game goes on when its owner or an operator resumes it", "")
	}
	if g.Status == Cancelled {
		e.Players.Text = "the game is cancelled"
		e.then("its container is taken away after a while; its state is kept", "nothing")
	}
	if e.Text == "" {
		e.Text = e.Players.Text
	}
	if e.Players.Next == "" {
		e.Players.Next = e.Next
	}
	return e
}

// then says what happens next, to players in other words if there are any.
func (e *Explanation) then(next, players string) { e.Next, e.Players.Next = next, players }

func (g Game) explainLobby(e *Explanation, m Moment) {
	e.Code = WhyEnrolling
	if m.DiskLow && g.StartsBy(m.Now) {
		e.Code, e.Text, e.Players.Text = WhyDiskLow, "the game is to start, but there is too little room for its state", "the game is about to start"
		e.then("it starts by itself when an operator has made room", "it starts by itself as soon as the service has room for it")
		return
	}
	switch g.Status {
	case Draft:
		e.Players.Text, e.Next = "the game is being prepared", "its maker opens the enrolment"
	case EnrollmentOpen:
		e.Players.Text, e.Next, e.NextAt = "players can join", "the game starts by itself when enough players are in, or is cancelled at the end of the enrolment", g.EnrollmentOver()
	case ReadyToStart:
		e.Players.Text, e.Next = "the players are in", "the game is started by its owner or an operator"
	default:
		e.Code, e.Players.Text, e.Next = WhyIdle, "nothing is wanted of an engine", "nothing"
	}
}

func (g Game) explainDeadline(e *Explanation, now time.Time) {
	r := g.Runtime
	due := r.DueAt()
	if due == nil {
		e.explainBroken(r)
		return
	}
	e.NextAt = due
	e.Players.Text, e.Next = "orders are open until the deadline", fmt.Sprintf("turn %d is made", r.Turn+1)
	switch {
	case !now.Before(*due):
		e.Code = WhyLate
		e.Text = "the deadline has passed, and the turn waits for the orders that the engine has not answered yet"
		e.Players.Text = "the deadline has passed"
	case r.EarlyAt != nil && due.Equal(*r.EarlyAt):
		e.Code = WhyEarly
		e.Text = "everybody is ready: the turn is made early unless somebody takes the mark back"
		e.Players.Text = e.Text
	case r.Makeup:
		e.Text = "orders are open until the deadline, which stands for those that passed in an outage"
	}
}

// explainBroken explains a game that has no deadline, for its schedule gives none.
func (e *Explanation) explainBroken(r Runtime) {
	e.Code = WhyNoTick
	e.Text = "orders are open without a deadline, for the schedule gives none"
	e.Players.Text = e.Text
	if b := r.Broken; b != nil {
		e.Since, e.Text = b.Since, e.Text+": "+b.Words()
	}
	const heals = "it gets a deadline by itself when its schedule can be used again, or when another one is set"
	e.then(heals+"; until then a deadline can be set for one turn, or the turn forced", heals)
}

// told is what players hear while a game waits for something and what comes next, and what comes next as operators hear it.
var told = map[WhyCode]struct {
	players   Sentences
	operators string
}{
	WhyStarting: {Sentences{"the game is being started", "its first reports come, or its maker is told why it cannot start"},
		"the engine answers, and turn 0 is recorded; or the start fails in time"},
	WhyGenerating: {Sentences{"the turn is being made", "everybody is told that it is made"},
		"the engine answers, the turn is recorded, and everybody is told"},
	WhyRestarting: {Sentences{"the game's engine is being restarted", "orders are open again; if that does not succeed, the game is paused"},
		"it is asked what it holds, and orders are open again; after too many deaths the game is paused"},
	WhyPatching: {Sentences{"the game's engine is being updated", "orders are open again"},
		"the new engine must show the same turn, or else the old one is put back; then orders are open again"},
	WhyDriverUnknown: {Sentences{"the game's engine cannot be reached right now", "it is tried again every few seconds"},
		"both are asked again every few seconds; until one answers nothing is restarted or paused, and no turn is made"},
	WhyMismatch: {Sentences{"the game is held for an operator to look at", "the operator resumes it, and orders are open again for a while"},
		"an operator compares the state directory with the record, sets it right, and resumes the game"},
	WhyGenerationFail: {Sentences{Text: "the turn could not be made"},
		"the game is resumed, orders reopen for a while, and the turn is tried again"},
	WhyUnreachable: {Sentences{"the game's engine cannot be reached", "the game is resumed, and orders are open again"},
		"the game is resumed, which starts its engine again"},
	WhyStopped: {Sentences{"the game's engine is stopped", "the game is resumed, and orders are open again"},
		"the game is resumed, which starts its engine again"},
	WhyPaused:   {Sentences{Text: "the game is paused"}, "the game is resumed"},
	WhyResuming: {Sentences{"the game is about to go on", "orders are open again"}, "its engine says what it holds, and orders are open again"},
	WhyFinished: {Sentences{"the game is over", "nothing: its reports can still be read"},
		"its container is taken away after a while; its state and its reports are kept"},
	WhyReports: {Sentences{"the game is over", "an operator sees to the reports that are missing"},
		"an operator sees what keeps them from being read, and restarts the engine; its container is kept until then"},
	WhyStartFailed: {Sentences{Text: "the start has failed"}, "the start is tried again, or the game is made ready to start"},
	WhyRemoved:     {Sentences{"the game is over", "nothing: its reports can still be read"}, "nothing: the state is kept"},
}
