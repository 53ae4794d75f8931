package galaxy

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var statuses = []GameStatus{Draft, EnrollmentOpen, ReadyToStart, Starting, StartFailed, Running, Paused, Finished, Cancelled}

var engine1 = EngineVersion{Version: "1.0.0", ImageRef: "engine:1", Enabled: true, ExpectedTurn: true}

func paid(at time.Time) Rights {
	return Rights{Entitlement: EntitlementOf(TierPermanent, "test", at, nil)}
}

func player(id UserID, when time.Time) By {
	return By{Principal: User(id), RequestID: "r", At: when, Rights: paid(when)}
}

// private is a private game with open enrolment, its owner its first member.
func private(t *testing.T, change ...func(*GameSpec)) (Game, UserID) {
	t.Helper()
	owner := UserID{NewID()}
	spec := GameSpec{Name: "Sirius", MinPlayers: 2, MaxPlayers: 3, Schedule: Schedule{Cron: "0 21 * * *"}, Race: "Owner", Seat: MembershipID{NewID()}}
	for _, f := range change {
		f(&spec)
	}
	c, err := NewGame(GameID{NewID()}, Private, spec, Idempotency{}, player(owner, noon), time.Minute)
	require.NoError(t, err)
	require.Equal(t, &Claim{owner, 10}, c.Owns)
	c, err = c.Next.OpenEnrollment(new(noon.Add(100*time.Hour)), player(owner, noon))
	require.NoError(t, err)
	return c.Next, owner
}

// guest invites somebody who takes the seat at once.
func guest(t *testing.T, g Game, race string, when time.Time) (Game, UserID) {
	t.Helper()
	user := UserID{NewID()}
	c, i, err := g.Invite(InviteID{NewID()}, user, when.Add(time.Hour), Idempotency{}, operator(when))
	require.NoError(t, err)
	c, _, err = c.Next.Redeem(i.ID, user, MembershipID{NewID()}, race, player(user, when))
	require.NoError(t, err)
	return c.Next, user
}

// in puts a game into a status, with what belongs to it.
func (g Game) in(s GameStatus) Game {
	g.Status = s
	switch s {
	case Running, Paused:
		g.Runtime.Status, g.Runtime.Turn, g.Runtime.Deadline = RuntimeRunning, 3, new(noon.Add(9*time.Hour))
	case Starting:
		g.Runtime.Status, g.Runtime.Op = RuntimeStarting, &Operation{Kind: OpStart, Number: 1}
	case Finished:
		g.Runtime.Status = RuntimeFinished
	}
	return g
}

