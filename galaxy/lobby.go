package galaxy

import (
	"fmt"
	"slices"
	"time"
)

// errNoGame is what players hear of games that they may not know of.
var errNoGame = Errorf(NotFound, "there is no such game")

// Sees reports whether a player may know of the game: everybody of a public one that is no draft; of a private one its
// owner, who has or had a seat, and who is invited.
func (g Game) Sees(user UserID) bool {
	if g.Owner != nil && *g.Owner == user {
		return true
	}
	if g.Visibility == Public {
		return g.Status != Draft
	}
	return slices.ContainsFunc(g.Members, func(m Membership) bool { return m.User == user }) ||
		slices.ContainsFunc(g.Invites, func(i Invite) bool { return i.User == user })
}

// Show refuses the game to players who may not know of it.
func (g Game) Show(to Principal) error {
	if user, ok := to.UserID(); ok && !g.Sees(user) {
		return errNoGame
	}
	return nil
}

// manages refuses who does not run the game: its owner does, and operators.
func (g Game) manages(by By) error {
	user, ok := by.UserID()
	switch {
	case !ok:
		return nil
	case !g.Sees(user):
		return errNoGame
	case g.Owner == nil || *g.Owner != user:
		return Errorf(Forbidden, "only the owner of a game, or an operator, may do that")
	}
	return by.Rights.Allows(ActManagePrivateGame, by.At)
}

// OpenEnrollment lets players in until endsAt; nil stands for the end that the game has already.
func (g Game) OpenEnrollment(endsAt *time.Time, by By) (GameChange, error) {
	if err := g.manages(by); err != nil {
		return GameChange{}, err
	}
	if g.Status != Draft && g.Status != ReadyToStart {
		return GameChange{}, g.cannot("open the enrolment")
	}
	if endsAt == nil {
		endsAt = g.EnrollmentEndsAt
	}
	if endsAt == nil || !endsAt.After(by.At) {
		return GameChange{}, errPastEnd
	}
	c := g.change(by, "game.open_enrollment")
	c.Next.Status, c.Next.EnrollmentEndsAt, c.Next.Reason = EnrollmentOpen, endsAt, ""
	c.arrange(by)
	c.updated(by)
	return c, nil
}

// ReadyToStart closes the enrolment once enough players are in, or takes back a failed start.
func (g Game) ReadyToStart(by By) (GameChange, error) {
	if err := g.manages(by); err != nil {
		return GameChange{}, err
	}
	if g.Status != EnrollmentOpen && g.Status != StartFailed {
		return GameChange{}, g.cannot("be made ready to start")
	}
	if g.Runtime.Op != nil {
		return GameChange{}, g.busy()
	}
	if n := len(g.Active()); g.Status == EnrollmentOpen && n < g.MinPlayers {
		return GameChange{}, g.tooFew(g.MinPlayers)
	}
	c := g.change(by, "game.ready_to_start")
	c.Next.Status, c.Next.Reason = ReadyToStart, ""
	c.closeEnrollment(by)
	c.updated(by)
	return c, nil
}

func (g Game) tooFew(least int) error {
	return Errorf(Conflict, "the game has %d of at least %d players", len(g.Active()), least)
}

// closeEnrollment rejects the applications and withdraws the invites that are still pending.
func (c *GameChange) closeEnrollment(by By) {
	for _, a := range c.Next.Applications {
		c.decide(a, ApplicationWasRejected, ApplicationRejected, by)
	}
	for _, i := range c.Next.Invites {
		c.answer(i, InviteExpired, by)
	}
	c.Next.Applications, c.Next.Invites, c.Next.GapSince = nil, nil, nil
}

// Cancel ends a game before its time, releases its names and has its container stopped. Owners cancel until the start;
// operators always. What is still under way comes to nothing, for its operation is over.
func (g Game) Cancel(reason string, by By) (GameChange, error) {
	if err := g.manages(by); err != nil {
		return GameChange{}, err
	}
	_, player := by.UserID()
	switch g.Status {
	case Finished, Cancelled:
		return GameChange{}, g.cannot("be cancelled")
	case Starting, Running, Paused:
		if player {
			return GameChange{}, Errorf(Conflict, "a game that is %s is cancelled by an operator only", g.Status)
		}
	}
	if err := checkNote("reason", reason); err != nil {
		return GameChange{}, err
	}
	c := g.change(by, "game.cancel")
	c.Next.Status, c.Next.Reason = Cancelled, reason
	c.closeEnrollment(by)
	c.releaseNames()
	c.updated(by)
	r := &c.Next.Runtime
	r.Remaining, r.ClosedSince, r.Patch = nil, nil, nil
	r.noDeadline()
	if r.Status != RuntimeNone {
		at := by.At
		r.EndedAt = &at
	}
	if r.Op != nil || r.Status != RuntimeNone && r.Status != RuntimeStopped && r.Status != RuntimeRemoved {
		r.begin(Operation{Kind: OpStop}, by)
		r.note(WhyStopped, "the game is cancelled and its engine is stopped", by)
	} else {
		r.note(WhyIdle, "the game is cancelled", by)
	}
	return c, nil
}

// releaseNames gives back every race name that a seat holds.
func (c *GameChange) releaseNames() {
	for i, m := range c.Next.Members {
		if m.HoldsName {
			m.HoldsName = false
			if m.Banish == BanishWanted {
				m.Banish = BanishNone // there is nobody left to be told
			}
			c.member(i, m)
			c.Names = append(c.Names, NameChange{Move: NameRelease, Key: m.RaceKey, Name: m.Race, User: m.User})
		}
	}
}

