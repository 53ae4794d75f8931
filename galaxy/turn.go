package galaxy

import (
	"fmt"
	"slices"
	"time"
)

// Verdict says how an engine's state relates to the recorded one.
type Verdict int

// The verdicts.
const (
	ShowsOther    Verdict = iota // another game, turn or digest than can be explained
	ShowsRecorded                // the recorded turn with the recorded digest
	ShowsNext                    // the turn after the recorded one
)

// Compare tells what an engine shows.
func (r Runtime) Compare(id GameID, s EngineStatus) Verdict {
	switch {
	case s.Game != id:
		return ShowsOther
	case s.Turn == r.Turn && SameDigest(s.Digest, r.Digest):
		return ShowsRecorded
	case s.Turn == r.Turn+1:
		return ShowsNext
	default:
		return ShowsOther
	}
}

// SameDigest compares the digests of two states. Engines need not show one: without it nothing speaks against the
// state.
func SameDigest(a, b string) bool { return a == b || a == "" || b == "" }

// Due reports whether the next turn's deadline has come and nothing stands in its way, such as an engine of which nothing is known.
func (g Game) Due(now time.Time) bool {
	r := g.Runtime
	due := r.DueAt()
	return g.Status == Running && r.Status == RuntimeRunning && r.Op == nil && !r.Held() && r.Why != WhyDriverUnknown && due != nil && !now.Before(*due)
}

// ClaimDue is ClaimTurn for a turn whose time has come, by the schedule or because everybody is ready.
func (g Game) ClaimDue(by By) (GameChange, error) {
	r, cause := g.Runtime, CauseSchedule
	switch {
	case r.EarlyAt != nil && (r.Deadline == nil || r.EarlyAt.Before(*r.Deadline)):
		cause = CauseEarly
	case r.Makeup:
		cause = CauseCatchUp
	}
	return g.ClaimTurn(cause, by)
}

// ClaimTurn opens the making of the next turn. From its commit on no orders are taken for it.
func (g Game) ClaimTurn(cause TurnCause, by By) (GameChange, error) {
	r := g.Runtime
	switch {
	case g.Status != Running:
		return GameChange{}, g.cannot("make a turn")
	case r.Op != nil:
		return GameChange{}, g.busy()
	case r.Held():
		return GameChange{}, Errorf(Conflict, "the game is held: its engine shows another state than was recorded")
	case r.Status != RuntimeRunning:
		return GameChange{}, Errorf(Conflict, "the engine is not ready: %s", r.WhyText)
	}
	c := g.change(by, "game.turn_claimed")
	n := &c.Next.Runtime
	n.Status, n.EarlyAt = RuntimeGenerating, nil
	n.begin(Operation{Kind: OpTurn, Turn: r.Turn + 1, Cause: cause, Due: r.Deadline}, by)
	n.note(WhyGenerating, n.Op.making(), by)
	return c, nil
}

// ForceTurn is ClaimTurn for an operator, who names the turn so that a repeated request makes no second one.
func (g Game) ForceTurn(turn int, by By) (GameChange, error) {
	if g.Runtime.Turn != NoTurn && turn != g.Runtime.Turn+1 {
		return GameChange{}, Errorf(Conflict, "turn %d is not next: turn %d is", turn, g.Runtime.Turn+1)
	}
	c, err := g.ClaimTurn(CauseForced, by)
	if err == nil {
		c.Audit[0].Action = "game.force_next_turn"
	}
	return c, err
}

// maxAttempts is how often a turn is tried: an engine that dies of it each time, but slowly, would never be given up.
const maxAttempts = 10

// retryTurn opens a new attempt at a claimed turn that the engine has not made.
func (g Game) retryTurn(by By) GameChange {
	if g.Status == Paused {
		return g.waits(by)
	}
	if g.Status != Running {
		return GameChange{}
	}
	if op := g.Runtime.Op; op.Attempt >= maxAttempts {
		return g.TurnFailed(op.Number, op.Attempt, fmt.Sprintf("it was asked for it %d times", op.Attempt), by)
	}
	c := g.change(by, "game.turn_retried")
	r := &c.Next.Runtime
	op := *r.Op
	op.Attempt++
	r.Op, r.Status = &op, RuntimeGenerating
	r.note(WhyGenerating, op.making(), by)
	return c
}

// making tells of an attempt at a turn.
func (o Operation) making() string {
	if o.Attempt > 1 {
		return fmt.Sprintf("turn %d is being made, attempt %d", o.Turn, o.Attempt)
	}
	return fmt.Sprintf("turn %d is being made", o.Turn)
}

// StillMaking is the engine answering while it is at the claimed turn, which it goes on being asked for: what comes of that decides.
func (g Game) StillMaking(by By) GameChange {
	op := g.Runtime.Op
	if op == nil || op.Kind != OpTurn || g.Runtime.Why != WhyDriverUnknown {
		return GameChange{}
	}
	c := GameChange{Next: g}
	c.Next.UpdatedAt = by.At
	if g.Status == Paused {
		c.notePaused(by)
	} else {
		c.Next.Runtime.note(WhyGenerating, op.making(), by)
	}
	return c
}

