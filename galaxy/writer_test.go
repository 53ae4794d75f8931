package galaxy

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// resting is a played game whose engine, of the version given, was stopped; target is its target_engine_version.
func resting(t *testing.T, version, target string) Game {
	t.Helper()
	g := running(t)
	g.TargetVersion, g.Runtime.Pin = target, pinOf(version)
	stopped, err := g.ForceStop(operator(noon))
	require.NoError(t, err)
	return stopped.Next.Stopped(stopped.Next.Runtime.Op.Number, operator(noon)).Next
}

func pinOf(version string) Pin {
	return Pin{EngineVersion: version, ImageRef: "engine:" + version, ExpectedTurn: true}
}

func entry(version string) EngineVersion {
	return EngineVersion{Version: version, ImageRef: "engine:" + version, ExpectedTurn: true}
}

// resumed is the game after a resume, as its actor does it: the registry is read when the game Relines.
func resume(t *testing.T, g Game) Game {
	t.Helper()
	var line *EngineVersion
	if g.Relines() {
		v := entry(g.TargetVersion)
		line = &v
	}
	c, err := g.Resume(line, operator(noon))
	require.NoError(t, err)
	return c.Next
}

func edit(t *testing.T, g Game, e GameEdit) Game {
	t.Helper()
	c, err := g.Edit(e, operator(noon), time.Minute)
	require.NoError(t, err)
	return c.Next
}

func TestWhichEngineIsOlder(t *testing.T) {
	for _, c := range []struct {
		version, than string
		want          bool
	}{
		{"1.0.1", "1.0.2", true}, {"1.0.2", "1.0.2", false}, {"1.0.10", "1.0.9", false}, {"1.9.9", "2.0.0", true},
		{"1.0.2-rc.1", "1.0.2", true}, {"1.0.2", "1.0.2-rc.1", false}, {"1.0.2-rc.1", "1.0.2-rc.2", true},
		{"1.0.2-rc.2", "1.0.2-rc.10", true},
		{"1.0.2+a", "1.0.2+b", false}, {"1.0.2+b", "1.0.2", false}, {"", "1.0.2", false},
		{"1.0.2", "", false}, {"nightly", "1.0.2", false},
	} {
		require.Equal(t, c.want, OlderEngine(c.version, c.than), c)
	}
}

// TestAStoppedGameGoesOnWithWhatHasWrittenItsState: whatever its target was before.
func TestAStoppedGameGoesOnWithWhatHasWrittenItsState(t *testing.T) {
	for name, c := range map[string]struct{ version, target, want string }{
		"no target":                                {"1.0.2", "", "1.0.2"},
		"the target of the start, and patched":     {"1.0.2", "1.0.0", "1.0.2"},
		"the target of another line, and moved on": {"2.0.0", "1.9.0", "2.0.0"},
		"the target is a pre-release of it":        {"1.0.2", "1.0.2-rc.1", "1.0.2"},
		"the target is it":                         {"1.0.2", "1.0.2", "1.0.2"},
		"the target is a later patch":              {"1.0.2", "1.0.3", "1.0.3"},
		"the target is a later line":               {"1.0.2", "2.0.0", "2.0.0"},
		"the target is another build of it":        {"1.0.2+a", "1.0.2+b", "1.0.2+b"},
		"it is a pre-release, the target not":      {"1.0.2-rc.1", "1.0.2", "1.0.2"},
	} {
		g := resting(t, c.version, c.target)
		for _, status := range []RuntimeStatus{RuntimeStopped, RuntimeRemoved} {
			g.Runtime.Status = status
			require.Equal(t, pinOf(c.want), resume(t, g).Runtime.Pin, name)
		}
	}
}

func TestATargetBelowWhatHasWrittenTheStateIsRefused(t *testing.T) {
	g := resting(t, "1.0.2", "")
	for _, target := range []string{"1.0.1", "0.9.0", "1.0.2-rc.1", "1.0.0+build"} {
		_, err := g.Edit(GameEdit{TargetVersion: &target}, operator(noon), time.Minute)
		require.Equal(t, Conflict, CodeOf(err), target)
		require.ErrorContains(t, err, "engine 1.0.2 has written the game's state last", target)
		require.ErrorContains(t, err, "state_restored", target)
	}
	for _, target := range []string{"1.0.2", "1.0.3-rc.1", "1.0.3", "2.0.0"} {
		require.Equal(t, target, edit(t, g, GameEdit{TargetVersion: &target}).TargetVersion)
	}
	_, err := opened(t, 2).Edit(GameEdit{TargetVersion: new("0.0.1")}, operator(noon), time.Minute)
	require.Equal(t, Conflict, CodeOf(err), "not while players enrol")
}

