package galaxy

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// evening is when running's next turn is due.
var evening = at("2026-01-01T21:00:00Z")

func TestMovingADeadline(t *testing.T) {
	g := running(t)
	require.Equal(t, evening, *g.Runtime.Deadline)
	claimed, err := g.ClaimTurn(CauseForced, operator(noon))
	require.NoError(t, err)
	paused, err := g.Pause(operator(noon))
	require.NoError(t, err)
	for name, c := range map[string]struct {
		game Game
		turn int
		to   time.Time
		when time.Time
		want Code
	}{
		"later":                            {g, 1, evening.Add(time.Hour), noon, ""},
		"sooner":                           {g, 1, noon.Add(time.Minute), noon, ""},
		"into the past":                    {g, 1, noon, noon, InvalidRequest},
		"beyond a year":                    {g, 1, noon.Add(400 * 24 * time.Hour), noon, InvalidRequest},
		"of a turn that is made":           {g, 0, evening.Add(time.Hour), noon, TurnAlreadyClosed},
		"of a turn that has not come":      {g, 2, evening.Add(time.Hour), noon, Conflict},
		"of a turn whose deadline is over": {g, 1, evening.Add(time.Hour), evening, TurnAlreadyClosed},
		"of a turn that is being made":     {claimed.Next, 1, evening.Add(time.Hour), noon, TurnAlreadyClosed},
		"of a game that is paused":         {paused.Next, 1, evening.Add(time.Hour), noon, Conflict},
	} {
		t.Run(name, func(t *testing.T) {
			moved, err := c.game.MoveDeadline(c.turn, c.to, operator(c.when))
			if c.want != "" {
				require.Equal(t, c.want, CodeOf(err), "%v", err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.to, *moved.Next.Runtime.Deadline)
			require.Equal(t, GameUpdated, moved.Notices[0].Kind, "members are told")
			require.Equal(t, "game.move_deadline", moved.Audit[0].Action)
		})
	}
	owner := g.Members[0].User
	_, err = g.MoveDeadline(1, evening.Add(time.Hour), player(owner, noon))
	require.Equal(t, Forbidden, CodeOf(err))
}

// TestADeadlineThatIsSetAgain: a repeated request stores, audits and tells nothing; a makeup's deadline becomes an
// ordinary one.
func TestADeadlineThatIsSetAgain(t *testing.T) {
	g := running(t)
	at := noon.Add(time.Hour)
	moved, err := g.MoveDeadline(1, at.Add(123*time.Nanosecond), operator(noon))
	require.NoError(t, err)
	again, err := moved.Next.MoveDeadline(1, at, operator(noon.Add(time.Minute)))
	require.NoError(t, err)
	require.True(t, again.Nothing(), "times are stored to the microsecond")
	makeup := moved.Next
	makeup.Runtime.Makeup = true
	again, err = makeup.MoveDeadline(1, at, operator(noon.Add(time.Minute)))
	require.NoError(t, err)
	require.False(t, again.Nothing())
	require.False(t, again.Next.Runtime.Makeup)
}

func TestTheScheduleGoesOnAfterAMovedDeadline(t *testing.T) {
	g := running(t)
	moved, err := g.MoveDeadline(1, evening.Add(-time.Hour), operator(noon))
	require.NoError(t, err)
	made := turnAt(t, moved.Next, evening.Add(-time.Hour))
	require.Equal(t, evening, *made.Next.Runtime.Deadline, "the first tick after the deadline that was consumed")
	forced, err := g.ForceTurn(1, operator(noon))
	require.NoError(t, err)
	made = forced.Next.TurnMade(1+g.Runtime.OpNumber, 1, shows(g, 1, "d1"), operator(noon.Add(time.Second)))
	require.Equal(t, evening.AddDate(0, 0, 1), *made.Next.Runtime.Deadline, "a forced turn consumes the deadline too")
}

// turnAt has the turn that is due made at now.
func turnAt(t *testing.T, g Game, now time.Time) GameChange {
	t.Helper()
	require.True(t, g.Due(now))
	claimed, err := g.ClaimDue(operator(now))
	require.NoError(t, err)
	op := claimed.Next.Runtime.Op
	return claimed.Next.TurnMade(op.Number, op.Attempt, shows(g, g.Runtime.Turn+1, "next"), operator(now))
}

// TestWhatAnOutageMeans: the game is due every evening at nine; its grace is two hours.
func TestWhatAnOutageMeans(t *testing.T) {
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		catchUp  CatchUp
		from, to time.Duration // after noon of the first day
		want     time.Duration // the deadline, after noon
		skipped  int
		makeup   bool
	}{
		"a restart is not noticed":                 {CatchUpRunOnce, 8 * time.Hour, 8*time.Hour + 59*time.Second, 9 * time.Hour, 0, false},
		"not even over a deadline":                 {CatchUpSkip, 9*time.Hour - 10*time.Second, 9*time.Hour + 10*time.Second, 9 * time.Hour, 0, false},
		"an outage long before the deadline":       {CatchUpRunOnce, time.Hour, 2 * time.Hour, 9 * time.Hour, 0, false},
		"shortly before it: there is time again":   {CatchUpRunOnce, 7 * time.Hour, 8 * time.Hour, 10 * time.Hour, 0, false},
		"run_once: over one deadline":              {CatchUpRunOnce, 8 * time.Hour, 10 * time.Hour, 12 * time.Hour, 0, true},
		"run_once: one turn for three deadlines":   {CatchUpRunOnce, 8 * time.Hour, 2*day + 10*time.Hour, 2*day + 12*time.Hour, 2, true},
		"skip: the next tick is waited for":        {CatchUpSkip, 8 * time.Hour, 10 * time.Hour, day + 9*time.Hour, 1, false},
		"skip: three ticks":                        {CatchUpSkip, 8 * time.Hour, 2*day + 10*time.Hour, 3*day + 9*time.Hour, 3, false},
		"skip: with time before the next tick":     {CatchUpSkip, 8 * time.Hour, day + 8*time.Hour, day + 10*time.Hour, 1, false},
		"shift: by as long as the outage was":      {CatchUpShift, 8 * time.Hour, 10*time.Hour + 30*time.Minute, 12*time.Hour + 30*time.Minute, 0, false},
		"shift: also when no deadline was missed":  {CatchUpShift, time.Hour, 4 * time.Hour, 12 * time.Hour, 0, false},
		"it was due before the outage and not run": {CatchUpRunOnce, 9*time.Hour + time.Minute, 10 * time.Hour, 12 * time.Hour, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			g := running(t)
			g.CatchUp = c.catchUp
			outage := []Outage{{noon.Add(c.from), noon.Add(c.to)}}
			now := noon.Add(c.to + time.Second)
			change := g.CatchUpWith(outage, operator(now))
			after := g
			if !change.Nothing() {
				after = change.Next
				require.Equal(t, GameUpdated, change.Notices[0].Kind)
			}
			require.Equal(t, noon.Add(c.want), *after.Runtime.Deadline)
			require.Equal(t, c.makeup, after.Runtime.Makeup)
			require.Len(t, change.Timeline, c.skipped)
			for _, line := range change.Timeline {
				require.Equal(t, TimelineSkipped, line.Outcome)
			}
			require.True(t, after.CatchUpWith(outage, operator(now.Add(time.Hour))).Nothing(), "an outage counts once")
		})
	}
}

