package galaxy

import "slices"

// Active gives the members that hold a seat.
func (g Game) Active() []Membership {
	var active []Membership
	for _, m := range g.Members {
		if m.Status == MemberActive {
			active = append(active, m)
		}
	}
	return active
}

// SeatOf gives the newest membership of a player, whatever became of it.
func (g Game) SeatOf(user UserID) (Membership, bool) {
	if i := g.seat(user); i >= 0 {
		return g.Members[i], true
	}
	return Membership{}, false
}

// seat gives the index of a player's newest membership, or -1.
func (g Game) seat(user UserID) int {
	i := len(g.Members) - 1
	for ; i >= 0 && g.Members[i].User != user; i-- {
	}
	return i
}

var errNoSeat = Errorf(Forbidden, "you hold no seat in this game")

// Playing gives the seat that a player holds now. Who may not know of the game is not told that there is one.
func (g Game) Playing(user UserID) (Membership, error) {
	seat, ok := g.SeatOf(user)
	switch {
	case ok && seat.Status == MemberActive:
		return seat, nil
	case !g.Sees(user):
		return Membership{}, errNoGame
	}
	return Membership{}, errNoSeat
}

// HadSeat gives the seat that a player holds or has held, as Playing does.
func (g Game) HadSeat(user UserID) (Membership, error) {
	if seat, ok := g.SeatOf(user); ok {
		return seat, nil
	}
	_, err := g.Playing(user)
	return Membership{}, err
}

// Remove takes a member's seat away. After the start the race is banished, and its name kept until the end.
func (g Game) Remove(id MembershipID, reason string, by By) (GameChange, Membership, error) {
	return g.evict(id, MemberRemoved, MembershipRemoved, reason, by)
}

// Block is Remove for a member who is not to come back.
func (g Game) Block(id MembershipID, reason string, by By) (GameChange, Membership, error) {
	return g.evict(id, MemberBlocked, MembershipBlocked, reason, by)
}

// Ban is Block for an operator, who knows the player.
func (g Game) Ban(user UserID, reason string, by By) (GameChange, Membership, error) {
	seat, ok := g.SeatOf(user)
	if !ok {
		return GameChange{}, Membership{}, Errorf(NotFound, "this player has no seat in the game")
	}
	return g.Block(seat.ID, reason, by)
}

func (g Game) evict(id MembershipID, status MembershipStatus, kind Kind, reason string, by By) (GameChange, Membership, error) {
	if err := g.manages(by); err != nil {
		return GameChange{}, Membership{}, err
	}
	i := slices.IndexFunc(g.Members, func(m Membership) bool { return m.ID == id })
	if i < 0 {
		return GameChange{}, Membership{}, Errorf(NotFound, "the game has no such membership")
	}
	if m := g.Members[i]; m.Status == status {
		return GameChange{}, m, nil // it was done before
	}
	if err := checkNote("reason", reason); err != nil {
		return GameChange{}, Membership{}, err
	}
	if err := g.canUnseat(i); err != nil {
		return GameChange{}, Membership{}, err
	}
	c := g.change(by, "game."+string(status)+"_member")
	c.on("membership_id", id)
	m := c.unseat(i, status, by)
	c.tell(kind, m.ID.String(), by.RequestID, []UserID{m.User}, Payload{Game: &g.ID, GameName: g.Name, Reason: reason})
	c.updated(by)
	return c, m, nil
}

// Leave gives the player's own seat up.
func (g Game) Leave(user UserID, by By) (GameChange, Membership, error) {
	if !g.Sees(user) {
		return GameChange{}, Membership{}, errNoGame
	}
	i := g.seat(user)
	if i < 0 {
		return GameChange{}, Membership{}, errNoSeat
	}
	if m := g.Members[i]; m.Status == MemberLeft {
		return GameChange{}, m, nil
	}
	if err := g.canUnseat(i); err != nil {
		return GameChange{}, Membership{}, err
	}
	c := g.change(by, "game.leave")
	c.on("membership_id", g.Members[i].ID)
	m := c.unseat(i, MemberLeft, by)
	c.updated(by)
	return c, m, nil
}

func (g Game) canUnseat(i int) error {
	switch {
	case g.over():
		return g.cannot("lose members")
	case g.Status == Starting:
		return Errorf(Conflict, "the game is being started; try again when it runs")
	case g.Members[i].Status != MemberActive:
		return Errorf(Conflict, "this membership has ended already: it was %s", g.Members[i].Status)
	}
	return nil
}

// unseat ends a membership. Before the start that frees the seat and the name.
func (c *GameChange) unseat(i int, status MembershipStatus, by By) Membership {
	m, at := c.Next.Members[i], by.At
	m.Status, m.EndedAt = status, &at
	if c.Next.enrolling() {
		m.HoldsName = false
		c.Names = append(c.Names, NameChange{Move: NameRelease, Key: m.RaceKey, Name: m.Race, User: m.User})
	} else {
		m.Banish = BanishWanted
	}
	c.member(i, m)
	c.arrange(by)
	c.countReady(by)
	return m
}