func TestAPatchOvertakesTheTarget(t *testing.T) {
	for target, want := range map[string]string{"": "", "1.0.0": "1.0.2"} {
		g := running(t)
		g.TargetVersion = target
		c, err := g.Patch(entry("1.0.2"), operator(noon))
		require.NoError(t, err)
		require.Equal(t, target, c.Next.TargetVersion, "not before it is done")
		done := c.Next.Patched(c.Next.Runtime.Op.Number, operator(noon)).Next
		require.Equal(t, want, done.TargetVersion)
	}
}

// TestAnEngineThatWasNeverStartedBindsNobody: its image was not there, say. Until one is known to have been started the
// game can go back to the very image that has written its state.
func TestAnEngineThatWasNeverStartedBindsNobody(t *testing.T) {
	g := edit(t, resting(t, "1.0.2", ""), GameEdit{TargetVersion: new("2.0.0")})
	open := resume(t, g)
	require.Equal(t, pinOf("2.0.0"), open.Runtime.Pin)
	require.Equal(t, pinOf("1.0.2"), open.Runtime.LastWriter())
	require.NotEmpty(t, open.LineCopy(), "the state is copied first")
	failed := open.EngineRefused(ImagePullFailed, "no image", operator(noon)).Next
	require.Equal(t, RuntimeUnreachable, failed.Runtime.Status)
	require.True(t, failed.Relines(), "its entry may have been put right")
	again, err := failed.Resume(&EngineVersion{Version: "2.0.0", ImageRef: "engine:mended"}, operator(noon))
	require.NoError(t, err)
	require.Equal(t, "engine:mended", again.Next.Runtime.ImageRef)
	require.Equal(t, pinOf("1.0.2"), again.Next.Runtime.LastWriter())

	stopped, err := failed.ForceStop(operator(noon))
	require.NoError(t, err)
	still := stopped.Next.Stopped(stopped.Next.Runtime.Op.Number, operator(noon)).Next
	back := resume(t, edit(t, still, GameEdit{TargetVersion: new("1.0.2")}))
	require.Equal(t, pinOf("1.0.2"), back.Runtime.Pin)
	require.Nil(t, back.Runtime.Writer)
	require.Empty(t, back.LineCopy())
}

// TestAnEngineThatMayHaveWrittenBinds: each fact that tells of one that was started.
func TestAnEngineThatMayHaveWrittenBinds(t *testing.T) {
	open := resume(t, edit(t, resting(t, "1.0.2", ""), GameEdit{TargetVersion: new("2.0.0")}))
	newer := Container{State: ContainerExited, Version: "2.0.0", ImageRef: "engine:2.0.0"}
	broken := shows(open, 0, "other")
	for name, g := range map[string]Game{
		"it is up":                     open.EngineUp(shows(open, 0, "d0"), operator(noon)).Next,
		"it is up with another state":  open.EngineUp(broken, operator(noon)).Next,
		"it was found after its death": open.Found(newer, operator(noon)).Next,
	} {
		require.Nil(t, g.Runtime.Writer, name)
		require.Equal(t, "2.0.0", g.Runtime.LastWriter().EngineVersion, name)
	}
	for what, c := range map[string]Container{
		"none":               {State: ContainerMissing, Version: "2.0.0"},
		"that of before":     {State: ContainerExited, Version: "1.0.2"},
		"without a label":    {State: ContainerRunning},
		"an older one ended": {State: ContainerExited, Version: "0.9.0"},
	} {
		require.True(t, open.Found(c, operator(noon)).Nothing(), what)
	}
}

// TestANewerEngineThatSomebodyElseHasStarted: the version that the game is pinned to is never started on what that has
// written.
func TestANewerEngineThatSomebodyElseHasStarted(t *testing.T) {
	found := Container{State: ContainerExited, Version: "1.0.7", ImageRef: "engine:by-hand"}
	g := resting(t, "1.0.2", "").Found(found, operator(noon)).Next
	require.Equal(t, "1.0.7", g.Runtime.LastWriter().EngineVersion)
	_, err := g.Resume(nil, operator(noon))
	require.Equal(t, Conflict, CodeOf(err))
	require.ErrorContains(t, err, "set target_engine_version to 1.0.7")
	_, err = g.Edit(GameEdit{TargetVersion: new("1.0.6")}, operator(noon), time.Minute)
	require.Equal(t, Conflict, CodeOf(err))
	for _, target := range []string{"1.0.7", "1.0.8"} {
		require.Equal(t, pinOf(target), resume(t, edit(t, g, GameEdit{TargetVersion: &target})).Runtime.Pin)
	}

	g.Runtime.Status, g.Runtime.Why = RuntimeUnreachable, WhyUnreachable
	_, err = g.Restart(operator(noon))
	require.ErrorContains(t, err, "1.0.7")
	_, err = g.Patch(entry("1.0.3"), operator(noon))
	require.ErrorContains(t, err, "1.0.7")
}

