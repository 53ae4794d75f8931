package galaxy

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWhichVersionsAPatchLeadsTo(t *testing.T) {
	g := running(t) // on 1.0.0
	for version, want := range map[string]Code{"1.0.1": "", "1.0.17": "", "1.0.0": PatchOnly, "1.1.0": PatchOnly, "2.0.1": PatchOnly, "0.9.9": PatchOnly, "1.0.0-rc.1": PatchOnly, "x": InvalidRequest} {
		_, err := g.Patch(EngineVersion{Version: version, ImageRef: "engine"}, operator(noon))
		if want == "" {
			require.NoError(t, err, version)
			continue
		}
		require.Equal(t, want, CodeOf(err), version)
	}
}

func TestAPatchAndItsEnds(t *testing.T) {
	g := running(t)
	c, err := g.Patch(EngineVersion{Version: "1.0.1", ImageRef: "engine:1.0.1", ExpectedTurn: true}, operator(noon))
	require.NoError(t, err)
	open := c.Next
	require.Equal(t, "1.0.0", open.Runtime.EngineVersion, "the version is the old one until the new one is known to be good")
	require.Equal(t, "1.0.1", open.Runtime.Patch.EngineVersion)
	_, err = open.OrdersFor(open.Members[0].User, 1, noon)
	require.Equal(t, ServiceUnavailable, CodeOf(err))
	for name, move := range map[string]func() error{
		"a second patch": func() error {
			_, err := open.Patch(EngineVersion{Version: "1.0.2"}, operator(noon))
			return err
		},
		"a restart":    func() error { _, err := open.Restart(operator(noon)); return err },
		"a turn":       func() error { _, err := open.ForceTurn(1, operator(noon)); return err },
		"a force-stop": func() error { _, err := open.ForceStop(operator(noon)); return err },
	} {
		require.Equal(t, Conflict, CodeOf(move()), name)
	}
	require.True(t, open.EngineUp(shows(g, 0, "d0"), operator(noon)).Nothing(), "an engine that is up settles nothing: the patch does")
	number := open.Runtime.Op.Number
	require.True(t, open.Patched(number-1, operator(noon)).Nothing(), "of an older operation")

	done := open.Patched(number, operator(noon)).Next
	require.Equal(t, "1.0.1", done.Runtime.EngineVersion)
	require.Nil(t, done.Runtime.Patch)
	up := done.EngineUp(shows(g, 0, "d0"), operator(noon.Add(time.Second))).Next
	require.Equal(t, WhyDeadline, up.Runtime.Why)
	require.Equal(t, evening, *up.Runtime.Deadline)

	back := open.PatchFailed(number, "it did not become healthy", operator(noon))
	require.Equal(t, "1.0.0", back.Next.Runtime.EngineVersion)
	require.Nil(t, back.Next.Runtime.Op)
	require.Contains(t, back.Next.Runtime.Failure.Cause, "taken back")
	require.Equal(t, ContainerStartFailed, back.Notices[0].Kind)
}

func TestARestart(t *testing.T) {
	g := running(t)
	c, err := g.Restart(operator(noon))
	require.NoError(t, err)
	up := c.Next.EngineUp(shows(g, 0, "d0"), operator(noon.Add(2*time.Second)))
	require.Nil(t, up.Next.Runtime.Op)
	require.Equal(t, RuntimeRunning, up.Next.Runtime.Status)

	paused, err := g.Pause(operator(noon))
	require.NoError(t, err)
	c, err = paused.Next.Restart(operator(noon))
	require.NoError(t, err)
	up = c.Next.EngineUp(shows(g, 0, "d0"), operator(noon.Add(2*time.Second)))
	require.Equal(t, Paused, up.Next.Status)
	require.Nil(t, up.Next.Runtime.Op)
	require.Equal(t, WhyPaused, up.Next.Runtime.Why)

	claimed, err := g.ForceTurn(1, operator(noon))
	require.NoError(t, err)
	_, err = claimed.Next.Restart(operator(noon))
	require.Equal(t, Conflict, CodeOf(err), "a turn is being made")
	held := g.EngineUp(shows(g, 7, "d7"), operator(noon)).Next
	_, err = held.Restart(operator(noon))
	require.Equal(t, Conflict, CodeOf(err))
}