// Stale reports whether a result belongs to an older operation or attempt than the open one.
func (r Runtime) Stale(number int64, attempt int) bool {
	return r.Op == nil || r.Op.Number != number || r.Op.Attempt != attempt
}

// TurnMade decides on the result of an attempt at a turn. A stale one changes nothing.
func (g Game) TurnMade(number int64, attempt int, s EngineStatus, by By) GameChange {
	if g.Runtime.Stale(number, attempt) || g.Runtime.Op.Kind != OpTurn {
		return GameChange{}
	}
	switch g.Runtime.Compare(g.ID, s) {
	case ShowsNext:
		return g.adopt(s, by)
	case ShowsRecorded:
		if s.Finished {
			return g.ends(s, by)
		}
		return g.retryTurn(by)
	default:
		return g.hold(s, by)
	}
}

// ends is the engine showing that the game was over with the recorded turn. A turn that was claimed is not made.
func (g Game) ends(s EngineStatus, by By) GameChange {
	c := g.change(by, "game.ended")
	r := &c.Next.Runtime
	r.Op, r.Patch = nil, nil
	if r.Deadline != nil {
		c.skip(*r.Deadline, "finished", by)
	}
	c.observe(s.Players)
	c.finish(s, by)
	return c
}

// adopt records the turn that the engine has made, claimed or not.
func (g Game) adopt(s EngineStatus, by By) GameChange {
	c := g.change(by, "game.turn_made")
	r := &c.Next.Runtime
	line := TimelineEntry{Epoch: r.Epoch, Turn: s.Turn, Outcome: TimelineExternal, Cause: "external", By: by.Principal, Deadline: r.Deadline, At: by.At}
	if op := r.Op; op != nil && op.Turn == s.Turn {
		line.Cause, line.By, line.Deadline, line.Outcome = string(op.Cause), op.By, op.Due, TimelineRan
		switch op.Cause {
		case CauseForced:
			line.Outcome = TimelineForced
		case CauseEarly:
			line.Outcome = TimelineEarly
		}
		line.Lateness = late(op.Due, by.At)
	}
	after := by.At
	if line.Deadline != nil && line.Deadline.After(after) {
		after = *line.Deadline
	}
	c.Timeline = []TimelineEntry{line}
	if line.Outcome == TimelineExternal {
		c.alert(ExternalTurn, g.turnKey("external", s.Turn), by, Payload{Turn: &s.Turn, Reason: "its engine has made a turn that nobody had claimed"})
	}
	resuming := r.Op != nil && r.Op.Kind == OpResume
	makeup := line.Cause == string(CauseCatchUp)
	r.Op, r.Patch = nil, nil
	c.recordTurn(s, by)
	switch {
	case s.Finished:
		c.finish(s, by)
	case resuming:
		c.Next.Status, c.Next.Reason, r.Remaining = Running, "", nil
		c.openOrders(by)
		c.updated(by)
	case c.Next.Status == Running:
		c.scheduleAfter(after, makeup, by)
	default: // paused while the turn was made
		r.Status, r.Remaining = RuntimeRunning, nil
		if r.Why == WhyDriverUnknown {
			c.notePaused(by)
		}
	}
	return c
}

// recordTurn stores what the engine shows as the newest turn and tells the members.
func (c *GameChange) recordTurn(s EngineStatus, by By) {
	r := &c.Next.Runtime
	r.Turn, r.Digest, r.Pauses = s.Turn, s.Digest, 0
	c.Turn = &TurnRecord{Epoch: r.Epoch, Turn: s.Turn, Digest: s.Digest, Players: slices.Clone(s.Players), MadeAt: by.At}
	c.observe(s.Players)
	turn := s.Turn
	c.tell(TurnReady, c.Next.turnKey("turn-ready", turn), by.RequestID, c.Next.members(), Payload{Game: &c.Next.ID, Turn: &turn})
}

// turnKey names something that happens once per turn. Epoch 0 is left out, as in every key made before there were epochs.
func (g Game) turnKey(what string, turn int) string {
	if g.Runtime.Epoch > 0 {
		return fmt.Sprintf("%s:%s:e%d:%d", what, g.ID, g.Runtime.Epoch, turn)
	}
	return fmt.Sprintf("%s:%s:%d", what, g.ID, turn)
}

// finish ends a game, and settles its race names: whoever was capable may register the own one for a while.
func (c *GameChange) finish(s EngineStatus, by By) {
	c.Next.Status, c.Next.Reason = Finished, s.FinishReason
	c.updated(by)
	c.winNames(s, by)
	c.releaseNames()
	r := &c.Next.Runtime
	at := by.At
	r.Status, r.Remaining, r.EndedAt, r.ClosedSince, r.Broken = RuntimeFinished, nil, &at, nil, nil
	r.noDeadline()
	r.note(WhyFinished, "the game is over", by)
}

