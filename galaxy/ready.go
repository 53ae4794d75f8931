package galaxy

// Ready marks that a member has no more orders for turn, or takes the mark back. When everybody whose race plays is ready the
// turn is made early, by.EarlyDelay later. A mark that is there already is answered without anything to store.
func (g Game) Ready(user UserID, turn int, ready bool, by By) (GameChange, error) {
	m, err := g.Playing(user)
	r := g.Runtime
	switch {
	case err != nil:
		return GameChange{}, err
	case !g.EarlyTurn:
		return GameChange{}, Errorf(Conflict, "this game makes no early turns")
	case g.Status != Running:
		return GameChange{}, g.cannot("take ready marks")
	case turn > r.Turn+1:
		return GameChange{}, Errorf(Conflict, "turn %d has not come: turn %d is being prepared", turn, r.Turn+1)
	case turn <= r.Turn, r.closed(by.At):
		return GameChange{}, Errorf(TurnAlreadyClosed, "turn %d is closed", turn)
	case m.Extinct:
		return GameChange{}, Errorf(Forbidden, "your race is extinct")
	}
	if (int(m.ReadyFor) == turn) == ready {
		return GameChange{}, nil
	}
	if m.ReadyFor = 0; ready {
		m.ReadyFor = int32(turn)
	}
	c := g.change(by, "game.ready")
	c.Audit[0].After = map[string]any{"turn": turn, "ready": ready, "membership_id": m.ID.String()}
	c.member(g.seat(user), m)
	c.countReady(by)
	return c, nil
}

// ReadyState tells who is ready for the turn being prepared, of how many that count.
func (g Game) ReadyState() (ready []Membership, of int) {
	for _, m := range g.Active() {
		if m.Extinct {
			continue
		}
		of++
		if int(m.ReadyFor) == g.Runtime.Turn+1 {
			ready = append(ready, m)
		}
	}
	return ready, of
}

// countReady brings the turn forward when everybody has become ready, and takes that back when somebody no longer is.
func (c *GameChange) countReady(by By) {
	g, r := &c.Next, &c.Next.Runtime
	ready, of := g.ReadyState()
	switch all := g.EarlyTurn && g.Status == Running && r.Op == nil && r.Turn != NoTurn && of > 0 && len(ready) == of; {
	case all && r.EarlyAt == nil:
		at := by.At.Add(by.EarlyDelay)
		r.EarlyAt = &at
		c.updated(by)
	case !all && r.EarlyAt != nil:
		r.EarlyAt = nil
		c.updated(by)
	}
}