func TestAPatchThatCannotBeRolledBackStays(t *testing.T) {
	g := running(t)
	g.TargetVersion = "1.0.0"
	c, err := g.Patch(entry("1.0.2"), operator(noon))
	require.NoError(t, err)
	open, number := c.Next, c.Next.Runtime.Op.Number
	require.True(t, open.PatchStays(number-1, "x", operator(noon)).Nothing())
	stays := open.PatchStays(number, "the disk has a problem", operator(noon))
	require.Equal(t, pinOf("1.0.2"), stays.Next.Runtime.Pin)
	require.Nil(t, stays.Next.Runtime.Patch)
	require.Contains(t, stays.Notices[0].Payload.Reason, "stays on 1.0.2")
	require.Contains(t, stays.Next.Runtime.Failure.Cause, "the disk has a problem")
	up := stays.Next.EngineUp(shows(g, 0, "d0"), operator(noon)).Next
	require.Equal(t, "1.0.2", resume(t, stop(t, up)).Runtime.EngineVersion)

	for name, left := range map[string]Game{"given up": open.EngineGone("x", operator(noon)).Next,
		"lost": open.Lost("x", operator(noon)).Next} {
		require.Equal(t, "1.0.2", left.Runtime.EngineVersion, "%s: nobody knows how far it got", name)
	}
	back := open.PatchFailed(number, "x", operator(noon)).Next
	require.Equal(t, "1.0.0", back.Runtime.LastWriter().EngineVersion, "its state was put back")
	up = back.EngineUp(shows(g, 0, "d0"), operator(noon)).Next
	require.Equal(t, "1.0.0", resume(t, stop(t, up)).Runtime.EngineVersion)
}

func stop(t *testing.T, g Game) Game {
	t.Helper()
	c, err := g.ForceStop(operator(noon))
	require.NoError(t, err)
	return c.Next.Stopped(c.Next.Runtime.Op.Number, operator(noon)).Next
}

func TestAnOperatorGoesBackWithAStateThatWasPutBack(t *testing.T) {
	g := resting(t, "1.0.2", "1.0.2")
	older, yes := "1.0.0", true
	_, err := g.Edit(GameEdit{StateRestored: &yes}, operator(noon), time.Minute)
	require.Equal(t, InvalidRequest, CodeOf(err), "which version has written it?")
	owned := g
	owned.Visibility, owned.Owner = Private, &g.Members[0].User
	_, err = owned.Edit(GameEdit{TargetVersion: &older, StateRestored: &yes}, player(*owned.Owner, noon), time.Minute)
	require.Equal(t, Forbidden, CodeOf(err))
	_, err = running(t).Edit(GameEdit{TargetVersion: &older, StateRestored: &yes}, operator(noon), time.Minute)
	require.Equal(t, Conflict, CodeOf(err), "it runs")

	c, err := g.Edit(GameEdit{TargetVersion: &older, StateRestored: &yes}, operator(noon), time.Minute)
	require.NoError(t, err)
	require.Equal(t, "runtime.state_restored", c.Audit[1].Action)
	require.Equal(t, OpRemove, c.Next.Runtime.Op.Kind, "the container says that 1.0.2 has written the state")
	_, err = c.Next.Resume(nil, operator(noon))
	require.ErrorContains(t, err, "try again when it has ended")
	gone := c.Next.Removed(c.Next.Runtime.Op.Number, operator(noon)).Next
	require.Equal(t, []any{Paused, RuntimeRemoved, WhyStopped}, []any{gone.Status, gone.Runtime.Status, gone.Runtime.Why})
	on := resume(t, gone)
	require.Equal(t, pinOf("1.0.0"), on.Runtime.Pin)
	require.Empty(t, on.LineCopy())
	require.Nil(t, on.EngineUp(shows(g, 0, "d0"), operator(noon)).Next.Runtime.Writer)

	no := false
	_, err = g.Edit(GameEdit{TargetVersion: &older, StateRestored: &no}, operator(noon), time.Minute)
	require.Equal(t, Conflict, CodeOf(err))
}

// TestAStartThatFailedKeepsWhatHasWritten: a start chooses its version anew; what a newer one has left is set aside by
// the driver.
func TestAStartThatFailedKeepsWhatHasWritten(t *testing.T) {
	c, err := opened(t, 2).ForceStart(entry("1.0.2"), operator(noon))
	require.NoError(t, err)
	require.Nil(t, c.Next.Runtime.Writer)
	failed := c.Next.StartFailed("x", "", operator(noon)).Next
	failed = failed.Stopped(failed.Runtime.Op.Number, operator(noon)).Next
	for version, older := range map[string]bool{"1.0.0": true, "1.0.2": false, "1.0.3": false} {
		again, err := failed.RetryStart(entry(version), operator(noon))
		require.NoError(t, err)
		require.Equal(t, version, again.Next.Runtime.EngineVersion)
		require.Equal(t, older, OlderEngine(version, again.Next.Runtime.LastWriter().EngineVersion), version)
		require.Empty(t, again.Next.LineCopy(), "nobody has played it")
		up := again.Next.EngineUp(shows(failed, 0, "d0"), operator(noon)).Next
		require.Equal(t, version, up.Runtime.LastWriter().EngineVersion)
	}
}