// member stores a membership that has changed.
func (c *GameChange) member(i int, m Membership) {
	c.Next.Members = slices.Clone(c.Next.Members)
	c.Next.Members[i] = m
	if at := slices.IndexFunc(c.Memberships, func(o Membership) bool { return o.ID == m.ID }); at >= 0 {
		c.Memberships[at] = m
		return
	}
	c.Memberships = append(c.Memberships, m)
}

// Transfer hands the game over to an active member.
func (g Game) Transfer(to UserID, by By) (GameChange, error) {
	if err := g.manages(by); err != nil {
		return GameChange{}, err
	}
	switch seat, ok := g.SeatOf(to); {
	case g.Visibility != Private:
		return GameChange{}, Errorf(Conflict, "a public game has no owner")
	case g.over():
		return GameChange{}, g.cannot("be handed over")
	case g.Owner != nil && *g.Owner == to:
		return GameChange{}, Errorf(Conflict, "this player owns the game already")
	case !ok || seat.Status != MemberActive:
		return GameChange{}, Errorf(Conflict, "a game is handed over to one of its members")
	}
	return g.handOver(&to, "game.transfer", by), nil
}

func (g Game) handOver(to *UserID, action string, by By) GameChange {
	c := GameChange{Next: g}
	c.Next.UpdatedAt = by.At
	c.audit(by, action, map[string]any{"owner": g.Owner}, map[string]any{"owner": to})
	c.Next.Owner, c.Heir = to, to
	c.updated(by)
	return c
}

// Forget takes a player whose account goes out of the game: the application and the invite are withdrawn; the seat and
// its name are free, unless the game runs; and a game of the player's own goes to the longest-standing member who may inherit it,
// or else to the operators. There is nothing to store when none of that is so.
func (g Game) Forget(user UserID, inherits func(UserID) bool, by By) GameChange {
	if g.over() {
		return GameChange{}
	}
	c := g.change(by, "game.forget_player")
	for _, a := range g.Applications {
		if a.User == user {
			c.withdraw(a, by)
		}
	}
	for _, i := range g.Invites {
		if i.User == user {
			c.answer(i, InviteRevoked, by)
		}
	}
	if g.enrolling() {
		for i, m := range g.Members {
			if m.User == user && m.Status == MemberActive {
				c.unseat(i, MemberLeft, by)
			}
		}
	}
	if g.Owner != nil && *g.Owner == user {
		heir := g.heir(user, inherits)
		c.audit(by, "game.inherit", map[string]any{"owner": user}, map[string]any{"owner": heir})
		c.Next.Owner, c.Heir = heir, heir
	} else if len(c.Applications)+len(c.Invites)+len(c.Memberships) == 0 {
		return GameChange{}
	}
	c.arrange(by)
	c.updated(by)
	return c
}

func (g Game) heir(instead UserID, inherits func(UserID) bool) *UserID {
	var heir *Membership
	for _, m := range g.Active() {
		if m.User != instead && inherits(m.User) && (heir == nil || m.JoinedAt.Before(heir.JoinedAt)) {
			heir = &m
		}
	}
	if heir == nil {
		return nil
	}
	return &heir.User
}

// enrolling reports whether a seat that ends now frees its name: the engine has not been given the roster.
func (g Game) enrolling() bool {
	switch g.Status {
	case Draft, EnrollmentOpen, ReadyToStart, StartFailed:
		return true
	}
	return false
}

// Live reports whether players have to do with the game: it is neither a draft nor over.
func (g Game) Live() bool { return g.Status != Draft && !g.over() }

// change begins a decision: the game as it is, touched and audited.
func (g Game) change(by By, action string) GameChange {
	c := GameChange{Next: g}
	c.Next.UpdatedAt = by.At
	c.audit(by, action, nil, nil)
	return c
}

// on notes in the audit what of the game an action was about.
func (c *GameChange) on(what string, id fmt.Stringer) {
	c.Audit[0].After = map[string]any{what: id.String()}
}

func (c *GameChange) audit(by By, action string, before, after map[string]any) {
	c.Audit = append(c.Audit, Audit{By: by.Principal, Action: action, Subject: "game:" + c.Next.ID.String(),
		RequestID: by.RequestID, Before: before, After: after})
}

func (c *GameChange) tell(kind Kind, key, request string, to []UserID, p Payload) {
	if len(to) > 0 {
		c.Notices = append(c.Notices, Notice{Kind: kind, Key: key, Recipients: to, Payload: p, RequestID: request})
	}
}

// updated tells members and owner that the game is not what it was.
func (c *GameChange) updated(by By) {
	to := c.Next.members()
	if o := c.Next.Owner; o != nil && !slices.Contains(to, *o) {
		to = append(to, *o)
	}
	c.tell(GameUpdated, fmt.Sprintf("updated:%s:%d", c.Next.ID, c.Next.Version), by.RequestID, to, Payload{Game: &c.Next.ID})
}

// members gives whom a notice to the whole game goes to.
func (g Game) members() []UserID {
	var users []UserID
	for _, m := range g.Active() {
		users = append(users, m.User)
	}
	return users
}

// cannot is the refusal of a move that the game's status does not allow.
func (g Game) cannot(do string) error {
	return Errorf(Conflict, "a game that is %s cannot %s", g.Status, do)
}