func TestAnotherLineByStopEditAndResume(t *testing.T) {
	g := running(t)
	_, err := g.Edit(GameEdit{TargetVersion: new("2.0.0")}, operator(noon), time.Minute)
	require.Equal(t, Conflict, CodeOf(err), "it runs")
	stopped, err := g.ForceStop(operator(noon))
	require.NoError(t, err)
	g = stopped.Next.Stopped(stopped.Next.Runtime.Op.Number, operator(noon)).Next
	edited, err := g.Edit(GameEdit{TargetVersion: new("2.0.0")}, operator(noon), time.Minute)
	require.NoError(t, err)
	require.True(t, edited.Next.Relines())
	resumed, err := edited.Next.Resume(&EngineVersion{Version: "2.0.0", ImageRef: "engine:2"}, operator(noon))
	require.NoError(t, err)
	require.Equal(t, Pin{EngineVersion: "2.0.0", ImageRef: "engine:2"}, resumed.Next.Runtime.Pin)
	require.Equal(t, Running, resumed.Next.EngineUp(shows(g, 0, "d0"), operator(noon)).Next.Status)
}

func TestWhenAContainerIsTakenAway(t *testing.T) {
	g := running(t)
	require.True(t, g.CleanUp(operator(noon)).Nothing(), "of a game that runs")
	claimed, err := g.ForceTurn(1, operator(noon))
	require.NoError(t, err)
	over := shows(g, 1, "d1")
	over.Finished = true
	g = claimed.Next.TurnMade(claimed.Next.Runtime.Op.Number, 1, over, operator(noon)).Next
	require.Equal(t, noon, *g.Runtime.EndedAt)
	require.True(t, g.Wanted(), "its reports are still to be read")
	require.True(t, g.CleanUp(operator(noon)).Nothing(), "so is its container")
	for turn := range 2 {
		g = g.ReportsFetched(turn, []Report{{Race: "Race-A", Packed: []byte("a report")}}, operator(noon)).Next
	}
	require.False(t, g.Wanted())
	c := g.CleanUp(operator(noon))
	require.Equal(t, OpRemove, c.Next.Runtime.Op.Kind)
	require.True(t, c.Next.Removed(c.Next.Runtime.Op.Number-1, operator(noon)).Nothing())
	gone := c.Next.Removed(c.Next.Runtime.Op.Number, operator(noon)).Next
	require.Equal(t, RuntimeRemoved, gone.Runtime.Status)
	require.True(t, gone.CleanUp(operator(noon)).Nothing())
}

func TestReportsAreStoredInOrderAndOnce(t *testing.T) {
	g := running(t)
	turn, wanted := g.ReportsWanted()
	require.True(t, wanted)
	require.Zero(t, turn)
	require.True(t, g.ReportsFetched(1, nil, operator(noon)).Nothing(), "not the oldest one that lacks them")
	c := g.ReportsFetched(0, []Report{{Race: "Race-A", Packed: []byte("a report")}}, operator(noon))
	require.Len(t, c.Reports, 1)
	_, wanted = c.Next.ReportsWanted()
	require.False(t, wanted)
	require.True(t, c.Next.ReportsFetched(0, nil, operator(noon)).Nothing(), "twice")
	require.Equal(t, []string{"Race-A", "Race-B"}, g.Played())
	left, _, err := g.Remove(g.Members[1].ID, "", operator(noon))
	require.NoError(t, err)
	require.Equal(t, []string{"Race-A", "Race-B"}, left.Next.Played(), "a race that was given up is still in the engine")
}

// unread is what an engine will not give; last when it was asked for every gap again.
func unread(last bool) Unread { return Unread{Races: []string{"Race-B"}, Cause: "500", Last: last} }

