package galaxy

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAPauseKeepsTheRemainingTime(t *testing.T) {
	g := running(t) // until nine in the evening
	paused, err := g.Pause(operator(noon.Add(time.Hour)))
	require.NoError(t, err)
	require.Nil(t, paused.Next.Runtime.Deadline)
	require.Equal(t, 8*time.Hour, *paused.Next.Runtime.Remaining)
	resumed, err := paused.Next.Resume(nil, operator(noon.Add(48*time.Hour)))
	require.NoError(t, err)
	require.Equal(t, Paused, resumed.Next.Status, "until the engine has answered")
	require.Equal(t, OpResume, resumed.Next.Runtime.Op.Kind)
	_, err = resumed.Next.Resume(nil, operator(noon))
	require.Equal(t, Conflict, CodeOf(err))
	back := resumed.Next.EngineUp(shows(g, 0, "d0"), operator(noon.Add(49*time.Hour)))
	require.Equal(t, Running, back.Next.Status)
	require.Equal(t, noon.Add(57*time.Hour), *back.Next.Runtime.Deadline)
	require.Nil(t, back.Next.Runtime.Op)
	late, err := g.Pause(operator(noon.Add(9*time.Hour - time.Minute)))
	require.NoError(t, err)
	resumed, err = late.Next.Resume(nil, operator(noon.Add(10*time.Hour)))
	require.NoError(t, err)
	back = resumed.Next.EngineUp(shows(g, 0, "d0"), operator(noon.Add(10*time.Hour)))
	require.Equal(t, noon.Add(12*time.Hour), *back.Next.Runtime.Deadline, "and the grace at least")
	failed := resumed.Next.EngineGone("no image", operator(noon.Add(10*time.Hour)))
	require.Equal(t, Paused, failed.Next.Status)
	require.Equal(t, RuntimeUnreachable, failed.Next.Runtime.Status)
	require.Contains(t, failed.Next.Runtime.WhyText, "no image")
	require.Nil(t, failed.Next.Runtime.Op)
}

// TestAPauseMeetsATurn: the turn that is being made is adopted, and a claim that is open is settled by the resume.
func TestAPauseMeetsATurn(t *testing.T) {
	g := running(t)
	due := *g.Runtime.Deadline
	claimed, err := g.ClaimTurn(CauseSchedule, operator(due))
	require.NoError(t, err)
	op := claimed.Next.Runtime.Op
	paused, err := claimed.Next.Pause(operator(due))
	require.NoError(t, err)
	made := paused.Next.TurnMade(op.Number, op.Attempt, shows(g, 1, "d1"), operator(due.Add(time.Second)))
	require.Equal(t, []any{Paused, 1, RuntimeRunning}, []any{made.Next.Status, made.Next.Runtime.Turn, made.Next.Runtime.Status})
	require.Nil(t, made.Next.Runtime.Deadline)
	resumed, err := made.Next.Resume(nil, operator(due.Add(time.Hour)))
	require.NoError(t, err)
	back := resumed.Next.EngineUp(shows(g, 1, "d1"), operator(due.Add(time.Hour)))
	require.Equal(t, due.AddDate(0, 0, 1), *back.Next.Runtime.Deadline, "the schedule goes on")

	flipped, err := paused.Next.Resume(nil, operator(due.Add(time.Second)))
	require.NoError(t, err)
	require.Equal(t, Running, flipped.Next.Status, "the turn is still being made")
	require.Equal(t, op, flipped.Next.Runtime.Op)

	again := paused.Next.TurnMade(op.Number, op.Attempt, shows(g, 0, "d0"), operator(due.Add(time.Second)))
	require.Equal(t, RuntimeRunning, again.Next.Runtime.Status, "nobody tries again while the game is paused")
	require.Equal(t, OpTurn, again.Next.Runtime.Op.Kind)
	resumed, err = again.Next.Resume(nil, operator(due.Add(time.Hour)))
	require.NoError(t, err)
	require.Equal(t, 1, resumed.Next.Runtime.Op.Turn, "the claim is carried")
	retried := resumed.Next.EngineUp(shows(g, 0, "d0"), operator(due.Add(time.Hour)))
	require.Equal(t, []any{Running, OpTurn, 2}, []any{retried.Next.Status, retried.Next.Runtime.Op.Kind, retried.Next.Runtime.Op.Attempt})
	adopted := resumed.Next.EngineUp(shows(g, 1, "d1"), operator(due.Add(time.Hour)))
	require.Equal(t, []any{Running, 1, TimelineRan}, []any{adopted.Next.Status, adopted.Next.Runtime.Turn, adopted.Timeline[0].Outcome})
}

