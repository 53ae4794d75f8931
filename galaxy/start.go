package galaxy

import (
	"fmt"
	"slices"
)

// ForceStart starts a game whatever its minimum, with at least two players, on the engine version given.
func (g Game) ForceStart(v EngineVersion, by By) (GameChange, error) {
	if g.Status != EnrollmentOpen && g.Status != ReadyToStart && g.Status != StartFailed {
		return GameChange{}, g.cannot("be started")
	}
	return g.startWith(v, lowestMinPlayers, "game.force_start", by)
}

// Start starts a game that is ready to, with its least number of players, on the engine version given.
func (g Game) Start(v EngineVersion, by By) (GameChange, error) {
	return g.startFrom(ReadyToStart, v, "game.start", by)
}

// RetryStart is Start after a start that failed.
func (g Game) RetryStart(v EngineVersion, by By) (GameChange, error) {
	return g.startFrom(StartFailed, v, "game.retry_start", by)
}

func (g Game) startFrom(status GameStatus, v EngineVersion, action string, by By) (GameChange, error) {
	if err := g.manages(by); err != nil {
		return GameChange{}, err
	}
	if g.Status != status {
		return GameChange{}, g.cannot("be started like that")
	}
	return g.startWith(v, g.MinPlayers, action, by)
}

func (g Game) startWith(v EngineVersion, least int, action string, by By) (GameChange, error) {
	if len(g.Active()) < least {
		return GameChange{}, g.tooFew(least)
	}
	if g.Runtime.Op != nil {
		return GameChange{}, g.busy()
	}
	return g.begin(v, action, by), nil
}

// What a game waits for while it is started, and resumed.
const (
	startUnderWay  = "the engine is being started"
	resumeUnderWay = "the game goes on as soon as its engine answers"
)

// begin is the start of a game that may start.
func (g Game) begin(v EngineVersion, action string, by By) GameChange {
	c := g.change(by, action)
	c.Next.Status, c.Next.Reason = Starting, ""
	c.closeEnrollment(by)
	c.updated(by)
	r := &c.Next.Runtime
	r.Pin = *v.pin()
	r.Status = RuntimeStarting
	r.begin(Operation{Kind: OpStart}, by)
	r.note(WhyStarting, startUnderWay, by)
	return c
}

// EngineUp decides what an engine that has come up, and said what it holds, means for the game: a start that
// succeeded, a restart that is over, a turn that was made after all, or a state that is not the recorded one.
func (g Game) EngineUp(s EngineStatus, by By) GameChange {
	r := g.Runtime
	switch {
	case r.Held(), g.over():
		return GameChange{}
	case r.Op != nil && (r.Op.Kind == OpStop || r.Op.Kind == OpPatch || r.Op.Kind == OpRemove):
		return GameChange{}
	case r.Turn == NoTurn:
		return g.started(s, by)
	}
	switch r.Compare(g.ID, s) {
	case ShowsRecorded:
		if s.Finished {
			return g.ends(s, by)
		}
		return g.back(s, by)
	case ShowsNext:
		return g.adopt(s, by)
	default:
		return g.hold(s, by)
	}
}

// started records turn 0 of a game whose engine was just initialised.
func (g Game) started(s EngineStatus, by By) GameChange {
	if s.Game != g.ID || s.Turn != 0 || !g.SameRoster(s.Players) {
		return g.StartFailed("its engine came up with another game than was asked for", "", by)
	}
	c := g.change(by, "runtime.started")
	c.Next.Status = Running
	r := &c.Next.Runtime
	at := by.At
	r.StartedAt, r.Op = &at, nil
	c.recordTurn(s, by)
	c.scheduleAfter(by.At, false, by)
	c.updated(by)
	return c
}

// SameRoster reports whether an engine holds exactly the game's active races.
func (g Game) SameRoster(players []EnginePlayer) bool {
	return SameRaces(g.Races(), players)
}

// Races names the active members' races.
func (g Game) Races() []string {
	var races []string
	for _, m := range g.Active() {
		races = append(races, m.Race)
	}
	return races
}

// SameRaces reports whether an engine holds exactly these races, in any order.
func SameRaces(races []string, players []EnginePlayer) bool {
	var have []string
	for _, p := range players {
		have = append(have, p.Race)
	}
	return slices.Equal(slices.Sorted(slices.Values(races)), slices.Sorted(slices.Values(have)))
}

// back is the engine serving again at the recorded turn. An open claim is tried again, as a new attempt.
func (g Game) back(s EngineStatus, by By) GameChange {
	c := g.comesBack(by)
	seen := GameChange{Next: g}
	if !c.Nothing() {
		seen = c
	}
	if seen.observe(s.Players) {
		seen.Next.UpdatedAt = by.At
		return seen
	}
	return c
}

