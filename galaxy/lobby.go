package galaxy

import (
	"slices"
	"time"
	"unicode"
	"unicode/utf8"
)

// The bounds of a game's fields.
const (
	maxGameName        = 64
	maxGameDescription = 2000
	lowestMinPlayers   = 2
	highestMaxPlayers  = 64
)

// By says who acts, when, and in which request: what every decision about a game needs to know.
type By struct {
	Principal
	RequestID string
	At        time.Time
}

// NewGame decides on the making of a game. minInterval is the shortest time allowed between two turns.
func NewGame(id GameID, visibility Visibility, spec GameSpec, idem Idempotency, by By, minInterval time.Duration) (GameChange, error) {
	if err := spec.validate(by.At, minInterval); err != nil {
		return GameChange{}, err
	}
	if spec.Schedule.Zone == "" {
		spec.Schedule.Zone = "UTC"
	}
	g := Game{
		ID: id, Visibility: visibility, Status: Draft, Name: spec.Name, Description: spec.Description,
		MinPlayers: spec.MinPlayers, MaxPlayers: spec.MaxPlayers, Schedule: spec.Schedule, TargetVersion: spec.TargetVersion,
		CreatedBy: by.Principal, CreatedAt: by.At, UpdatedAt: by.At, Idempotency: idem,
		Runtime: Runtime{Status: RuntimeNone, Turn: NoTurn, Why: WhyIdle, WhySince: by.At},
	}
	c := GameChange{Next: g}
	c.audit(by, "game.create", nil, map[string]any{"visibility": visibility})
	return c, nil
}

func (s GameSpec) validate(now time.Time, minInterval time.Duration) error {
	if n := utf8.RuneCountInString(s.Name); n == 0 || n > maxGameName || !printable(s.Name, false) {
		return Errorf(InvalidRequest, "name must have 1 to %d printable characters", maxGameName)
	}
	if utf8.RuneCountInString(s.Description) > maxGameDescription || !printable(s.Description, true) {
		return Errorf(InvalidRequest, "description must have at most %d printable characters", maxGameDescription)
	}
	if s.MinPlayers < lowestMinPlayers || s.MaxPlayers > highestMaxPlayers || s.MaxPlayers < s.MinPlayers {
		return Errorf(InvalidRequest, "players must be %d ≤ min_players ≤ max_players ≤ %d", lowestMinPlayers, highestMaxPlayers)
	}
	return s.Schedule.Validate(now, minInterval)
}

func printable(s string, lines bool) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !unicode.IsPrint(r) && (!lines || r != '\n' && r != '\t') {
			return false
		}
	}
	return true
}

// OpenEnrollment lets players apply until endsAt.
func (g Game) OpenEnrollment(endsAt time.Time, by By) (GameChange, error) {
	if g.Status != Draft && g.Status != ReadyToStart {
		return GameChange{}, g.cannot("open the enrolment")
	}
	if !endsAt.After(by.At) {
		return GameChange{}, Errorf(InvalidRequest, "enrollment_ends_at must be in the future")
	}
	c := g.change(by, "game.open_enrollment")
	c.Next.Status, c.Next.EnrollmentEndsAt, c.Next.Reason = EnrollmentOpen, &endsAt, ""
	return c, nil
}

// ReadyToStart closes the enrolment once enough players are in, or takes back a failed start.
func (g Game) ReadyToStart(by By) (GameChange, error) {
	if g.Status != EnrollmentOpen && g.Status != StartFailed {
		return GameChange{}, g.cannot("be made ready to start")
	}
	if n := len(g.Active()); g.Status == EnrollmentOpen && n < g.MinPlayers {
		return GameChange{}, Errorf(Conflict, "the game has %d of at least %d players", n, g.MinPlayers)
	}
	c := g.change(by, "game.ready_to_start")
	c.Next.Status, c.Next.Reason = ReadyToStart, ""
	c.closeEnrollment(by)
	return c, nil
}

// closeEnrollment rejects what is still pending.
func (c *GameChange) closeEnrollment(by By) {
	for _, a := range c.Next.Applications {
		c.decide(a, ApplicationWasRejected, ApplicationRejected, by)
	}
	c.Next.Applications = nil
}

// decide records what became of an application and tells the applicant.
func (c *GameChange) decide(a Application, status ApplicationStatus, kind Kind, by By) Application {
	at := by.At
	a.Status, a.DecidedAt, a.DecidedBy = status, &at, by.Principal
	c.Applications = append(c.Applications, a)
	c.tell(kind, a.ID.String(), by.RequestID, []UserID{a.User},
		Payload{Game: &a.Game, GameName: c.Next.Name, Application: &a.ID})
	return a
}

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
	key, err := RaceKey(race)
	if err != nil {
		return GameChange{}, Application{}, err
	}
	if err := g.canApply(user, key, by.At); err != nil {
		return GameChange{}, Application{}, err
	}
	a := Application{ID: id, Game: g.ID, User: user, Race: race, RaceKey: key, Status: ApplicationPending, CreatedAt: by.At, Idempotency: idem}
	c := g.change(by, "game.apply")
	c.Next.Applications = append(slices.Clip(slices.Clone(g.Applications)), a)
	c.Applications = []Application{a}
	c.tell(ApplicationSubmitted, a.ID.String(), by.RequestID, []UserID{user}, Payload{Game: &g.ID, Application: &a.ID})
	return c, a, nil
}