func TestAfterAFailedTurnOrdersAreOpenForTheGrace(t *testing.T) {
	g := running(t)
	due := *g.Runtime.Deadline
	claimed, err := g.ClaimTurn(CauseSchedule, operator(due))
	require.NoError(t, err)
	failed := claimed.Next.TurnFailed(claimed.Next.Runtime.Op.Number, 1, "500", operator(due))
	resumed, err := failed.Next.Resume(nil, operator(due.Add(time.Hour)))
	require.NoError(t, err)
	back := resumed.Next.EngineUp(shows(g, 0, "d0"), operator(due.Add(time.Hour)))
	require.Equal(t, due.Add(3*time.Hour), *back.Next.Runtime.Deadline)
	graced := resumed.Next
	graced.OrderGrace = new(10 * time.Minute)
	require.Equal(t, due.Add(70*time.Minute), *graced.EngineUp(shows(g, 0, "d0"), operator(due.Add(time.Hour))).Next.Runtime.Deadline)
	hourly := g
	hourly.Schedule.Cron = "0 * * * *"
	require.Equal(t, 15*time.Minute, hourly.Grace(noon), "a quarter of the interval")
}

func TestAHeldGameIsAnOperatorsToGoOnWith(t *testing.T) {
	g := running(t)
	owner := g.Members[0].User
	g.Visibility, g.Owner = Private, &owner
	held := g.EngineUp(shows(g, 7, "d7"), operator(noon)).Next
	_, err := held.Resume(nil, player(owner, noon))
	require.Equal(t, Conflict, CodeOf(err))
	resumed, err := held.Resume(nil, operator(noon))
	require.NoError(t, err)
	require.Equal(t, Running, resumed.Next.EngineUp(shows(g, 0, "d0"), operator(noon)).Next.Status)
	again := resumed.Next.EngineUp(shows(g, 7, "d7"), operator(noon))
	require.True(t, again.Next.Runtime.Held())
	require.Nil(t, again.Next.Runtime.Op)
	for _, n := range again.Notices {
		require.Equal(t, StateMismatchNotice, n.Kind, "the members were told of the pause before")
	}
}

func TestAnEngineThatComesBackToAPausedGame(t *testing.T) {
	g := running(t)
	paused, err := g.Pause(operator(noon))
	require.NoError(t, err)
	unknown := paused.Next.DriverUnknown(operator(noon))
	back := unknown.Next.EngineUp(shows(g, 0, "d0"), operator(noon))
	require.Equal(t, WhyPaused, back.Next.Runtime.Why)
	down := paused.Next.EngineDown("exit 1", "", operator(noon))
	back = down.Next.EngineUp(shows(g, 0, "d0"), operator(noon))
	require.Equal(t, []any{Paused, RuntimeRunning, WhyPaused}, []any{back.Next.Status, back.Next.Runtime.Status, back.Next.Runtime.Why})
	require.True(t, back.Next.EngineUp(shows(g, 0, "d0"), operator(noon)).Nothing())
}

// TestWhyTheDaemonIsAwaitedEndsWithThat: it has done, or told, something since.
func TestWhyTheDaemonIsAwaitedEndsWithThat(t *testing.T) {
	g := running(t)
	stop, err := g.ForceStop(operator(noon))
	require.NoError(t, err)
	unknown := stop.Next.DriverUnknown(operator(noon)).Next
	require.Equal(t, WhyDriverUnknown, unknown.Runtime.Why)
	stopped := unknown.Stopped(unknown.Runtime.Op.Number, operator(noon)).Next
	require.Equal(t, []any{WhyStopped, RuntimeStopped}, []any{stopped.Runtime.Why, stopped.Runtime.Status})

	owners, err := g.Pause(operator(noon))
	require.NoError(t, err)
	stop, err = owners.Next.ForceStop(operator(noon))
	require.NoError(t, err)
	stopped = stop.Next.DriverUnknown(operator(noon)).Next.Stopped(stop.Next.Runtime.Op.Number, operator(noon)).Next
	require.Equal(t, WhyStopped, stopped.Runtime.Why, "also of a game that was paused before")

	begun, err := opened(t, 2).ForceStart(EngineVersion{Version: "1.0.0", ImageRef: "engine:1", Enabled: true}, operator(noon))
	require.NoError(t, err)
	dies := begun.Next.DriverUnknown(operator(noon)).Next.EngineDown("exit 1", "", operator(noon)).Next
	require.Equal(t, WhyRestarting, dies.Runtime.Why)
	failed := begun.Next.StartFailed("no image", "", operator(noon)).Next
	failed = failed.DriverUnknown(operator(noon)).Next
	failed = failed.Stopped(failed.Runtime.Op.Number, operator(noon)).Next
	require.Equal(t, []any{WhyStartFailed, "the start failed: no image"}, []any{failed.Runtime.Why, failed.Runtime.WhyText})
}

// TestOperatorsAreToldOfEveryResumeThatFails: each of them was theirs, or an owner's, and has come to nothing.
func TestOperatorsAreToldOfEveryResumeThatFails(t *testing.T) {
	g := running(t).EngineGone("exit 1", operator(noon))
	keys := map[string]bool{g.Notices[len(g.Notices)-1].Key: true}
	for i := range 3 {
		resumed, err := g.Next.Resume(nil, operator(noon))
		require.NoError(t, err)
		g = resumed.Next.EngineGone("exit 1", operator(noon))
		require.Len(t, g.Notices, 1, "members were told of the pause before")
		require.Equal(t, EngineUnreachableNotice, g.Notices[0].Kind)
		keys[g.Notices[0].Key] = true
		require.Len(t, keys, i+2)
	}
}
