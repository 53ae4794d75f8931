package galaxy

import (
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/Masterminds/semver/v3"
)

// The bounds of a game's fields.
const (
	maxGameName        = 64
	maxGameDescription = 2000
	lowestMinPlayers   = 2
	highestMaxPlayers  = 64
	maxStartGapHours   = 168
	maxStartGapPlayers = 16
	maxOrderGrace      = 7 * 24 * time.Hour
	defaultOrderGrace  = 2 * time.Hour
)

// GameSpec is what a new game is made from.
type GameSpec struct {
	Name             string
	Description      string
	MinPlayers       int
	MaxPlayers       int
	StartGapHours    int
	StartGapPlayers  int
	EnrollmentEndsAt *time.Time
	Schedule         Schedule
	OrderGrace       *time.Duration
	EarlyTurn        bool
	ShowReady        bool
	CatchUp          CatchUp // empty: run_once
	TargetVersion    string
	// Race, when set, makes the owner the first member, in the seat Seat.
	Race string
	Seat MembershipID
}

// GameEdit is what is to be changed of a game; nil leaves a field as it is.
type GameEdit struct {
	Name             *string
	Description      *string
	MinPlayers       *int
	MaxPlayers       *int
	StartGapHours    *int
	StartGapPlayers  *int
	EnrollmentEndsAt *time.Time
	Cron             *string
	Zone             *string
	OrderGrace       *time.Duration
	EarlyTurn        *bool
	ShowReady        *bool
	CatchUp          *CatchUp
	TargetVersion    *string
	// StateRestored: an operator has put back a state that TargetVersion has written.
	StateRestored *bool
}

// NewGame decides on the making of a game: a public one by an operator, or a private one by a player, who owns it.
// minInterval is the shortest time allowed between two turns.
func NewGame(id GameID, visibility Visibility, spec GameSpec, idem Idempotency, by By, minInterval time.Duration) (GameChange, error) {
	owner, owned := by.UserID()
	if owned {
		if err := by.Rights.Allows(ActCreatePrivateGame, by.At); err != nil {
			return GameChange{}, err
		}
		if by.Rights.Numbers(by.At).MaxOwnedPrivateGames == 0 {
			return GameChange{}, Errorf(EligibilityDenied, "private games are for paid accounts")
		}
	}
	if spec.Schedule.Zone == "" {
		spec.Schedule.Zone = "UTC"
	}
	if spec.CatchUp == "" {
		spec.CatchUp = CatchUpRunOnce
	}
	g := Game{
		ID: id, Visibility: visibility, Status: Draft, Name: spec.Name, Description: spec.Description,
		MinPlayers: spec.MinPlayers, MaxPlayers: spec.MaxPlayers, StartGapHours: spec.StartGapHours, StartGapPlayers: spec.StartGapPlayers,
		EnrollmentEndsAt: spec.EnrollmentEndsAt, Schedule: spec.Schedule, OrderGrace: spec.OrderGrace,
		EarlyTurn: spec.EarlyTurn, ShowReady: spec.ShowReady, CatchUp: spec.CatchUp, TargetVersion: spec.TargetVersion,
		CreatedBy: by.Principal, CreatedAt: by.At, UpdatedAt: by.At, Idempotency: idem,
		Runtime: Runtime{Status: RuntimeNone, Turn: NoTurn, Reports: NoTurn, Why: WhyIdle, WhySince: by.At},
	}
	if err := g.check(); err != nil {
		return GameChange{}, err
	}
	if err := g.Schedule.Validate(by.At, minInterval); err != nil {
		return GameChange{}, err
	}
	if e := spec.EnrollmentEndsAt; e != nil && !e.After(by.At) {
		return GameChange{}, errPastEnd
	}
	c := GameChange{Next: g}
	c.audit(by, "game.create", nil, map[string]any{"visibility": visibility})
	if owned {
		c.Next.Owner = &owner
		c.Owns = &Claim{owner, by.Rights.Numbers(by.At).MaxOwnedPrivateGames}
	}
	if spec.Race == "" {
		return c, nil
	}
	if !owned {
		return GameChange{}, Errorf(InvalidRequest, "race_name is for owners, and a public game has none")
	}
	key, err := RaceKey(spec.Race)
	if err == nil {
		err = by.Rights.Allows(ActJoinGame, by.At)
	}
	if err != nil {
		return GameChange{}, err
	}
	c.seat(spec.Seat, owner, spec.Race, key, by)
	return c, nil
}