// TestAnotherScheduleMovesOnlyADeadlineThatIsToCome: one that has passed stands, and so does that of a turn being made.
func TestAnotherScheduleMovesOnlyADeadlineThatIsToCome(t *testing.T) {
	g := running(t)
	restarted, err := g.Restart(operator(noon))
	require.NoError(t, err)
	claimed, err := g.ClaimTurn(CauseForced, operator(noon))
	require.NoError(t, err)
	for name, c := range map[string]struct {
		g    Game
		at   time.Time
		want time.Time
	}{
		"to come":                       {g, noon, noon.Add(3 * time.Hour)},
		"while its engine is restarted": {restarted.Next, noon, noon.Add(3 * time.Hour)},
		"passed":                        {g, evening, evening},
		"its turn is being made":        {claimed.Next, noon, evening},
	} {
		edited, err := c.g.Edit(GameEdit{Cron: new("0 15 * * *")}, operator(c.at), time.Minute)
		require.NoError(t, err, name)
		require.Equal(t, c.want, *edited.Next.Runtime.Deadline, name)
	}
}

// TestOutagesCountEach, also when the game has heard of none of them yet.
func TestOutagesCountEach(t *testing.T) {
	g := running(t)
	g.CatchUp = CatchUpSkip
	outages := []Outage{{noon.Add(8*time.Hour + 50*time.Minute), noon.Add(9*time.Hour + 10*time.Minute)}, {noon.Add(9*time.Hour + 11*time.Minute), noon.Add(34 * time.Hour)}}
	c := g.CatchUpWith(outages, operator(noon.Add(34*time.Hour)))
	require.Equal(t, noon.Add(57*time.Hour), *c.Next.Runtime.Deadline, "the evening of the day after tomorrow")
	require.Len(t, c.Timeline, 2)
	require.True(t, c.Next.CatchUpWith(outages, operator(noon.Add(35*time.Hour))).Nothing(), "each counts once")
}