func TestReportsThatCannotBeReadAreAskedForAgain(t *testing.T) {
	one := []Report{{Race: "Race-A", Packed: []byte("a report")}}
	c := running(t).ReportsIncomplete(0, one, unread(false), operator(noon))
	require.Equal(t, 0, c.Next.Runtime.Reports, "later turns do not wait for them")
	require.Equal(t, []int{0}, c.Next.Runtime.Gaps)
	require.Len(t, c.Reports, 1)
	require.Contains(t, c.Next.Runtime.Failure.Cause, "Race-B")
	require.Equal(t, "runtime.report_gap", c.Audit[len(c.Audit)-1].Action)
	turn, wanted := c.Next.ReportsWanted()
	require.True(t, wanted)
	require.Zero(t, turn)

	g := c.Next
	g.Runtime.Turn, g.Runtime.Gaps = 2, []int{0}
	turn, _ = g.ReportsWanted()
	require.Equal(t, 1, turn, "what was never asked for comes first")
	g = g.ReportsIncomplete(1, one, unread(false), operator(noon)).Next
	g = g.ReportsFetched(2, one, operator(noon)).Next
	require.Equal(t, []int{0, 1}, g.Runtime.Gaps)
	again := g.ReportsIncomplete(0, one, unread(false), operator(noon))
	require.Equal(t, []int{1, 0}, again.Next.Runtime.Gaps, "each has its turn")
	require.Empty(t, again.Audit)
	require.Empty(t, again.Notices)
	filled := again.Next.ReportsFetched(1, one, operator(noon)).Next
	require.Equal(t, []int{0}, filled.Runtime.Gaps)
	require.Equal(t, 2, filled.Runtime.Reports)
	require.Equal(t, []int{1, 0}, again.Next.Runtime.Gaps, "a decision changes nothing of what it was made on")
	filled = filled.ReportsFetched(0, one, operator(noon)).Next
	_, wanted = filled.ReportsWanted()
	require.False(t, wanted)
}

// TestAGapOfAFinishedGame: nobody will ask its engine again, so an operator is called, and its container is kept.
func TestAGapOfAFinishedGame(t *testing.T) {
	g := running(t)
	over := shows(g, 0, "d0")
	over.Finished = true
	g = g.EngineUp(over, operator(evening)).Next
	require.Equal(t, Finished, g.Status)
	g = g.ReportsIncomplete(0, nil, unread(false), operator(evening)).Next
	require.True(t, g.Wanted())
	require.True(t, g.CleanUp(operator(evening)).Nothing())
	require.True(t, g.ReportsIncomplete(0, nil, unread(false), operator(evening)).Next.Wanted(), "other gaps are still to be asked for")
	c := g.ReportsIncomplete(0, []Report{{Race: "Race-A", Packed: []byte("a report")}}, unread(true), operator(evening))
	require.Equal(t, WhyReports, c.Next.Runtime.Why)
	require.Len(t, c.Notices, 1)
	require.Len(t, c.Reports, 1)
	require.False(t, c.Next.Wanted())
	require.True(t, c.Next.CleanUp(operator(evening)).Nothing())
	again, err := c.Next.Restart(operator(evening))
	require.NoError(t, err)
	require.True(t, again.Next.Wanted())
	require.False(t, again.Next.ReportsFetched(0, nil, operator(evening)).Next.CleanUp(operator(evening)).Nothing())
}

func TestABanishIsWantedUntilTheEngineHasTakenIt(t *testing.T) {
	g := running(t)
	c, _, err := g.Remove(g.Members[1].ID, "", operator(noon))
	require.NoError(t, err)
	g = c.Next
	require.Equal(t, []string{"Race-B"}, g.Banished())
	taken := g.BanishAnswered("Race-B", true, operator(noon))
	require.Empty(t, taken.Next.Banished())
	require.True(t, taken.Next.BanishAnswered("Race-B", true, operator(noon)).Nothing(), "twice")
	require.True(t, g.BanishAnswered("Race-A", true, operator(noon)).Nothing(), "of a race that plays")
	unknown := g.BanishAnswered("Race-B", false, operator(noon))
	require.Empty(t, unknown.Next.Banished(), "what the engine does not know is beyond banishing")
	require.Equal(t, BanishRefused, unknown.Notices[0].Kind)

	s := shows(g, 0, "d0")
	s.Players = append(s.Players, EnginePlayer{Race: "Race-B", Banished: true})
	shown := g.EngineUp(s, operator(noon)).Next
	require.Equal(t, BanishTaken, shown.Members[1].Banish, "it shows in every status")
	s.Players[len(s.Players)-1].Banished = false
	require.Equal(t, []string{"Race-B"}, shown.EngineUp(s, operator(noon)).Next.Banished(), "an engine may lose it")
}

