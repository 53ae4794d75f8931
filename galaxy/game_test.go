package galaxy

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var noon = at("2026-01-01T12:00:00Z")

func operator(when time.Time) By { return By{Principal: Admin("root"), RequestID: "r", At: when} }

// opened is a game with open enrolment and n members; each step is adopted as a commit would.
func opened(t *testing.T, n int) Game {
	t.Helper()
	c, err := NewGame(GameID{NewID()}, Public, GameSpec{Name: "Test", MinPlayers: 2, MaxPlayers: 3, Schedule: Schedule{Cron: "0 21 * * *"}}, Idempotency{}, operator(noon), time.Minute)
	require.NoError(t, err)
	c, err = c.Next.OpenEnrollment(new(noon.Add(time.Hour)), operator(noon))
	require.NoError(t, err)
	g := c.Next
	for i := range n {
		applied, a, err := g.Apply(ApplicationID{NewID()}, UserID{NewID()}, "Race-"+string(rune('A'+i)), Idempotency{}, operator(noon))
		require.NoError(t, err)
		approved, _, err := applied.Next.Approve(a.ID, MembershipID{NewID()}, operator(noon))
		require.NoError(t, err)
		require.Len(t, approved.Names, 1)
		g = approved.Next
	}
	return g
}

// running is a game at turn 0.
func running(t *testing.T) Game {
	t.Helper()
	c, err := opened(t, 2).ForceStart(EngineVersion{Version: "1.0.0", ImageRef: "engine:1", Enabled: true, ExpectedTurn: true}, operator(noon))
	require.NoError(t, err)
	g := c.Next
	return g.EngineUp(shows(g, 0, "d0"), operator(noon)).Next
}

func shows(g Game, turn int, digest string) EngineStatus {
	s := EngineStatus{Game: g.ID, Turn: turn, Digest: digest, State: "running"}
	for _, m := range g.Active() {
		s.Players = append(s.Players, EnginePlayer{Race: m.Race})
	}
	return s
}

func TestWhoMayApply(t *testing.T) {
	g := opened(t, 1)
	member := g.Members[0].User
	pending, waits, err := g.Apply(ApplicationID{NewID()}, UserID{NewID()}, "Waiting", Idempotency{Key: "k"}, operator(noon))
	require.NoError(t, err)
	draft := g
	draft.Status = Draft
	private := g
	private.Visibility = Private
	for name, c := range map[string]struct {
		game Game
		user UserID
		race string
		when time.Time
		want Code
	}{
		"a stranger":              {g, UserID{NewID()}, "Other", noon, ""},
		"a member":                {g, member, "Other", noon, Conflict},
		"who has applied":         {pending.Next, waits.User, "Other", noon, Conflict},
		"under a name that is in": {g, UserID{NewID()}, "race_a", noon, NameTaken},
		"under no name":           {g, UserID{NewID()}, "", noon, InvalidRequest},
		"after the end":           {g, UserID{NewID()}, "Other", noon.Add(2 * time.Hour), Conflict},
		"to a draft":              {draft, UserID{NewID()}, "Other", noon, NotFound},
		"to a private game":       {private, UserID{NewID()}, "Other", noon, NotFound},
		"to a game that is full":  {opened(t, 3), UserID{NewID()}, "Other", noon, Conflict},
	} {
		_, _, err := c.game.Apply(ApplicationID{NewID()}, c.user, c.race, Idempotency{}, operator(c.when))
		if c.want == "" {
			require.NoError(t, err, name)
		} else {
			require.Equal(t, c.want, CodeOf(err), name)
		}
	}
}

// TestTheTableOfATurn is the table of what an engine that has come up, or has been asked for a turn, means.
func TestTheTableOfATurn(t *testing.T) {
	g := running(t)
	claimed, err := g.ClaimTurn(CauseSchedule, operator(noon))
	require.NoError(t, err)
	for name, c := range map[string]struct {
		game    Game
		engine  EngineStatus
		turn    int
		status  GameStatus
		runtime RuntimeStatus
		outcome TimelineOutcome
		attempt int
	}{
		"N with the claim open: generate":       {claimed.Next, shows(g, 0, "d0"), 0, Running, RuntimeGenerating, "", 2},
		"N+1 with the claim open: adopt":        {claimed.Next, shows(g, 1, "d1"), 1, Running, RuntimeRunning, TimelineRan, 0},
		"N+1 without a claim: external":         {g, shows(g, 1, "d1"), 1, Running, RuntimeRunning, TimelineExternal, 0},
		"another digest: hold":                  {claimed.Next, shows(g, 0, "other"), 0, Paused, RuntimeRunning, TimelineHeld, 1},
		"a later turn: hold":                    {g, shows(g, 2, "d2"), 0, Paused, RuntimeRunning, TimelineHeld, 0},
		"another game: hold":                    {g, EngineStatus{Game: GameID{NewID()}, Turn: 0, Digest: "d0"}, 0, Paused, RuntimeRunning, TimelineHeld, 0},
		"N without a claim: nothing to be done": {g, shows(g, 0, "d0"), -1, "", "", "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			change := c.game.EngineUp(c.engine, operator(noon.Add(10*time.Hour)))
			if c.turn < 0 {
				require.True(t, change.Nothing())
				return
			}
			next := change.Next
			require.Equal(t, c.turn, next.Runtime.Turn)
			require.Equal(t, c.status, next.Status)
			require.Equal(t, c.runtime, next.Runtime.Status)
			if c.outcome != "" {
				require.Equal(t, c.outcome, change.Timeline[0].Outcome)
			}
			if c.attempt > 0 {
				require.Equal(t, c.attempt, next.Runtime.Op.Attempt)
			} else {
				require.Nil(t, next.Runtime.Op)
			}
			if c.status == Paused {
				require.Nil(t, next.Runtime.Deadline)
				require.Equal(t, GamePaused, change.Notices[0].Kind)
				require.True(t, next.EngineUp(shows(g, 1, "d1"), operator(noon)).Nothing(), "only an operator goes on")
			}
		})
	}
}