func TestATurnThatMakesUpSkipsATickThatIsNear(t *testing.T) {
	g := running(t)
	outage := []Outage{{noon.Add(8 * time.Hour), noon.Add(20 * time.Hour)}} // until eight in the morning
	g = g.CatchUpWith(outage, operator(noon.Add(20*time.Hour))).Next
	made := turnAt(t, g, noon.Add(22*time.Hour))
	require.Equal(t, evening.AddDate(0, 0, 2), *made.Next.Runtime.Deadline, "eleven hours are less than half a day")
	require.Len(t, made.Timeline, 2)
	require.Equal(t, TimelineRan, made.Timeline[0].Outcome)
	require.Equal(t, string(CauseCatchUp), made.Timeline[0].Cause)
	require.Equal(t, TimelineSkipped, made.Timeline[1].Outcome)

	soon := []Outage{{noon.Add(8 * time.Hour), noon.Add(10 * time.Hour)}}
	g = running(t).CatchUpWith(soon, operator(noon.Add(10*time.Hour))).Next
	made = turnAt(t, g, noon.Add(12*time.Hour))
	require.Equal(t, evening.AddDate(0, 0, 1), *made.Next.Runtime.Deadline, "21 hours are not")
}

func TestALongDeathOfTheEngineGivesTimeForOrders(t *testing.T) {
	for name, c := range map[string]struct {
		dies, back, want time.Time
	}{
		"a short one does not":        {evening.Add(-time.Hour), evening.Add(-time.Hour + 30*time.Second), evening},
		"one that ends early enough":  {noon, noon.Add(time.Hour), evening},
		"one that ends near it":       {evening.Add(-2 * time.Hour), evening.Add(-time.Hour), evening.Add(time.Hour)},
		"one that goes on beyond it":  {evening.Add(-time.Hour), evening.Add(time.Hour), evening.Add(3 * time.Hour)},
		"a short one over the moment": {evening.Add(-10 * time.Second), evening.Add(10 * time.Second), evening},
	} {
		t.Run(name, func(t *testing.T) {
			g := running(t)
			down := g.EngineDown("exit 1", "panic: no", operator(c.dies)).Next
			again := down.EngineDown("exit 1", "panic: again", operator(c.dies)).Next
			require.Equal(t, "panic: again", again.Runtime.Failure.Log)
			up := again.EngineUp(shows(g, 0, "d0"), operator(c.back)).Next
			require.Equal(t, c.want, *up.Runtime.Deadline)
			require.Nil(t, up.Runtime.ClosedSince)
			require.Equal(t, RuntimeRunning, up.Runtime.Status)
		})
	}
}