// TestTheLastReportsOfAFinishedGame: an engine that does not come up for them neither revives the game nor is tried for ever.
func TestTheLastReportsOfAFinishedGame(t *testing.T) {
	g := running(t)
	claimed, err := g.ClaimTurn(CauseSchedule, operator(evening))
	require.NoError(t, err)
	last := shows(g, 1, "d1")
	last.Finished = true
	g = claimed.Next.TurnMade(claimed.Next.Runtime.Op.Number, 1, last, operator(evening)).Next
	require.Equal(t, Finished, g.Status)
	require.True(t, g.Wanted())
	for name, c := range map[string]GameChange{"its state is gone": g.Lost("no state", operator(evening)), "it dies": g.EngineGone("exit 1", operator(evening)),
		"it has no image": g.EngineRefused(ImagePullFailed, "no image", operator(evening))} {
		require.Equal(t, Finished, c.Next.Status, name)
		require.Equal(t, WhyReports, c.Next.Runtime.Why, name)
		require.Len(t, c.Notices, 1, name)
		require.False(t, c.Next.Wanted(), name)
		require.True(t, c.Next.CleanUp(operator(evening)).Nothing(), "its container is kept")
		again, err := c.Next.Restart(operator(evening))
		require.NoError(t, err)
		require.True(t, again.Next.Wanted(), name)
		stored := again.Next.ReportsFetched(1, nil, operator(evening)).Next
		require.True(t, stored.Lost("no state", operator(evening)).Nothing(), "nothing is missing any more")
	}
}

// TestATurnThatItsEngineDiesOf: a patch, a restart, or another line can help, with the claim kept.
func TestATurnThatItsEngineDiesOf(t *testing.T) {
	claimed, err := running(t).ClaimTurn(CauseSchedule, operator(evening))
	require.NoError(t, err)
	gone := claimed.Next.EngineGone("exit 1", operator(evening)).Next
	require.Equal(t, []any{Paused, OpTurn}, []any{gone.Status, gone.Runtime.Op.Kind})

	restarted, err := gone.Restart(operator(evening))
	require.NoError(t, err)
	up := restarted.Next.EngineUp(shows(gone, 0, "d0"), operator(evening)).Next
	require.Equal(t, []any{Paused, OpTurn, 1}, []any{up.Status, up.Runtime.Op.Kind, up.Runtime.Op.Turn})

	c, err := gone.Patch(EngineVersion{Version: "1.0.1", ImageRef: "engine:1.0.1"}, operator(evening))
	require.NoError(t, err)
	for name, after := range map[string]Game{"patched": c.Next.Patched(c.Next.Runtime.Op.Number, operator(evening)).Next,
		"taken back": c.Next.PatchFailed(c.Next.Runtime.Op.Number, "exit 1", operator(evening)).Next} {
		require.Equal(t, OpTurn, after.Runtime.Op.Kind, name)
		resumed, err := after.EngineUp(shows(gone, 0, "d0"), operator(evening)).Next.Resume(nil, operator(evening))
		require.NoError(t, err)
		back := resumed.Next.EngineUp(shows(gone, 0, "d0"), operator(evening)).Next
		require.Equal(t, []any{Running, RuntimeGenerating, 1}, []any{back.Status, back.Runtime.Status, back.Runtime.Op.Turn}, name)
	}

	stopped, err := gone.ForceStop(operator(evening))
	require.NoError(t, err)
	still := stopped.Next.Stopped(stopped.Next.Runtime.Op.Number, operator(evening)).Next
	edited, err := still.Edit(GameEdit{TargetVersion: new("2.0.0")}, operator(evening), time.Minute)
	require.NoError(t, err)
	require.True(t, edited.Next.Relines())

	generating, err := claimed.Next.Pause(operator(evening))
	require.NoError(t, err)
	_, err = generating.Next.Restart(operator(evening))
	require.Equal(t, Conflict, CodeOf(err), "that turn is being made")
}