func (g Game) canApply(user UserID, key string, now time.Time) error {
	switch {
	case g.Visibility != Public:
		return Errorf(Forbidden, "this game is joined by invitation")
	case g.Status != EnrollmentOpen:
		return g.cannot("take applications")
	case g.EnrollmentEndsAt != nil && !now.Before(*g.EnrollmentEndsAt):
		return Errorf(Conflict, "the enrolment of this game is over")
	case len(g.Active()) >= g.MaxPlayers:
		return Errorf(Conflict, "the game is full")
	}
	for _, a := range g.Applications {
		if a.User == user {
			return Errorf(Conflict, "you have applied to this game already")
		}
	}
	for _, m := range g.Members {
		switch {
		case m.User == user && m.Status == MemberActive:
			return Errorf(Conflict, "you are a member of this game already")
		case m.User == user && m.Status == MemberBlocked:
			return Errorf(Forbidden, "you are blocked from this game")
		case m.RaceKey == key && m.Status == MemberActive:
			return Errorf(NameTaken, "this race name, or one that looks like it, is taken in this game")
		}
	}
	return nil
}

// Approve gives the applicant a seat and reserves the race name.
func (g Game) Approve(id ApplicationID, seat MembershipID, by By) (GameChange, Application, error) {
	i := slices.IndexFunc(g.Applications, func(a Application) bool { return a.ID == id })
	if i < 0 {
		return GameChange{}, Application{}, Errorf(NotFound, "this game has no such pending application")
	}
	if g.Status != EnrollmentOpen {
		return GameChange{}, Application{}, g.cannot("take players")
	}
	if len(g.Active()) >= g.MaxPlayers {
		return GameChange{}, Application{}, Errorf(Conflict, "the game is full")
	}
	a := g.Applications[i]
	for _, m := range g.Active() {
		if m.RaceKey == a.RaceKey {
			return GameChange{}, Application{}, Errorf(NameTaken, "this race name, or one that looks like it, is taken in this game")
		}
	}
	c := g.change(by, "game.approve")
	c.Next.Applications = slices.Delete(slices.Clone(g.Applications), i, i+1)
	m := Membership{ID: seat, User: a.User, Race: a.Race, RaceKey: a.RaceKey, Status: MemberActive, JoinedAt: by.At}
	c.Next.Members = append(slices.Clip(slices.Clone(g.Members)), m)
	c.Memberships = []Membership{m}
	c.Names = []NameChange{{Move: NameReserve, Key: a.RaceKey, Name: a.Race, User: a.User}}
	return c, c.decide(a, ApplicationWasApproved, ApplicationApproved, by), nil
}

// Forget takes a player out of a game that does not run yet: the application is withdrawn, the seat and its name are
// free. There is nothing to store when the player has neither.
func (g Game) Forget(user UserID, by By) GameChange {
	switch g.Status {
	case Draft, EnrollmentOpen, ReadyToStart, StartFailed:
	default:
		return GameChange{}
	}
	c, at := g.change(by, "game.forget_player"), by.At
	c.Next.Applications, c.Next.Members = slices.Clone(g.Applications), slices.Clone(g.Members)
	for i, a := range slices.Backward(c.Next.Applications) {
		if a.User == user {
			a.Status, a.DecidedAt, a.DecidedBy = ApplicationWasWithdrawn, &at, by.Principal
			c.Applications = append(c.Applications, a)
			c.Next.Applications = slices.Delete(c.Next.Applications, i, i+1)
		}
	}
	for i, m := range c.Next.Members {
		if m.User == user && m.Status == MemberActive {
			m.Status, m.EndedAt = MemberLeft, &at
			c.Next.Members[i] = m
			c.Memberships = append(c.Memberships, m)
			c.Names = append(c.Names, NameChange{Move: NameRelease, Key: m.RaceKey, Name: m.Race, User: m.User})
		}
	}
	if len(c.Applications)+len(c.Memberships) == 0 {
		return GameChange{}
	}
	return c
}

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
	for _, m := range slices.Backward(g.Members) {
		if m.User == user {
			return m, true
		}
	}
	return Membership{}, false
}

// change begins a decision: the game as it is, touched and audited.
func (g Game) change(by By, action string) GameChange {
	c := GameChange{Next: g}
	c.Next.UpdatedAt = by.At
	c.audit(by, action, nil, nil)
	return c
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