// TurnFailed records that the engine could not make the turn: the game is paused and the claim closed.
func (g Game) TurnFailed(number int64, attempt int, cause string, by By) GameChange {
	if g.Runtime.Stale(number, attempt) || g.Runtime.Op.Kind != OpTurn {
		return GameChange{}
	}
	c := g.change(by, "runtime.generation_failed")
	r := &c.Next.Runtime
	op := r.Op
	c.Timeline = []TimelineEntry{{Epoch: r.Epoch, Turn: op.Turn, Outcome: TimelineFailed, Cause: string(op.Cause), By: op.By, Deadline: op.Due, At: by.At, Lateness: late(op.Due, by.At)}}
	r.Op, r.Status, r.Remaining = nil, RuntimeFailed, new(time.Duration)
	r.noDeadline()
	c.pause(WhyGenerationFail, "the engine could not make the turn: "+cause, by)
	return c
}

// hold stops the game until an operator goes on: its engine shows a state that nothing recorded explains.
func (g Game) hold(s EngineStatus, by By) GameChange {
	c := g.change(by, "runtime.state_mismatch")
	r := &c.Next.Runtime
	c.audit(by, "runtime.state_mismatch.seen", map[string]any{"turn": r.Turn, "digest": r.Digest},
		map[string]any{"turn": s.Turn, "digest": s.Digest, "game_id": s.Game.String()})
	c.heldLine(by)
	r.Status = RuntimeRunning
	r.leavePatch()
	r.reopen()
	c.breakOff(StateMismatchNotice, WhyMismatch, fmt.Sprintf("turn %d is recorded, but the engine shows turn %d of game %s", r.Turn, s.Turn, s.Game), by)
	return c
}

// heldLine notes that the deadline finds the game held.
func (c *GameChange) heldLine(by By) {
	r := c.Next.Runtime
	c.Timeline = []TimelineEntry{{Epoch: r.Epoch, Turn: r.Turn + 1, Outcome: TimelineHeld, Cause: string(WhyMismatch), By: by.Principal, Deadline: r.Deadline, At: by.At, Lateness: late(r.Deadline, by.At)}}
}

// late is how long after a deadline something was; 0 before it, and without one.
func late(due *time.Time, at time.Time) time.Duration {
	if due == nil {
		return 0
	}
	return max(0, at.Sub(*due))
}

// Lost holds a game that has run but whose engine has no state any more.
func (g Game) Lost(cause string, by By) GameChange {
	if g.over() {
		return g.unreadable(cause, by)
	}
	if g.Runtime.Held() || g.Runtime.Turn == NoTurn {
		return GameChange{}
	}
	c := g.change(by, "runtime.state_mismatch")
	c.heldLine(by)
	c.Next.Runtime.Status = RuntimeUnreachable
	c.Next.Runtime.leavePatch()
	c.Next.Runtime.reopen()
	c.breakOff(StateMismatchNotice, WhyMismatch, cause, by)
	return c
}

// Unstorable holds a game whose engine tells what cannot be stored.
func (g Game) Unstorable(what string, by By) GameChange {
	cause := "the engine tells what cannot be stored: " + what
	if g.Status == Starting {
		return g.StartFailed("its engine tells what cannot be stored", what, by)
	}
	return g.Lost(cause, by)
}

var errRestarting = Errorf(ServiceUnavailable, "the game's engine is being restarted; try again shortly")

// OrdersFor decides whether a player may give orders for turn now, and gives the seat they are for.
func (g Game) OrdersFor(user UserID, turn int, now time.Time) (Membership, error) {
	seat, err := g.Playing(user)
	r := g.Runtime
	switch {
	case err != nil:
		return Membership{}, err
	case g.Status != Running:
		return Membership{}, g.cannot("take orders")
	case turn <= r.Turn:
		return Membership{}, Errorf(TurnAlreadyClosed, "turn %d is closed: orders are taken for turn %d", turn, r.Turn+1)
	case turn > r.Turn+1:
		return Membership{}, Errorf(Conflict, "turn %d has not come: orders are taken for turn %d", turn, r.Turn+1)
	case r.Op != nil && r.Op.Turn > 0:
		return Membership{}, Errorf(TurnAlreadyClosed, "turn %d is being made", turn)
	case r.Status != RuntimeRunning:
		return Membership{}, errRestarting
	case r.closed(now) && r.Why == WhyDriverUnknown: // no turn is made meanwhile, and there is time for orders again after it
		return Membership{}, errRestarting
	case r.closed(now):
		return Membership{}, Errorf(TurnAlreadyClosed, "turn %d is being made", turn)
	}
	return seat, nil
}

// Nothing reports whether the decision changes nothing, so that nothing is to be stored.
func (c GameChange) Nothing() bool { return c.Next.ID == (GameID{}) }
