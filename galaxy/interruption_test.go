package galaxy

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestATimeInWhichNothingIsKnownOfTheEngine: it is told only of an engine that does not answer either, so nobody can give orders.
func TestATimeInWhichNothingIsKnownOfTheEngine(t *testing.T) {
	for name, c := range map[string]struct {
		since, known, want time.Time
	}{
		"a short one":                {evening.Add(-time.Hour), evening.Add(-time.Hour + 30*time.Second), evening},
		"one that ends near":         {evening.Add(-2 * time.Hour), evening.Add(-time.Minute), evening.Add(2*time.Hour - time.Minute)},
		"one beyond the deadline":    {evening.Add(-time.Hour), evening.Add(time.Hour), evening.Add(3 * time.Hour)},
		"a short one at the instant": {evening.Add(-10 * time.Second), evening.Add(10 * time.Second), evening},
	} {
		t.Run(name, func(t *testing.T) {
			g := running(t).DriverUnknown(operator(c.since)).Next
			require.False(t, g.Due(evening.Add(time.Second)), "the turn is held")
			require.Equal(t, WhyDriverUnknown, g.Explain(Moment{Now: evening.Add(time.Second)}).Code)
			g = g.EngineUp(shows(g, 0, "d0"), operator(c.known)).Next
			require.Equal(t, c.want, *g.Runtime.Deadline)
			require.Nil(t, g.Runtime.ClosedSince)
			require.Equal(t, !c.known.Before(c.want), g.Due(c.known))
		})
	}
}

func TestAPausedGameOfWhoseEngineNothingIsKnown(t *testing.T) {
	g := running(t)
	claimed, err := g.ClaimTurn(CauseSchedule, operator(evening))
	require.NoError(t, err)
	paused, err := claimed.Next.Pause(operator(evening))
	require.NoError(t, err)
	away := paused.Next.DriverUnknown(operator(evening)).Next
	require.Nil(t, away.Runtime.ClosedSince, "nobody could give orders anyway")
	made := away.TurnMade(away.Runtime.Op.Number, 1, shows(g, 1, "d1"), operator(evening)).Next
	require.Equal(t, WhyPaused, made.Runtime.Why)
}

// TestAnOutageDuringAnOperatorsWork: the ticks that it has swallowed are settled as in any other outage.
func TestAnOutageDuringAnOperatorsWork(t *testing.T) {
	for catchUp, want := range map[CatchUp]time.Time{
		CatchUpSkip:    evening.AddDate(0, 0, 1),
		CatchUpRunOnce: evening.Add(4*time.Hour + time.Minute),
	} {
		t.Run(string(catchUp), func(t *testing.T) {
			g := running(t)
			g.CatchUp = catchUp
			c, err := g.Restart(operator(evening.Add(-time.Minute)))
			require.NoError(t, err)
			outage := []Outage{{evening.Add(-30 * time.Second), evening.Add(2 * time.Hour)}}
			caught := c.Next.CatchUpWith(outage, operator(evening.Add(2*time.Hour)))
			require.Len(t, caught.Timeline, map[CatchUp]int{CatchUpSkip: 1, CatchUpRunOnce: 0}[catchUp])
			g = caught.Next.EngineUp(shows(g, 0, "d0"), operator(evening.Add(2*time.Hour+time.Minute))).Next
			require.Equal(t, want, *g.Runtime.Deadline)
			require.Equal(t, catchUp == CatchUpRunOnce, g.Runtime.Makeup)
		})
	}
	claimed, err := running(t).ClaimTurn(CauseSchedule, operator(evening))
	require.NoError(t, err)
	outage := []Outage{{evening.Add(time.Second), evening.Add(2 * time.Hour)}}
	require.True(t, claimed.Next.CatchUpWith(outage, operator(evening.Add(2*time.Hour))).Nothing(), "the deadline of a claimed turn has had its turn")
}

// TestAnEngineMayEndAGameBetweenTurns: what it shows counts, whenever it comes to show it.
func TestAnEngineMayEndAGameBetweenTurns(t *testing.T) {
	g := running(t)
	over := shows(g, 0, "d0")
	over.Finished, over.FinishReason = true, "everybody else has left"
	claimed, err := g.ClaimTurn(CauseSchedule, operator(evening))
	require.NoError(t, err)
	paused, err := g.Pause(operator(noon))
	require.NoError(t, err)
	for name, c := range map[string]GameChange{
		"it comes up":                  g.EngineUp(over, operator(evening)),
		"it comes up, a turn claimed":  claimed.Next.EngineUp(over, operator(evening)),
		"it will not make another":     claimed.Next.TurnMade(claimed.Next.Runtime.Op.Number, 1, over, operator(evening)),
		"it comes up to a paused game": paused.Next.EngineUp(over, operator(evening)),
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, Finished, c.Next.Status)
			require.Equal(t, "everybody else has left", c.Next.Reason)
			require.Nil(t, c.Next.Runtime.Op)
			require.Nil(t, c.Next.Runtime.Deadline)
			require.Zero(t, c.Next.Runtime.Turn)
			require.Nil(t, c.Turn)
			if name != "it comes up to a paused game" {
				require.Equal(t, TimelineSkipped, c.Timeline[0].Outcome, "a deadline is never without a line")
			}
		})
	}
}

