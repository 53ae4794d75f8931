package actors_test

import (
	"context"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/actors"
	"galaxy/backend/actors/engine"
	"galaxy/backend/actors/game"
	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/reconciler"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/containertest"
	"galaxy/backend/internal/docker"
	"galaxy/backend/internal/enginetest"
	"galaxy/backend/internal/env"
	"galaxy/backend/internal/process"
	"galaxy/backend/store"
	"galaxy/backend/store/storetest"
	"galaxy/backend/test/actorstest"
)

// yard is a system with one game, whose containers are looked at all the time and probed never.
type yard struct {
	*testing.T
	st     *store.Store
	system *actors.System
	id     galaxy.GameID
	ahead  atomic.Int64 // how far the clock is
}

var root = game.By{Principal: galaxy.Admin("root")}

func newYard(t *testing.T, driver actors.Containers, image string, settings func(*actors.Deps)) *yard {
	y := &yard{T: t, st: storetest.Open(t)}
	require.NoError(t, y.st.AddEngineVersion(t.Context(), galaxy.EngineVersion{Version: "1.0.0", ImageRef: image, Enabled: true, ExpectedTurn: true, CreatedAt: storetest.Now()},
		galaxy.Audit{By: root.Principal, Action: "test"}))
	g, _ := storetest.Game(t, y.st, 2)
	y.id = g.ID
	d := actorstest.Deps(y.st, driver)
	d.Now = func() time.Time { return storetest.Now().Add(time.Duration(y.ahead.Load())) }
	d.Pace = engine.Pace{Probe: time.Hour, Retry: 10 * time.Millisecond, Settle: 5 * time.Millisecond, Health: 10 * time.Second,
		Restarts: kit.Backoff{Min: 10 * time.Millisecond, Max: time.Second, Retries: 5, Within: time.Minute}}
	settings(&d)
	y.system = actorstest.Start(t, d)
	t.Cleanup(func() { actorstest.Stop(t, y.system) })
	return y
}

func (y *yard) until(what string, fact func(galaxy.Game) bool) galaxy.Game {
	y.Helper()
	var last galaxy.Game
	require.Eventually(y, func() bool {
		g, err := kit.Ask(y.Context(), y.system.Games.Ref(y.id), game.Get{})
		last = g
		return err == nil && fact(g)
	}, 30*time.Second, 5*time.Millisecond, "%s: %+v", what, &last)
	return last
}

func (y *yard) runs() galaxy.Game {
	y.Helper()
	return y.until("the game runs and waits for its deadline", func(g galaxy.Game) bool {
		return g.Status == galaxy.Running && g.Runtime.Why == galaxy.WhyDeadline && g.Runtime.Reports == 0
	})
}

func act[R any](y *yard, cmd kit.Command[R]) {
	y.Helper()
	_, err := kit.Ask(y.Context(), y.system.Games.Ref(y.id), cmd)
	require.NoError(y, err)
}

func TestTheEndOfAnEngineIsNoticedWithoutAProbe(t *testing.T) {
	driver, err := process.New(t.TempDir())
	require.NoError(t, err)
	image := "file://" + containertest.BuildEngine(t)
	lost := galaxy.GameID{UUID: galaxy.NewID()}
	_, err = driver.Ensure(t.Context(), galaxy.ContainerSpec{Game: lost, Version: "1.0.0", ImageRef: image})
	require.NoError(t, err)
	var y *yard
	t.Cleanup(func() { // after the system's end, which would start it again
		for _, id := range []galaxy.GameID{y.id, lost} {
			_ = driver.Stop(context.Background(), id, time.Second)
		}
	})
	y = newYard(t, driver, image, func(*actors.Deps) {})
	act(y, game.ForceStart{By: root})
	y.runs()
	for range 3 {
		before, err := driver.Inspect(t.Context(), y.id)
		require.NoError(t, err)
		pid, err := strconv.Atoi(before.ID)
		require.NoError(t, err)
		require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
		y.until("it is noticed", func(g galaxy.Game) bool {
			return g.Runtime.Failure != nil && !g.Runtime.Failure.At.Before(before.StartedAt)
		})
		y.runs()
	}
	text, err := kit.Ask(t.Context(), y.system.Reconciler, reconciler.Logs{Game: y.id, Tail: 3})
	require.NoError(t, err)
	require.NotEmpty(t, text)
	found, err := kit.Ask(t.Context(), y.system.Reconciler, reconciler.Orphans{})
	require.NoError(t, err)
	require.Empty(t, found, "one that was started just now is not judged")
}