// TestATurnIsNotTriedForEver: an engine that dies of it each time, so slowly that its supervision does not give up.
func TestATurnIsNotTriedForEver(t *testing.T) {
	claimed, err := running(t).ClaimTurn(CauseSchedule, operator(evening))
	require.NoError(t, err)
	g := claimed.Next
	for g.Status == Running {
		require.LessOrEqual(t, g.Runtime.Op.Attempt, maxAttempts)
		g = g.EngineDown("exit 1", "", operator(evening)).Next
		g = g.EngineUp(shows(g, 0, "d0"), operator(evening)).Next
	}
	require.Equal(t, []any{Paused, RuntimeFailed}, []any{g.Status, g.Runtime.Status})
	require.Nil(t, g.Runtime.Op)
	require.Contains(t, g.Runtime.WhyText, "10 times")
}

// TestOnlyAnOperatorGoesOnWithAHeldGame, also when its engine was stopped since, or the game was paused before.
func TestOnlyAnOperatorGoesOnWithAHeldGame(t *testing.T) {
	g := running(t)
	owner := User(g.Members[0].User)
	g.Visibility, g.Owner = Private, &g.Members[0].User
	paused, err := g.Pause(operator(noon))
	require.NoError(t, err)
	for name, held := range map[string]Game{"it ran": g.EngineUp(shows(g, 7, "d7"), operator(noon)).Next, "it was paused": paused.Next.EngineUp(shows(g, 7, "d7"), operator(noon)).Next} {
		stopped, err := held.ForceStop(operator(noon))
		require.NoError(t, err, name)
		for _, g := range []Game{held, stopped.Next.Stopped(stopped.Next.Runtime.Op.Number, operator(noon)).Next, held.EngineDown("exit 1", "", operator(noon)).Next} {
			_, err = g.Resume(nil, By{Principal: owner, At: noon})
			require.Equal(t, Conflict, CodeOf(err), name)
			require.ErrorContains(t, err, "held", name)
		}
	}
}

// TestEverythingIsExplained: whatever a game waits for, operators and players read a sentence, and what comes next.
func TestEverythingIsExplained(t *testing.T) {
	for why, words := range told {
		e := Game{Status: Running, Runtime: Runtime{Why: why, WhyText: "the recorded words"}}.Explain(Moment{Now: noon})
		require.Equal(t, why, e.Code)
		require.Equal(t, "the recorded words", e.Text)
		require.Equal(t, words.operators, e.Next)
		require.Equal(t, words.players.Text, e.Players.Text)
		require.NotEmpty(t, e.Players.Next, why)
		for _, theirs := range []string{"container", "daemon", "state directory", "recorded"} {
			require.NotContains(t, e.Players.Text+e.Players.Next, theirs, "what is none of the players' business")
		}
	}
	g := running(t)
	e := g.Explain(Moment{Now: noon})
	require.Equal(t, WhyDeadline, e.Code)
	require.Equal(t, evening, *e.NextAt)
	require.Equal(t, WhyLate, g.Explain(Moment{Now: evening}).Code)
	early := ready(t, ready(t, hasty(t), 0, true, noon), 1, true, noon)
	require.Equal(t, WhyEarly, early.Explain(Moment{Now: noon}).Code)
	require.Equal(t, *early.Runtime.EarlyAt, *early.Explain(Moment{Now: noon}).NextAt)
	paused, err := g.Pause(operator(noon))
	require.NoError(t, err)
	require.Contains(t, paused.Next.Explain(Moment{Now: noon}).Next, "resumes")
	waits := Game{Status: EnrollmentOpen, MinPlayers: 1, Members: running(t).Members, EnrollmentEndsAt: &noon, Runtime: Runtime{Why: WhyIdle}}
	require.Equal(t, WhyEnrolling, waits.Explain(Moment{Now: noon}).Code)
	require.Equal(t, WhyDiskLow, waits.Explain(Moment{Now: noon, DiskLow: true}).Code)
	require.Equal(t, WhyEnrolling, waits.Explain(Moment{Now: noon.Add(-time.Minute), DiskLow: true}).Code, "nobody expects it to start yet")
	for _, status := range []GameStatus{Draft, EnrollmentOpen, ReadyToStart, Cancelled} {
		e := Game{Status: status, Runtime: Runtime{Why: WhyIdle}}.Explain(Moment{Now: noon})
		require.NotEmpty(t, e.Text, status)
		require.NotEmpty(t, e.Next, status)
		require.NotEmpty(t, e.Players.Text, status)
		require.NotContains(t, e.Players.Next, "container", status)
	}
}