func (g Game) comesBack(by By) GameChange {
	if op := g.Runtime.Op; op != nil && op.Kind == OpResume {
		return g.resumed(by)
	}
	if g.Runtime.Op != nil && g.Runtime.Op.Kind == OpTurn {
		return g.retryTurn(by)
	}
	if g.Status == Paused {
		return g.waits(by)
	}
	if g.Runtime.Status == RuntimeRunning && g.Runtime.Why == WhyDeadline {
		return GameChange{}
	}
	c := g.change(by, "runtime.back")
	c.Next.Runtime.reopen()
	c.Next.Runtime.Status = RuntimeRunning
	c.Next.Runtime.note(WhyDeadline, "orders are open until the deadline", by)
	c.reopened(by)
	c.countReady(by)
	return c
}

// waits is the engine serving again while the game is paused.
func (g Game) waits(by By) GameChange {
	r := g.Runtime
	if r.Status != RuntimeStarting && r.Status != RuntimeGenerating && r.Why != WhyDriverUnknown {
		return GameChange{}
	}
	c := g.change(by, "runtime.back")
	if op := r.Op; op != nil && op.Kind == OpRestart {
		c.Next.Runtime.reopen()
	}
	if r.Status != RuntimeFailed {
		c.Next.Runtime.Status = RuntimeRunning
	}
	c.notePaused(by)
	return c
}

// EngineDown records that the engine died and is being restarted. Nothing but its state changes.
func (g Game) EngineDown(cause, log string, by By) GameChange {
	failure := &Failure{At: by.At, Cause: cause, Log: log}
	if s := g.Runtime.Status; s != RuntimeRunning && s != RuntimeGenerating {
		if s != RuntimeStarting || g.Runtime.Op != nil && g.Runtime.Op.Kind == OpStop {
			return GameChange{}
		}
		c := g.change(by, "runtime.restarting") // it dies again and again
		c.Audit[0].After = map[string]any{"cause": cause}
		c.Next.Runtime.Failure = failure
		if g.Runtime.Why == WhyDriverUnknown { // the daemon has told of it
			c.Next.Runtime.note(WhyRestarting, "the engine is being restarted: "+cause, by)
		}
		return c
	}
	c := g.change(by, "runtime.restarting")
	c.Audit[0].After = map[string]any{"cause": cause}
	r := &c.Next.Runtime
	r.Status = RuntimeStarting
	r.Failure = failure
	r.close(by)
	r.note(WhyRestarting, "the engine is being restarted: "+cause, by)
	return c
}

// LastWords adds what the engine had said to how it died, which was for that cause.
func (g Game) LastWords(cause, log string, by By) GameChange {
	f := g.Runtime.Failure
	if f == nil || f.Log != "" || f.Cause != cause {
		return GameChange{}
	}
	c := GameChange{Next: g}
	c.Next.UpdatedAt = by.At
	c.Next.Runtime.Failure = &Failure{At: f.At, Cause: f.Cause, Log: log}
	return c
}

// DriverUnknown records that the container daemon does not answer. Nothing is concluded from that.
func (g Game) DriverUnknown(by By) GameChange {
	if g.Runtime.Why == WhyDriverUnknown || g.Runtime.Held() || g.over() {
		return GameChange{}
	}
	c := GameChange{Next: g}
	c.Next.UpdatedAt = by.At
	if g.Status == Running && g.Runtime.Status == RuntimeRunning {
		c.Next.Runtime.close(by) // it is told of an engine that does not answer either
	}
	c.Next.Runtime.note(WhyDriverUnknown, "neither the engine nor the container daemon answers: nothing is known of the engine until one of them does", by)
	return c
}

// DriverKnown records that the container daemon answers again, so that what it was to do goes on. Nothing is known of the engine yet:
// a game that is played waits for that.
func (g Game) DriverKnown(by By) GameChange {
	op := g.Runtime.Op
	if g.Runtime.Why != WhyDriverUnknown || op == nil {
		return GameChange{}
	}
	c := GameChange{Next: g}
	c.Next.UpdatedAt = by.At
	switch op.Kind {
	case OpStart:
		c.Next.Runtime.note(WhyStarting, startUnderWay, by)
	case OpResume:
		c.Next.Runtime.note(WhyResuming, resumeUnderWay, by)
	case OpPatch:
		c.Next.Runtime.note(WhyPatching, g.Runtime.patching(), by)
	default:
		return GameChange{}
	}
	return c
}

// EngineGone decides on an engine that could not be brought up again: a first start has failed, and a game that
// ran is paused. An open claim stays open, for only the engine knows whether the turn was made.
func (g Game) EngineGone(cause string, by By) GameChange {
	if g.Runtime.Op != nil && g.Runtime.Op.Kind == OpStop {
		return GameChange{}
	}
	if g.Status == Starting {
		return g.StartFailed("its engine did not come up", cause, by)
	}
	if g.over() {
		return g.unreadable(cause, by)
	}
	if g.Status != Running && g.Status != Paused {
		return GameChange{}
	}
	c := g.change(by, "runtime.engine_unreachable")
	c.Next.Runtime.Status, c.Next.Runtime.Patch = RuntimeUnreachable, nil
	c.Next.Runtime.keepCopy()
	c.Next.Runtime.reopen()
	c.breakOff(EngineUnreachableNotice, WhyUnreachable, "the engine could not be brought up again: "+cause, by)
	return c
}