func TestTheEndOfAContainerIsNoticedWithoutAProbe(t *testing.T) {
	own := "galaxy-test-" + galaxy.NewID().String()
	var conf docker.Config
	require.NoError(t, env.Load([]string{"BACKEND_DOCKER_NETWORK=" + own, "BACKEND_STACK_LABEL=" + own, "BACKEND_ENGINE_ADDRESS=loopback", "BACKEND_RUNTIME_IMAGE_PULL_POLICY=never"}, &conf))
	states, err := os.MkdirTemp("", "galaxy-noticed")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(states, 0o755)) // engines run as somebody else
	driver, err := docker.New(conf, states)
	require.NoError(t, err)
	containertest.NeedDocker(t, driver)
	const image = "galaxy-test/noticed:1"
	require.NoError(t, driver.Import(t.Context(), containertest.BuildEngine(t), image))
	var y *yard
	t.Cleanup(func() {
		ctx := context.Background()
		require.NoError(t, driver.Stop(ctx, y.id, 0))
		require.NoError(t, driver.Remove(ctx, y.id))
		require.NoError(t, driver.RemoveNetwork(ctx))
		require.NoError(t, driver.Close())
		require.NoError(t, os.RemoveAll(states))
	})
	y = newYard(t, driver, image, func(*actors.Deps) {})
	act(y, game.ForceStart{By: root})
	for range 2 {
		before := y.runs().Runtime.Failure
		require.NoError(t, driver.Stop(t.Context(), y.id, 0)) // which nobody has asked for
		y.until("it is noticed", func(g galaxy.Game) bool {
			return g.Runtime.Failure != nil && (before == nil || g.Runtime.Failure.At.After(before.At))
		})
	}
	y.runs()
}

func TestAContainerOfNoGameIsAnOrphan(t *testing.T) {
	driver, err := process.New(t.TempDir())
	require.NoError(t, err)
	lost := galaxy.GameID{UUID: galaxy.NewID()}
	image := "file://" + containertest.BuildEngine(t)
	_, err = driver.Ensure(t.Context(), galaxy.ContainerSpec{Game: lost, Version: "1.0.0", ImageRef: image})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, driver.Stop(context.Background(), lost, time.Second)) })
	y := newYard(t, driver, image, func(d *actors.Deps) {
		now := d.Now
		d.Now = func() time.Time { return now().Add(2 * time.Minute) } // one that was started just now is not judged
	})
	found, err := kit.Ask(t.Context(), y.system.Reconciler, reconciler.Orphans{})
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.Equal(t, lost, found[0].Container.Game)
	require.Equal(t, galaxy.OrphanNoGame, found[0].Reason)
	still, err := driver.Inspect(t.Context(), lost)
	require.NoError(t, err)
	require.Equal(t, galaxy.ContainerRunning, still.State, "it is left alone")
}

// often looks at containers all the time.
func often(d *actors.Deps) { d.Config.Reconciler.Interval = 5 * time.Millisecond }

func TestGamesFollowWhatHappensToTheirContainers(t *testing.T) {
	engines := enginetest.New(t)
	y := newYard(t, engines, "engine:1", often)
	act(y, game.ForceStart{By: root})
	require.Nil(t, y.runs().Runtime.Failure)

	gone := func() { engines.Change(y.id, func(g *enginetest.Game) { g.State = galaxy.ContainerMissing }) }
	gone() // and no event says so
	y.until("it is missed", func(g galaxy.Game) bool { return g.Runtime.Failure != nil })
	y.runs()

	act(y, game.ForceStop{By: root})
	y.until("it is stopped", func(g galaxy.Game) bool { return g.Runtime.Status == galaxy.RuntimeStopped && g.Runtime.Op == nil })
	gone()
	y.until("it is known that there is nothing left", func(g galaxy.Game) bool { return g.Runtime.Status == galaxy.RuntimeRemoved })
	act(y, game.Resume{By: root})
	y.runs()

	act(y, game.Cancel{By: root})
	y.until("it is stopped", func(g galaxy.Game) bool { return g.Runtime.Status == galaxy.RuntimeStopped && g.Runtime.Op == nil })
	y.ahead.Store(int64(169 * time.Hour))
	y.until("its time is over", func(g galaxy.Game) bool { return g.Runtime.Status == galaxy.RuntimeRemoved && g.Runtime.Op == nil })
	left, err := engines.Inspect(t.Context(), y.id)
	require.NoError(t, err)
	require.Equal(t, galaxy.ContainerMissing, left.State)
}

func TestNoGameIsStartedWithoutSpace(t *testing.T) {
	engines := enginetest.New(t)
	engines.Space(1 << 20)
	mails := make(chan galaxy.Mail, 10)
	y := newYard(t, engines, "engine:1", func(d *actors.Deps) {
		often(d)
		d.Config.Reconciler.MinFree, d.Config.Notify.AdminEmail = 1<<30, "ops@example.com"
		d.Send = func(_ context.Context, m galaxy.Mail) galaxy.SendResult {
			if m.To == "ops@example.com" {
				mails <- m
			}
			return galaxy.SendResult{Outcome: galaxy.MailSent}
		}
	})
	require.Contains(t, (<-mails).Text, "1MiB are free", "operators are told")
	_, err := kit.Ask(t.Context(), y.system.Games.Ref(y.id), game.ForceStart{By: root})
	require.Equal(t, galaxy.ServiceUnavailable, galaxy.CodeOf(err))
	require.ErrorContains(t, err, "too little disk space")
	engines.Space(1 << 40)
	require.Eventually(t, func() bool {
		_, err := kit.Ask(t.Context(), y.system.Games.Ref(y.id), game.ForceStart{By: root})
		return err == nil
	}, 10*time.Second, 5*time.Millisecond)
	y.runs()
}