// TestTheTableOfMoves: who may make which move from where, and where it leads.
func TestTheTableOfMoves(t *testing.T) {
	g, owner := private(t)
	g, other := guest(t, g, "Guest", noon)
	moves := []struct {
		name    string
		admin   bool // operators alone have it
		do      func(Game, By) (GameChange, error)
		leads   map[GameStatus]GameStatus // for operators
		refuses []GameStatus              // that the owner may not do it from
	}{
		{"open-enrollment", false, func(g Game, by By) (GameChange, error) { return g.OpenEnrollment(new(noon.Add(time.Hour)), by) },
			map[GameStatus]GameStatus{Draft: EnrollmentOpen, ReadyToStart: EnrollmentOpen}, nil},
		{"ready-to-start", false, func(g Game, by By) (GameChange, error) { return g.ReadyToStart(by) },
			map[GameStatus]GameStatus{EnrollmentOpen: ReadyToStart, StartFailed: ReadyToStart}, nil},
		{"start", false, func(g Game, by By) (GameChange, error) { return g.Start(engine1, by) }, map[GameStatus]GameStatus{ReadyToStart: Starting}, nil},
		{"retry-start", false, func(g Game, by By) (GameChange, error) { return g.RetryStart(engine1, by) }, map[GameStatus]GameStatus{StartFailed: Starting}, nil},
		{"force-start", true, func(g Game, by By) (GameChange, error) { return g.ForceStart(engine1, by) },
			map[GameStatus]GameStatus{EnrollmentOpen: Starting, ReadyToStart: Starting, StartFailed: Starting}, nil},
		{"force-stop", true, func(g Game, by By) (GameChange, error) { return g.ForceStop(by) },
			map[GameStatus]GameStatus{Starting: StartFailed, Running: Paused, Paused: Paused}, nil},
		{"pause", false, func(g Game, by By) (GameChange, error) { return g.Pause(by) }, map[GameStatus]GameStatus{Running: Paused}, nil},
		{"resume", false, func(g Game, by By) (GameChange, error) { return g.Resume(nil, by) }, map[GameStatus]GameStatus{Paused: Paused}, nil},
		{"cancel", false, func(g Game, by By) (GameChange, error) { return g.Cancel("", by) }, map[GameStatus]GameStatus{Draft: Cancelled, EnrollmentOpen: Cancelled,
			ReadyToStart: Cancelled, Starting: Cancelled, StartFailed: Cancelled, Running: Cancelled, Paused: Cancelled}, []GameStatus{Starting, Running, Paused}},
		{"transfer", false, func(g Game, by By) (GameChange, error) { return g.Transfer(other, by) }, map[GameStatus]GameStatus{Draft: Draft, EnrollmentOpen: EnrollmentOpen,
			ReadyToStart: ReadyToStart, Starting: Starting, StartFailed: StartFailed, Running: Running, Paused: Paused}, nil},
	}
	for _, m := range moves {
		for _, from := range statuses {
			at := g.in(from)
			to, legal := m.leads[from]
			c, err := m.do(at, operator(noon))
			if !legal {
				require.Equal(t, Conflict, CodeOf(err), "%s from %s", m.name, from)
				require.True(t, c.Nothing())
			} else {
				require.NoError(t, err, "%s from %s", m.name, from)
				require.Equal(t, to, c.Next.Status, "%s from %s", m.name, from)
				require.NotEmpty(t, c.Audit)
			}
			if m.admin {
				continue
			}
			_, err = m.do(at, player(owner, noon))
			if legal && !slices.Contains(m.refuses, from) {
				require.NoError(t, err, "%s from %s by the owner", m.name, from)
			} else {
				require.Equal(t, Conflict, CodeOf(err), "%s from %s by the owner", m.name, from)
			}
			_, err = m.do(at, player(other, noon))
			require.Equal(t, Forbidden, CodeOf(err), "%s from %s by a member", m.name, from)
			_, err = m.do(at, player(UserID{NewID()}, noon))
			require.Equal(t, NotFound, CodeOf(err), "%s from %s by a stranger", m.name, from)
			sanctioned := player(owner, noon)
			sanctioned.Rights.Sanctions = []Sanction{{Kind: PrivateGameManageBlock}}
			_, err = m.do(at, sanctioned)
			require.Equal(t, Forbidden, CodeOf(err), "%s from %s by an owner who must not manage", m.name, from)
		}
	}
}

func TestClosingTheEnrolmentAnswersWhoWaits(t *testing.T) {
	g, owner := private(t)
	g, _ = guest(t, g, "Guest", noon)
	late := UserID{NewID()}
	c, _, err := g.Invite(InviteID{NewID()}, late, noon.Add(time.Hour), Idempotency{}, player(owner, noon))
	require.NoError(t, err)
	c, err = c.Next.ReadyToStart(player(owner, noon))
	require.NoError(t, err)
	require.Equal(t, InviteExpired, c.Invites[0].Status)
	require.Equal(t, []Kind{InviteWithdrawn, GameUpdated}, []Kind{c.Notices[0].Kind, c.Notices[1].Kind})
	require.Equal(t, []UserID{late}, c.Notices[0].Recipients)
	require.Nil(t, c.Next.WakeAt())
	public := opened(t, 2)
	public, a := applied(t, public)
	c, err = public.ForceStart(engine1, operator(noon))
	require.NoError(t, err)
	require.Equal(t, ApplicationWasRejected, c.Applications[0].Status)
	require.Equal(t, ApplicationRejected, c.Notices[0].Kind)
	require.Equal(t, []UserID{a.User}, c.Notices[0].Recipients)
}

func applied(t *testing.T, g Game) (Game, Application) {
	t.Helper()
	c, a, err := g.Apply(ApplicationID{NewID()}, UserID{NewID()}, "Waiting", Idempotency{}, operator(noon))
	require.NoError(t, err)
	return c.Next, a
}

