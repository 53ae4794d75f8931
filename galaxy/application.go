package galaxy

import "slices"

// Apply decides on a player's wish to join. The application that the same request made before is repeated.
func (g Game) Apply(id ApplicationID, user UserID, race string, idem Idempotency, by By) (GameChange, Application, error) {
	for _, a := range g.Applications {
		if a.User != user {
			continue
		}
		if again, err := a.Idempotency.Repeats(idem); again || err != nil {
			return GameChange{}, a, err
		}
	}
	if !g.Sees(user) {
		return GameChange{}, Application{}, errNoGame
	}
	key, err := RaceKey(race)
	if err != nil {
		return GameChange{}, Application{}, err
	}
	if err := g.canApply(user, key, by); err != nil {
		return GameChange{}, Application{}, err
	}
	a := Application{ID: id, Game: g.ID, User: user, Race: race, RaceKey: key, Status: ApplicationPending, CreatedAt: by.At, Idempotency: idem}
	c := g.change(by, "game.apply")
	c.on("application_id", id)
	c.Next.Applications = append(slices.Clip(slices.Clone(g.Applications)), a)
	c.Applications = []Application{a}
	to := []UserID{user}
	if g.Owner != nil && *g.Owner != user {
		to = append(to, *g.Owner)
	}
	c.tell(ApplicationSubmitted, a.ID.String(), by.RequestID, to, Payload{Game: &g.ID, Application: &a.ID})
	return c, a, nil
}

func (g Game) canApply(user UserID, key string, by By) error {
	if g.Visibility != Public {
		return Errorf(Forbidden, "this game is joined by invitation")
	}
	if err := g.admits("take applications", by); err != nil {
		return err
	}
	for _, a := range g.Applications {
		if a.User == user {
			return Errorf(Conflict, "you have applied to this game already")
		}
	}
	return g.canSit(user, key)
}

// admits refuses players while the enrolment is not open, is over, or the game is full.
func (g Game) admits(do string, by By) error {
	switch {
	case g.Status != EnrollmentOpen:
		return g.cannot(do)
	case g.EnrollmentEndsAt != nil && !by.At.Before(*g.EnrollmentEndsAt):
		return Errorf(Conflict, "the enrolment of this game is over")
	case len(g.Active()) >= g.Capacity():
		return Errorf(Conflict, "the game is full")
	}
	return nil
}

// canSit refuses a player who is in, or was blocked, and a race name that another member has.
func (g Game) canSit(user UserID, key string) error {
	for _, m := range g.Members {
		switch {
		case m.User == user && m.Status == MemberActive:
			return Errorf(Conflict, "this player is a member of the game already")
		case m.User == user && m.Status == MemberBlocked:
			return Errorf(Forbidden, "this player is blocked from the game")
		case m.RaceKey == key && m.HoldsName:
			return Errorf(NameTaken, "this race name, or one that looks like it, is taken in this game")
		}
	}
	return nil
}

// seat gives a player a seat and reserves the race name.
func (c *GameChange) seat(id MembershipID, user UserID, race, key string, by By) {
	m := Membership{ID: id, User: user, Race: race, RaceKey: key, Status: MemberActive, HoldsName: true, JoinedAt: by.At}
	c.Next.Members = append(slices.Clip(slices.Clone(c.Next.Members)), m)
	c.Memberships = append(c.Memberships, m)
	c.Names = append(c.Names, NameChange{Move: NameReserve, Key: key, Name: race, User: user})
	c.arrange(by)
}

// application gives a pending application.
func (g Game) application(id ApplicationID) (Application, error) {
	for _, a := range g.Applications {
		if a.ID == id {
			return a, nil
		}
	}
	return Application{}, ErrNoApplication
}

// ErrNoApplication: the game has no such application that waits for a decision.
var ErrNoApplication = Errorf(NotFound, "this game has no such pending application")

// Approve gives the applicant a seat and reserves the race name.
func (g Game) Approve(id ApplicationID, seat MembershipID, by By) (GameChange, Application, error) {
	if err := g.manages(by); err != nil {
		return GameChange{}, Application{}, err
	}
	a, err := g.application(id)
	if err == nil {
		err = g.admits("take players", by)
	}
	if err == nil {
		err = g.canSit(a.User, a.RaceKey)
	}
	if err != nil {
		return GameChange{}, Application{}, err
	}
	c := g.change(by, "game.approve")
	c.on("application_id", id)
	c.seat(seat, a.User, a.Race, a.RaceKey, by)
	return c, c.settle(a, ApplicationWasApproved, ApplicationApproved, by), nil
}

// Reject turns an application down.
func (g Game) Reject(id ApplicationID, by By) (GameChange, Application, error) {
	if err := g.manages(by); err != nil {
		return GameChange{}, Application{}, err
	}
	a, err := g.application(id)
	if err != nil {
		return GameChange{}, Application{}, err
	}
	c := g.change(by, "game.reject")
	c.on("application_id", id)
	return c, c.settle(a, ApplicationWasRejected, ApplicationRejected, by), nil
}

// Withdraw takes back the player's own application. Others' are not there for the player.
func (g Game) Withdraw(id ApplicationID, user UserID, by By) (GameChange, Application, error) {
	if !g.Sees(user) {
		return GameChange{}, Application{}, errNoGame
	}
	a, err := g.application(id)
	if err == nil && a.User != user {
		err = ErrNoApplication
	}
	if err != nil {
		return GameChange{}, Application{}, err
	}
	c := g.change(by, "game.withdraw")
	c.on("application_id", id)
	return c, c.withdraw(a, by), nil
}

// settle decides an application, which then waits no longer.
func (c *GameChange) settle(a Application, status ApplicationStatus, kind Kind, by By) Application {
	c.Next.Applications = slices.DeleteFunc(slices.Clone(c.Next.Applications), func(b Application) bool { return b.ID == a.ID })
	return c.decide(a, status, kind, by)
}

func (c *GameChange) withdraw(a Application, by By) Application {
	return c.settle(a, ApplicationWasWithdrawn, "", by)
}

// decide records what became of an application and tells the applicant, unless kind is empty.
func (c *GameChange) decide(a Application, status ApplicationStatus, kind Kind, by By) Application {
	at := by.At
	a.Status, a.DecidedAt, a.DecidedBy = status, &at, by.Principal
	c.Applications = append(c.Applications, a)
	if kind != "" {
		c.tell(kind, a.ID.String(), by.RequestID, []UserID{a.User}, Payload{Game: &a.Game, GameName: c.Next.Name, Application: &a.ID})
	}
	return a
}