func TestATurnIsMadeOnce(t *testing.T) {
	g := running(t)
	due := at("2026-01-01T21:00:00Z")
	require.Equal(t, due, *g.Runtime.Deadline)
	require.False(t, g.Due(due.Add(-time.Second)))
	require.True(t, g.Due(due))
	claimed, err := g.ClaimTurn(CauseSchedule, operator(due))
	require.NoError(t, err)
	require.False(t, claimed.Next.Due(due))
	_, err = claimed.Next.ClaimTurn(CauseSchedule, operator(due))
	require.Equal(t, Conflict, CodeOf(err))
	op := claimed.Next.Runtime.Op
	for name, stale := range map[string][2]int64{"an older operation": {op.Number - 1, 1}, "an older attempt": {op.Number, 0}} {
		require.True(t, claimed.Next.TurnMade(stale[0], int(stale[1]), shows(g, 1, "d1"), operator(due)).Nothing(), name)
		require.True(t, claimed.Next.TurnFailed(stale[0], int(stale[1]), "no", operator(due)).Nothing(), name)
	}
	made := claimed.Next.TurnMade(op.Number, 1, shows(g, 1, "d1"), operator(due.Add(3*time.Second)))
	require.Equal(t, 3*time.Second, made.Timeline[0].Lateness)
	require.Equal(t, due.AddDate(0, 0, 1), *made.Next.Runtime.Deadline)
	require.Equal(t, "turn-ready:"+g.ID.String()+":1", made.Notices[0].Key)
	require.True(t, made.Next.TurnMade(op.Number, 1, shows(g, 1, "d1"), operator(due)).Nothing(), "the same result twice")
	_, err = made.Next.ForceTurn(1, operator(due))
	require.Equal(t, Conflict, CodeOf(err))
}

func TestWhenOrdersAreTaken(t *testing.T) {
	g := running(t)
	user := g.Members[0].User
	claimed, err := g.ClaimTurn(CauseForced, operator(noon))
	require.NoError(t, err)
	paused, err := g.ForceStop(operator(noon))
	require.NoError(t, err)
	for name, c := range map[string]struct {
		game Game
		user UserID
		turn int
		when time.Time
		want Code
	}{
		"before the deadline":      {g, user, 1, noon, ""},
		"at the deadline":          {g, user, 1, *g.Runtime.Deadline, TurnAlreadyClosed},
		"for a turn that is made":  {g, user, 0, noon, TurnAlreadyClosed},
		"for a turn to come":       {g, user, 2, noon, Conflict},
		"while the turn is made":   {claimed.Next, user, 1, noon, TurnAlreadyClosed},
		"while the game is paused": {paused.Next, user, 1, noon, Conflict},
		"by a stranger":            {g, UserID{NewID()}, 1, noon, Forbidden},
		"while the engine is away": {g.EngineDown("x", "", operator(noon)).Next, user, 1, noon, ServiceUnavailable},
	} {
		_, err := c.game.OrdersFor(c.user, c.turn, c.when)
		if c.want == "" {
			require.NoError(t, err, name)
		} else {
			require.Equal(t, c.want, CodeOf(err), name)
		}
	}
}

func TestASecondPauseInOneTurnIsASecondNotice(t *testing.T) {
	g := running(t)
	first := g.EngineGone("x", operator(noon))
	again := first.Next
	again.Status = Running
	second := again.EngineGone("x", operator(noon))
	require.Equal(t, "paused:"+g.ID.String()+":0", first.Notices[0].Key)
	require.Equal(t, "paused:"+g.ID.String()+":0:2", second.Notices[0].Key)
}