var errPastEnd = Errorf(InvalidRequest, "enrollment_ends_at must be in the future")

// check holds a game's fields against their bounds. The schedule is checked where it is set: what holds of it depends
// on the machine too, and a game whose schedule no longer compiles must still take other edits.
func (g Game) check() error {
	if n := utf8.RuneCountInString(g.Name); n == 0 || n > maxGameName || !printable(g.Name, false) {
		return Errorf(InvalidRequest, "name must have 1 to %d printable characters", maxGameName)
	}
	if utf8.RuneCountInString(g.Description) > maxGameDescription || !printable(g.Description, true) {
		return Errorf(InvalidRequest, "description must have at most %d printable characters", maxGameDescription)
	}
	if g.MinPlayers < lowestMinPlayers || g.MaxPlayers > highestMaxPlayers || g.MaxPlayers < g.MinPlayers {
		return Errorf(InvalidRequest, "players must be %d ≤ min_players ≤ max_players ≤ %d", lowestMinPlayers, highestMaxPlayers)
	}
	if g.StartGapHours < 0 || g.StartGapHours > maxStartGapHours {
		return Errorf(InvalidRequest, "start_gap_hours must be 0 to %d", maxStartGapHours)
	}
	if g.StartGapPlayers < 0 || g.StartGapPlayers > maxStartGapPlayers || g.MaxPlayers+g.StartGapPlayers > highestMaxPlayers {
		return Errorf(InvalidRequest, "start_gap_players must be 0 to %d, and max_players with it at most %d", maxStartGapPlayers, highestMaxPlayers)
	}
	if d := g.OrderGrace; d != nil && (*d < 0 || *d > maxOrderGrace) {
		return Errorf(InvalidRequest, "order_grace_seconds must be 0 to %d", int(maxOrderGrace.Seconds()))
	}
	if g.CatchUp != CatchUpRunOnce && g.CatchUp != CatchUpSkip && g.CatchUp != CatchUpShift {
		return Errorf(InvalidRequest, "catch_up must be run_once, skip or shift")
	}
	if _, err := semver.StrictNewVersion(g.TargetVersion); g.TargetVersion != "" && err != nil {
		return Errorf(InvalidRequest, "target_engine_version must be a semantic version such as 1.2.3")
	}
	return nil
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

// Match refuses an edit that was meant for another version; 0 matches any.
func (g Game) Match(version int64) error {
	if version != 0 && version != g.Version {
		return ErrVersion
	}
	return nil
}

// Edit changes a game's fields, as far as its status lets: all of a draft; description, a later end and the seats while
// players enrol; description, schedule and what else steers the clock afterwards; the engine's version of a game that is stopped.
func (g Game) Edit(e GameEdit, by By, minInterval time.Duration) (GameChange, error) {
	if err := g.manages(by); err != nil {
		return GameChange{}, err
	}
	if field := e.locked(g); field != "" {
		return GameChange{}, Errorf(Conflict, "%s of a game that is %s cannot be changed", field, g.Status)
	}
	c := g.change(by, "game.edit")
	c.Audit[0].After = map[string]any{"changed": e.changed()}
	n := &c.Next
	set(&n.Name, e.Name)
	set(&n.Description, e.Description)
	set(&n.MinPlayers, e.MinPlayers)
	set(&n.MaxPlayers, e.MaxPlayers)
	set(&n.StartGapHours, e.StartGapHours)
	set(&n.StartGapPlayers, e.StartGapPlayers)
	set(&n.Schedule.Cron, e.Cron)
	set(&n.Schedule.Zone, e.Zone)
	set(&n.EarlyTurn, e.EarlyTurn)
	set(&n.ShowReady, e.ShowReady)
	set(&n.CatchUp, e.CatchUp)
	set(&n.TargetVersion, e.TargetVersion)
	if err := c.retarget(e, by); err != nil {
		return GameChange{}, err
	}
	if e.OrderGrace != nil {
		n.OrderGrace = e.OrderGrace
	}
	if err := n.check(); err != nil {
		return GameChange{}, err
	}
	scheduled := e.Cron != nil || e.Zone != nil
	if scheduled {
		if err := n.Schedule.Validate(by.At, minInterval); err != nil {
			return GameChange{}, err
		}
	}
	if err := c.moveEnd(e.EnrollmentEndsAt, by); err != nil {
		return GameChange{}, err
	}
	if seats := len(g.Active()); n.MaxPlayers < seats {
		return GameChange{}, Errorf(Conflict, "max_players cannot be less than the %d players who are in", seats)
	}
	rescheduled := n.Schedule != g.Schedule || scheduled && g.unscheduled()
	if !rescheduled && n.sameSettings(g) {
		return GameChange{}, nil
	}
	if rescheduled {
		c.reschedule(by)
	}
	c.arrange(by)
	c.updated(by)
	c.countReady(by)
	return c, nil
}

// sameSettings reports whether nothing differs that an edit can change.
func (g Game) sameSettings(o Game) bool {
	values := func(g Game) [11]any {
		return [11]any{g.Name, g.Description, g.MinPlayers, g.MaxPlayers, g.StartGapHours, g.StartGapPlayers,
			g.Schedule, g.EarlyTurn, g.ShowReady,
			g.CatchUp, g.TargetVersion}
	}
	grace := g.OrderGrace == o.OrderGrace || g.OrderGrace != nil && o.OrderGrace != nil && *g.OrderGrace == *o.OrderGrace
	return grace && values(g) == values(o) && sameTime(g.EnrollmentEndsAt, o.EnrollmentEndsAt)
}

func set[T any](field *T, to *T) {
	if to != nil {
		*field = *to
	}
}

// moveEnd sets when the enrolment ends: a draft's freely, and later only once it is open.
func (c *GameChange) moveEnd(end *time.Time, by By) error {
	switch {
	case end == nil:
		return nil
	case !end.After(by.At):
		return errPastEnd
	case c.Next.Status == EnrollmentOpen && c.Next.EnrollmentEndsAt != nil && end.Before(*c.Next.EnrollmentEndsAt):
		return Errorf(Conflict, "enrollment_ends_at can only be made later while players enrol")
	}
	c.Next.EnrollmentEndsAt = end
	return nil
}

// editField is a field that can be edited, whether an edit does, and whether a status lets it.
type editField struct {
	name string
	set  bool
	free bool
}

func (e GameEdit) fields(g Game) []editField {
	s := g.Status
	draft, open, over := s == Draft, s == EnrollmentOpen, s == Finished || s == Cancelled
	stopped := s == Paused && (g.Runtime.Status == RuntimeStopped || g.Runtime.Status == RuntimeRemoved) && (g.Runtime.Op == nil || g.Runtime.Op.Kind == OpTurn)
	return []editField{
		{"name", e.Name != nil, draft},
		{"description", e.Description != nil, !over},
		{"min_players", e.MinPlayers != nil, draft},
		{"max_players", e.MaxPlayers != nil, draft || open},
		{"start_gap_hours", e.StartGapHours != nil, draft},
		{"start_gap_players", e.StartGapPlayers != nil, draft},
		{"enrollment_ends_at", e.EnrollmentEndsAt != nil, draft || open},
		{"turn_schedule", e.Cron != nil, draft || !open && !over},
		{"schedule_time_zone", e.Zone != nil, draft || !open && !over},
		{"order_grace_seconds", e.OrderGrace != nil, draft || !open && !over},
		{"early_turn", e.EarlyTurn != nil, draft || !open && !over},
		{"show_ready", e.ShowReady != nil, draft || !open && !over},
		{"catch_up", e.CatchUp != nil, draft || !open && !over},
		{"target_engine_version", e.TargetVersion != nil, draft || stopped},
		{"state_restored", e.StateRestored != nil, stopped},
	}
}

// locked names a field that an edit changes and a status does not allow to.
func (e GameEdit) locked(g Game) string {
	for _, f := range e.fields(g) {
		if f.set && !f.free {
			return f.name
		}
	}
	if g.over() {
		return "anything"
	}
	return ""
}

// changed names the fields that an edit changes.
func (e GameEdit) changed() (names []string) {
	for _, f := range e.fields(Game{Status: Draft}) {
		if f.set {
			names = append(names, f.name)
		}
	}
	return names
}
