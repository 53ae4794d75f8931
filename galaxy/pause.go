package galaxy

import "fmt"

// Pause stops the clock of a game that runs. A turn that is being made is still adopted.
func (g Game) Pause(by By) (GameChange, error) {
	if err := g.manages(by); err != nil {
		return GameChange{}, err
	}
	if g.Status != Running {
		return GameChange{}, g.cannot("be paused")
	}
	c := g.change(by, "game.pause")
	c.pause(WhyPaused, "the game was paused by "+string(by.Kind), by)
	return c, nil
}

// pause stops the game's clock and tells its members, once per pause.
func (c *GameChange) pause(why WhyCode, text string, by By) {
	r := &c.Next.Runtime
	r.note(why, text, by)
	if r.Deadline != nil && (r.Op == nil || r.Op.Turn == 0) {
		left := max(0, r.Deadline.Sub(by.At))
		r.Remaining = &left
	}
	r.noDeadline()
	r.ClosedSince = nil
	if c.Next.Status == Paused {
		if why == WhyMismatch {
			c.Next.Reason = string(why)
		}
		return
	}
	c.Next.Status, c.Next.Reason = Paused, string(why)
	key := c.Next.pauseKey()
	r.Pauses++
	turn := r.Turn
	c.tell(GamePaused, key, by.RequestID, c.Next.members(), Payload{Game: &c.Next.ID, Turn: &turn, Reason: string(why)})
}

// notePaused notes that a paused game waits for nothing else but to be resumed.
func (c *GameChange) notePaused(by By) {
	c.Next.Runtime.note(WhyCode(c.Next.Reason), "the game is paused: "+c.Next.Reason, by)
}

// breakOff pauses a game that cannot go on by itself, and calls operators.
func (c *GameChange) breakOff(kind Kind, why WhyCode, text string, by By) {
	key := c.Next.pauseKey()
	if c.Next.Status == Paused { // and what was done about it has come to nothing
		key = fmt.Sprintf("%s:again:%d", key, c.Next.Runtime.OpNumber)
	}
	c.pause(why, text, by)
	c.alert(kind, key, by, Payload{Reason: text})
}

// pauseKey names the next pause: a second one in the same turn is another.
func (g Game) pauseKey() string {
	r := g.Runtime
	key := g.turnKey("paused", r.Turn)
	if r.Pauses > 0 {
		key = fmt.Sprintf("%s:%d", key, r.Pauses+1)
	}
	return key
}

// Resume goes on with a paused game. It stays paused until its engine, which is started or made anew if it has to be,
// has said what it holds; only then is a claimed turn tried again, or the clock started. A game that is held because
// its engine shows another state than was recorded is an operator's to go on with. It goes on with the version that has
// written its state last, or with line, which is the version that target_engine_version names, when the game Relines.
func (g Game) Resume(line *EngineVersion, by By) (GameChange, error) {
	if err := g.manages(by); err != nil {
		return GameChange{}, err
	}
	_, player := by.UserID()
	r := g.Runtime
	switch {
	case g.Status != Paused:
		return GameChange{}, g.cannot("be resumed")
	case player && (r.Held() || g.Reason == string(WhyMismatch)): // also when its engine was stopped, or has died, since
		return GameChange{}, Errorf(Conflict, "the game is held, for its engine shows another state than was recorded: an operator must look at it")
	case r.Op != nil && r.Op.Kind != OpTurn:
		return GameChange{}, g.busy()
	}
	c := g.change(by, "game.resume")
	n := &c.Next.Runtime
	if r.Status == RuntimeGenerating { // the turn that the pause has met is still being made
		c.Next.Status, c.Next.Reason = Running, ""
		n.note(WhyGenerating, r.Op.making(), by)
		c.updated(by)
		return c, nil
	}
	pin, err := g.resumeOn(line)
	if err != nil {
		return GameChange{}, err
	}
	if w := r.LastWriter(); pin.EngineVersion != w.EngineVersion {
		c.Audit[0].Before = map[string]any{"version": w.EngineVersion}
		c.Audit[0].After = map[string]any{"version": pin.EngineVersion}
	}
	n.choose(pin)
	n.begin(r.carrying(OpResume), by)
	n.Status = RuntimeStarting
	n.note(WhyResuming, resumeUnderWay, by)
	return c, nil
}

// resumed is the engine answering, as it was recorded, to a game that is to go on.
func (g Game) resumed(by By) GameChange {
	c := g.change(by, "game.resumed")
	r := &c.Next.Runtime
	c.Next.Status, c.Next.Reason = Running, ""
	c.updated(by)
	r.reopen()
	if r.Op != nil {
		r.Op.Attempt++
		r.Status = RuntimeGenerating
		r.note(WhyGenerating, r.Op.making(), by)
		return c
	}
	c.openOrders(by)
	return c
}

// openOrders takes orders again after a pause: for what was left of the time, which is nothing after a turn that could
// not be made, and at least the grace. When no deadline was waiting, or the schedule has changed, its next tick is next.
func (c *GameChange) openOrders(by By) {
	r := &c.Next.Runtime
	grace := c.grace(by.At, by)
	at, ok := by.At.Add(grace), true
	if r.Remaining != nil {
		at = by.At.Add(max(*r.Remaining, grace))
	} else {
		at, ok = c.tick(at, by)
	}
	r.Status, r.Remaining, r.ClosedSince = RuntimeRunning, nil, nil
	if r.noDeadline(); ok {
		r.setDeadline(at, by)
	}
	r.note(WhyDeadline, "orders are open until the deadline", by)
	c.countReady(by)
}

// carrying is a new operation that keeps the claim of a turn which is open.
func (r Runtime) carrying(kind OperationKind) Operation {
	op := Operation{Kind: kind}
	if r.Op != nil && r.Op.Turn > 0 {
		op.Turn, op.Cause, op.Due, op.Attempt = r.Op.Turn, r.Op.Cause, r.Op.Due, r.Op.Attempt
	}
	return op
}

// reopen ends an operation; the turn whose claim it has carried is claimed again.
func (r *Runtime) reopen() {
	op := r.Op
	r.Op = nil
	if op != nil && op.Turn > 0 {
		again := *op
		again.Kind = OpTurn
		r.Op = &again
	}
}

// begin opens an operation, with a number that no earlier one had.
func (r *Runtime) begin(op Operation, by By) {
	r.OpNumber++
	op.Number, op.Attempt, op.Since, op.By = r.OpNumber, max(1, op.Attempt), by.At, by.Principal
	r.Op = &op
}