// EngineRefused is EngineGone for an engine that would not come up if it were tried again; kind says what operators are told
// of the start, or restart.
func (g Game) EngineRefused(kind Kind, cause string, by By) GameChange {
	c := g.EngineGone(cause, by)
	for i, n := range c.Notices {
		if n.Kind == ContainerStartFailed || n.Kind == EngineUnreachableNotice {
			c.Notices[i].Kind, c.Notices[i].Payload.ImageRef = kind, g.Runtime.ImageRef
		}
	}
	return c
}

// StartFailed takes a start back: the container is stopped, its state kept. Everybody may read reason; operators also read the
// cause, which may be empty.
func (g Game) StartFailed(reason, cause string, by By) GameChange {
	if g.Status != Starting {
		return GameChange{}
	}
	c := g.change(by, "runtime.start_failed")
	c.Next.Status, c.Next.Reason = StartFailed, reason
	c.updated(by)
	r := &c.Next.Runtime
	if cause != "" {
		reason += ": " + cause
		if r.Failure == nil || r.Failure.Cause != cause {
			r.Failure = &Failure{At: by.At, Cause: cause}
		}
	}
	r.begin(Operation{Kind: OpStop}, by)
	r.note(WhyStartFailed, "the start failed: "+reason, by)
	if by.Kind == BySystem {
		c.alert(ContainerStartFailed, fmt.Sprintf("%s:%d", g.ID, r.OpNumber), by, Payload{Reason: reason})
	}
	return c
}

// ForceStop fails a start that is under way, or pauses a game and stops its engine. A turn whose making has begun
// stays claimed: whether it was made is found out when the engine next comes up.
func (g Game) ForceStop(by By) (GameChange, error) {
	r := g.Runtime
	switch {
	case r.Op != nil && (r.Op.Kind == OpStop || r.Op.Kind == OpPatch || r.Op.Kind == OpRemove):
		return GameChange{}, g.busy()
	case g.Status == Starting:
		return g.StartFailed("stopped by an operator", "", by), nil
	case g.Status != Running && g.Status != Paused:
		return GameChange{}, g.cannot("be stopped")
	case r.Status == RuntimeStopped, r.Status == RuntimeRemoved:
		return GameChange{}, Errorf(Conflict, "the engine is stopped already")
	}
	c := g.change(by, "game.force_stop")
	c.Next.Runtime.begin(r.carrying(OpStop), by)
	c.pause(WhyStopped, "the engine was stopped by an operator", by)
	return c, nil
}

// Stopped records that the container of operation number has ended.
func (g Game) Stopped(number int64, by By) GameChange {
	op := g.Runtime.Op
	if op == nil || op.Kind != OpStop || op.Number != number {
		return GameChange{}
	}
	c := g.change(by, "runtime.stopped")
	c.Next.Runtime.Status = RuntimeStopped
	c.Next.Runtime.reopen()
	if g.Runtime.Why == WhyDriverUnknown { // the daemon has done it
		c.Next.Runtime.note(g.stops(by))
	}
	return c
}

// stops tells why a game whose engine has stopped goes no further by itself.
func (g Game) stops(by By) (WhyCode, string, By) {
	if g.Status == StartFailed {
		why := "the start failed: " + g.Reason
		if f := g.Runtime.Failure; f != nil {
			why += ": " + f.Cause
		}
		return WhyStartFailed, why, by
	}
	return WhyStopped, "the engine is stopped", by
}

func (r *Runtime) note(code WhyCode, text string, by By) {
	if r.Why != code || r.WhyText != text {
		r.Why, r.WhyText, r.WhySince = code, text, by.At
	}
}

// over reports whether the game has ended.
func (g Game) over() bool { return g.Status == Finished || g.Status == Cancelled }

// Held reports whether the game waits for an operator because its engine shows another state than recorded.
func (r Runtime) Held() bool { return r.Why == WhyMismatch }

// Wanted reports whether the game has use for a living engine: to play, to settle what is open, or to be read.
func (g Game) Wanted() bool {
	if op := g.Runtime.Op; op != nil && op.Kind != OpTurn {
		return true
	}
	switch g.Runtime.Status {
	case RuntimeStarting, RuntimeRunning, RuntimeGenerating, RuntimeFailed:
		return true
	case RuntimeFinished: // until its reports are stored
		_, wanted := g.ReportsWanted()
		return wanted && g.Runtime.Why != WhyReports
	}
	return false
}

func (g Game) busy() error {
	return Errorf(Conflict, "the game is busy: a %s has been going on since %s", g.Runtime.Op.Kind, g.Runtime.Op.Since.UTC().Format("15:04:05"))
}