func TestCancellingReleasesEveryName(t *testing.T) {
	g := running(t)
	c, _, err := g.Remove(g.Members[0].ID, "idle", operator(noon))
	require.NoError(t, err)
	require.Empty(t, c.Names, "the name is kept until the end")
	require.Equal(t, []string{g.Members[0].Race}, c.Next.Banished())
	require.Equal(t, MembershipRemoved, c.Notices[0].Kind)
	c, err = c.Next.Cancel("no more", operator(noon))
	require.NoError(t, err)
	require.Len(t, c.Names, 2)
	require.Equal(t, OpStop, c.Next.Runtime.Op.Kind)
	again, err := c.Next.Cancel("", operator(noon))
	require.Equal(t, Conflict, CodeOf(err))
	require.True(t, again.Nothing())
	stale := c.Next.TurnMade(c.Next.Runtime.Op.Number, 1, shows(g, 1, "d1"), operator(noon))
	require.True(t, stale.Nothing(), "what was under way comes to nothing")
	require.Equal(t, RuntimeStopped, c.Next.Stopped(c.Next.Runtime.Op.Number, operator(noon)).Next.Runtime.Status)
}

func TestTheGapBeforeAnAutomaticStart(t *testing.T) {
	g, _ := private(t, func(s *GameSpec) { s.StartGapHours, s.StartGapPlayers = 24, 1 })
	require.False(t, g.StartsBy(noon.Add(99*time.Hour)))
	require.Equal(t, *g.EnrollmentEndsAt, *g.WakeAt())
	g, _ = guest(t, g, "One", noon)
	require.Nil(t, g.GapSince)
	later := noon.Add(time.Hour)
	g, last := guest(t, g, "Two", later)
	require.Equal(t, later, *g.GapSince, "it begins when max_players are in")
	require.Equal(t, later.Add(24*time.Hour), *g.WakeAt())
	require.False(t, g.StartsBy(later.Add(24*time.Hour-time.Second)))
	require.True(t, g.StartsBy(later.Add(24*time.Hour)))
	full, _ := guest(t, g, "Three", later)
	require.True(t, full.StartsBy(later), "it ends when its own seats are taken")
	_, _, err := full.Invite(InviteID{NewID()}, UserID{NewID()}, later.Add(time.Hour), Idempotency{}, operator(later))
	require.Equal(t, Conflict, CodeOf(err))
	c, _, err := g.Leave(last, player(last, later))
	require.NoError(t, err)
	require.Nil(t, c.Next.GapSince, "it is void when somebody leaves")
	require.Equal(t, NameRelease, c.Names[0].Move)
	short := g
	short.EnrollmentEndsAt = new(later.Add(2 * time.Hour))
	require.True(t, short.StartsBy(later.Add(2*time.Hour)), "it never outlasts the enrolment")
	started := g.AutoStart(engine1, nil, operator(later.Add(24*time.Hour)))
	require.Equal(t, Starting, started.Next.Status)
	require.True(t, g.AutoStart(engine1, nil, operator(later)).Nothing())
	failed := g.AutoStart(EngineVersion{}, Errorf(Conflict, "no engine version is enabled"), operator(later.Add(24*time.Hour)))
	require.Equal(t, StartFailed, failed.Next.Status)
	require.Contains(t, failed.Next.Reason, "no engine version is enabled")
	alone, _ := private(t)
	require.Equal(t, noon, *func() *time.Time {
		g, _ := guest(t, alone, "A", noon)
		g, _ = guest(t, g, "B", noon)
		return g.WakeAt()
	}(), "without a gap it starts at once")
}

func TestWhatLapses(t *testing.T) {
	g, owner := private(t)
	c, _, err := g.Invite(InviteID{NewID()}, UserID{NewID()}, noon.Add(time.Hour), Idempotency{}, player(owner, noon))
	require.NoError(t, err)
	g = c.Next
	require.True(t, g.Lapse(operator(noon)).Nothing())
	c = g.Lapse(operator(noon.Add(time.Hour)))
	require.Equal(t, InviteExpired, c.Invites[0].Status)
	require.Empty(t, c.Next.Invites)
	c = g.Lapse(operator(noon.Add(100 * time.Hour)))
	require.Equal(t, Cancelled, c.Next.Status)
	require.Equal(t, "enrollment_expired", c.Next.Reason)
	require.Equal(t, NameRelease, c.Names[0].Move)
	enough, _ := guest(t, g, "Guest", noon)
	require.True(t, enough.StartsBy(noon.Add(100*time.Hour)))
	require.True(t, enough.Lapse(operator(noon.Add(100*time.Hour))).Nothing())
}