func TestTheTimelineSaysHowLate(t *testing.T) {
	g := running(t)
	claimed, err := g.ClaimTurn(CauseSchedule, operator(evening))
	require.NoError(t, err)
	at := operator(evening.Add(15 * time.Minute))
	for name, c := range map[string]struct {
		change  GameChange
		outcome TimelineOutcome
	}{
		"a turn that cannot be made": {claimed.Next.TurnFailed(claimed.Next.Runtime.Op.Number, 1, "500", at), TimelineFailed},
		"another state":              {claimed.Next.EngineUp(shows(g, 7, "d7"), at), TimelineHeld},
		"no state":                   {claimed.Next.Lost("no game", at), TimelineHeld},
	} {
		require.Len(t, c.change.Timeline, 1, name)
		require.Equal(t, c.outcome, c.change.Timeline[0].Outcome, name)
		require.Equal(t, 15*time.Minute, c.change.Timeline[0].Lateness, name)
		require.Equal(t, evening, *c.change.Timeline[0].Deadline, name)
	}
	require.Zero(t, g.Lost("no game", operator(noon)).Timeline[0].Lateness, "before the deadline")
}

// TestWhyAStartFailedIsToldWithoutInternals: everybody may read the reason.
func TestWhyAStartFailedIsToldWithoutInternals(t *testing.T) {
	g := running(t)
	g.Status, g.Runtime.Status, g.Runtime.Turn, g.Runtime.Op = Starting, RuntimeStarting, NoTurn, &Operation{Kind: OpStart}
	c := g.EngineGone("daemon: /var/lib/galaxy: no such host path", By{Principal: System("runtime"), At: noon})
	require.Equal(t, "its engine did not come up", c.Next.Reason)
	require.Contains(t, c.Next.Runtime.WhyText, "/var/lib/galaxy")
	told := slices.IndexFunc(c.Notices, func(n Notice) bool { return n.Kind == ContainerStartFailed })
	require.Contains(t, c.Notices[told].Payload.Reason, "/var/lib/galaxy", "operators are told")
	away := c.Next.DriverUnknown(operator(noon)).Next
	stopped := away.Stopped(away.Runtime.Op.Number, operator(noon)).Next
	require.Equal(t, WhyStartFailed, stopped.Runtime.Why)
	require.Contains(t, stopped.Runtime.WhyText, "/var/lib/galaxy", "also after the daemon was away")
}

func TestABanishThatTheEngineHasTakenIsKnown(t *testing.T) {
	g := running(t)
	c, _, err := g.Remove(g.Members[1].ID, "", operator(noon))
	require.NoError(t, err)
	require.Empty(t, c.Next.Out())
	require.Equal(t, []string{"Race-B"}, c.Next.BanishAnswered("Race-B", true, operator(noon)).Next.Out())
	require.Empty(t, c.Next.BanishAnswered("Race-B", false, operator(noon)).Next.Out(), "what it does not know it cannot lose")
}

func TestWhatAnEngineHadSaidIsAddedToHowItDied(t *testing.T) {
	down := running(t).EngineDown("it does not answer", "", operator(noon)).Next
	said := down.LastWords("it does not answer", "panic: no", operator(evening)).Next
	require.Equal(t, Failure{At: noon, Cause: "it does not answer", Log: "panic: no"}, *said.Runtime.Failure)
	require.True(t, said.LastWords("it does not answer", "later", operator(evening)).Nothing())
	require.True(t, down.LastWords("another death", "panic: no", operator(evening)).Nothing())
	require.True(t, running(t).LastWords("it does not answer", "of nothing", operator(evening)).Nothing())
}

// TestTheDaemonIsKnownAgainBeforeTheEngineIs: what it was asked for goes on, and may take long.
func TestTheDaemonIsKnownAgainBeforeTheEngineIs(t *testing.T) {
	paused, err := running(t).Pause(operator(noon))
	require.NoError(t, err)
	resuming, err := paused.Next.Resume(nil, operator(noon))
	require.NoError(t, err)
	patched, err := running(t).Patch(EngineVersion{Version: "1.0.1", ImageRef: "engine:1.0.1"}, operator(noon))
	require.NoError(t, err)
	starting := running(t)
	starting.Status, starting.Runtime.Op = Starting, &Operation{Kind: OpStart}
	for name, c := range map[string]struct {
		game Game
		want WhyCode
	}{
		"a start":               {starting, WhyStarting},
		"a resume":              {resuming.Next, WhyResuming},
		"a patch":               {patched.Next, WhyPatching},
		"a game that is played": {running(t), WhyDriverUnknown},
	} {
		away := c.game.DriverUnknown(operator(noon)).Next
		known := away.DriverKnown(operator(evening))
		if c.want == WhyDriverUnknown {
			require.True(t, known.Nothing(), name)
			continue
		}
		require.Equal(t, c.want, known.Next.Runtime.Why, name)
		require.Equal(t, evening, known.Next.Runtime.WhySince, name)
		require.True(t, c.game.DriverKnown(operator(evening)).Nothing(), name)
	}
}
