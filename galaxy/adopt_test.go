package galaxy

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWhichContainersAGameAdopts(t *testing.T) {
	later := operator(noon.Add(time.Hour))
	found := Container{ID: "c", State: ContainerRunning, Version: "1.0.0", StartedAt: noon.Add(time.Minute)}
	is := func(status GameStatus, runtime RuntimeStatus, why WhyCode) Game {
		g := running(t)
		g.Status, g.Runtime.Status, g.Runtime.Why, g.Runtime.WhySince, g.Runtime.Reports = status, runtime, why, noon, 0
		return g
	}
	with := func(g Game, change func(*Game)) Game {
		change(&g)
		return g
	}
	since := func(at time.Time) func(*Container) { return func(c *Container) { c.StartedAt = at } }
	stands := func(s ContainerState) func(*Container) { return func(c *Container) { c.State = s } }
	for name, c := range map[string]struct {
		game  Game
		there func(*Container)
		want  bool
	}{
		"a draft":                            {is(Draft, RuntimeNone, WhyIdle), nil, true},
		"players enrol":                      {is(EnrollmentOpen, RuntimeNone, WhyIdle), nil, true},
		"ready to start":                     {is(ReadyToStart, RuntimeNone, WhyIdle), nil, true},
		"its start has failed":               {is(StartFailed, RuntimeStopped, WhyStartFailed), nil, true},
		"paused and stopped":                 {is(Paused, RuntimeStopped, WhyStopped), nil, true},
		"paused, and its container was gone": {is(Paused, RuntimeRemoved, WhyStopped), nil, true},
		"cancelled before it was started":    {is(Cancelled, RuntimeNone, WhyIdle), nil, true},
		"cancelled":                          {is(Cancelled, RuntimeStopped, WhyStopped), nil, true},
		"over and cleaned up":                {is(Finished, RuntimeRemoved, WhyRemoved), nil, true},
		"over, and not cleaned up yet":       {is(Finished, RuntimeFinished, WhyFinished), nil, false},
		"stopped with a turn claimed": {with(is(Paused, RuntimeStopped, WhyStopped), func(g *Game) {
			g.Runtime.Op = &Operation{Kind: OpTurn, Turn: 1, Number: 3}
		}), nil, true},
		"it runs":                          {is(Running, RuntimeRunning, WhyDeadline), nil, false},
		"paused, with its engine up":       {is(Paused, RuntimeRunning, WhyPaused), nil, false},
		"given up, and started since":      {is(Paused, RuntimeUnreachable, WhyUnreachable), nil, true},
		"given up, and still there":        {is(Paused, RuntimeUnreachable, WhyUnreachable), since(noon.Add(-time.Minute)), false},
		"given up, and nobody knows since": {is(Paused, RuntimeUnreachable, WhyUnreachable), since(time.Time{}), false},
		"held, and started since":          {is(Paused, RuntimeUnreachable, WhyMismatch), nil, true},
		"it has ended since":               {is(Paused, RuntimeStopped, WhyStopped), stands(ContainerExited), false},
		"it is gone":                       {is(Paused, RuntimeStopped, WhyStopped), stands(ContainerMissing), false},
	} {
		there := found
		if c.there != nil {
			c.there(&there)
		}
		change := c.game.Adopt(there, later)
		require.Equal(t, c.want, !change.Nothing(), name)
		if !c.want {
			continue
		}
		require.Equal(t, "runtime.adopted", change.Audit[0].Action, name)
		require.Equal(t, "c", change.Audit[0].After["container"], name)
		open := change.Next
		require.Equal(t, OpStop, open.Runtime.Op.Kind, name)
		require.Equal(t, c.game.Status, open.Status, name)
		require.Equal(t, c.game.Runtime.Why, open.Runtime.Why, name)
		require.True(t, open.Wanted(), "%s: its actor stops it", name)
		require.True(t, open.Adopt(there, later).Nothing(), "%s: once is enough", name)
		stopped := open.Stopped(open.Runtime.Op.Number, later).Next
		require.Equal(t, RuntimeStopped, stopped.Runtime.Status, name)
		require.Equal(t, c.game.Runtime.Op != nil, stopped.Runtime.Op != nil, "%s: a claim is kept", name)
		require.False(t, stopped.Adopt(there, later).Nothing(), "%s: whoever starts it again has it stopped again", name)
		require.Equal(t, stopped.over(), stopped.Runtime.EndedAt != nil, "%s: it is cleaned up in time", name)
	}
}

// TestWhatIsAskedOfAGameThatStopsAContainer waits, and says for what.
func TestWhatIsAskedOfAGameThatStopsAContainer(t *testing.T) {
	found := Container{ID: "c", State: ContainerRunning, Version: "1.0.0", StartedAt: noon}
	paused := resting(t, "1.0.0", "").Adopt(found, operator(noon)).Next
	require.Contains(t, paused.Runtime.WhyText, "was found running")
	_, err := paused.Resume(nil, operator(noon))
	require.Equal(t, Conflict, CodeOf(err))
	require.ErrorContains(t, err, "a stop has been going on")
	require.ErrorContains(t, err, "try again when it has ended")
	_, err = paused.ForceStop(operator(noon))
	require.Equal(t, Conflict, CodeOf(err))
	after := paused.Stopped(paused.Runtime.Op.Number, operator(noon)).Next
	_, err = after.Resume(nil, operator(noon))
	require.NoError(t, err)

	lobby := opened(t, 2).Adopt(found, operator(noon)).Next
	_, err = lobby.ForceStart(entry("1.0.0"), operator(noon))
	require.ErrorContains(t, err, "try again when it has ended")
	require.False(t, lobby.StartsBy(noon.Add(2*time.Hour)), "it starts when the container has ended")
	require.Equal(t, WhyEnrolling, lobby.Explain(Moment{Now: noon}).Code)
	away := lobby.DriverUnknown(operator(noon)).Next
	ended := away.Stopped(away.Runtime.Op.Number, operator(noon)).Next
	require.Equal(t, WhyEnrolling, ended.Explain(Moment{Now: noon}).Code)
	require.True(t, ended.StartsBy(noon.Add(2*time.Hour)))
	c, err := ended.Cancel("", operator(noon))
	require.NoError(t, err)
	require.NotNil(t, c.Next.Runtime.EndedAt)
}

// TestAnAdoptedContainerTellsWhatHasWrittenTheState, whoever has started it.
func TestAnAdoptedContainerTellsWhatHasWrittenTheState(t *testing.T) {
	for version, want := range map[string]string{"1.0.2": "1.0.2", "1.0.7": "1.0.7", "1.0.0": "1.0.2", "": "1.0.2"} {
		found := Container{ID: "c", State: ContainerRunning, Version: version, ImageRef: "by-hand"}
		c := resting(t, "1.0.2", "").Adopt(found, operator(noon))
		require.Equal(t, want, c.Next.Runtime.LastWriter().EngineVersion, version)
		require.Equal(t, want == "1.0.7", len(c.Audit) == 2, version)
	}
}