func TestWhatMayBeEdited(t *testing.T) {
	g, owner := private(t)
	by := player(owner, noon)
	text, four, later, sooner, schedule, grace := "New", 4, noon.Add(200*time.Hour), noon.Add(50*time.Hour), "0 9 * * *", time.Hour
	edits := map[string]struct {
		edit GameEdit
		in   []GameStatus
	}{
		"the name":        {GameEdit{Name: &text}, []GameStatus{Draft}},
		"the description": {GameEdit{Description: &text}, []GameStatus{Draft, EnrollmentOpen, ReadyToStart, Starting, StartFailed, Running, Paused}},
		"the seats":       {GameEdit{MaxPlayers: &four}, []GameStatus{Draft, EnrollmentOpen}},
		"a later end":     {GameEdit{EnrollmentEndsAt: &later}, []GameStatus{Draft, EnrollmentOpen}},
		"an earlier end":  {GameEdit{EnrollmentEndsAt: &sooner}, []GameStatus{Draft}},
		"the schedule":    {GameEdit{Cron: &schedule}, []GameStatus{Draft, ReadyToStart, Starting, StartFailed, Running, Paused}},
		"the grace":       {GameEdit{OrderGrace: &grace}, []GameStatus{Draft, ReadyToStart, Starting, StartFailed, Running, Paused}},
		"nothing":         {GameEdit{}, []GameStatus{Draft, EnrollmentOpen, ReadyToStart, Starting, StartFailed, Running, Paused}},
	}
	for name, e := range edits {
		for _, s := range statuses {
			c, err := g.in(s).Edit(e.edit, by, time.Minute)
			if slices.Contains(e.in, s) {
				require.NoError(t, err, "%s of a game that is %s", name, s)
				require.Equal(t, name == "nothing", c.Nothing(), "what changes nothing is neither told nor audited")
				if c.Nothing() {
					continue
				}
				require.Equal(t, GameUpdated, c.Notices[0].Kind)
				require.Contains(t, c.Audit[0].After, "changed")
				again, err := c.Next.Edit(e.edit, by, time.Minute)
				require.NoError(t, err)
				require.True(t, again.Nothing(), "%s, once more", name)
			} else {
				require.Equal(t, Conflict, CodeOf(err), "%s of a game that is %s", name, s)
			}
		}
	}
	c, err := g.in(Running).Edit(edits["the schedule"].edit, by, time.Minute)
	require.NoError(t, err)
	require.Equal(t, at("2026-01-02T09:00:00Z"), *c.Next.Runtime.Deadline, "the next deadline is computed anew")
	one := 1
	for name, bad := range map[string]GameEdit{"no name": {Name: new("")}, "max below min": {MaxPlayers: &one}, "a cron that never fires": {Cron: new("0 0 30 2 *")},
		"a zone that is none": {Zone: new("Mars/Olympus")}, "an end in the past": {EnrollmentEndsAt: new(noon.Add(-time.Hour))}, "a gap of a month": {StartGapHours: new(720)},
		"a gap of many": {StartGapPlayers: new(17)}, "a gap larger than a game": {MaxPlayers: new(60), StartGapPlayers: new(5)}, "a version that is none": {TargetVersion: new("newest")}, "every minute": {Cron: new("* * * * *")}} {
		_, err := g.in(Draft).Edit(bad, by, 5*time.Minute)
		require.Equal(t, InvalidRequest, CodeOf(err), name)
	}
	crowded, _ := guest(t, g, "Guest", noon)
	crowded, _ = guest(t, crowded, "More", noon)
	_, err = crowded.Edit(GameEdit{MaxPlayers: new(2)}, by, time.Minute)
	require.Equal(t, Conflict, CodeOf(err), "fewer seats than players")
	require.ErrorIs(t, g.Match(g.Version+1), ErrVersion)
}
