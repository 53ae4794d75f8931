package actors_test

import (
	"context"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/actors"
	"galaxy/backend/actors/game"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/enginetest"
	"galaxy/backend/internal/statedir"
	"galaxy/backend/store/storetest"
	"galaxy/backend/test/actorstest"
)

// undropped is a driver whose copies are not dropped while it is held: the service is killed meanwhile.
type undropped struct {
	*enginetest.Engines
	held   atomic.Bool
	asked  atomic.Int32
	unsure atomic.Bool // a copy cannot be put back
}

func (d *undropped) DropState(ctx context.Context, id galaxy.GameID, label string) error {
	d.asked.Add(1)
	if d.held.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	return d.Engines.DropState(ctx, id, label)
}

func (d *undropped) RestoreState(ctx context.Context, id galaxy.GameID, label string) error {
	if d.unsure.Load() {
		return os.ErrPermission
	}
	return d.Engines.RestoreState(ctx, id, label)
}

func soon(d *actors.Deps) { d.ClearAfter = time.Millisecond }

// patched has the yard's game run on 1.0.1, or back on 1.0.0.
func (y *yard) patched() galaxy.Game {
	y.Helper()
	require.NoError(y, y.st.AddEngineVersion(y.Context(), galaxy.EngineVersion{Version: "1.0.1", ImageRef: "engine:1.0.1", Enabled: true, ExpectedTurn: true, CreatedAt: storetest.Now()},
		galaxy.Audit{By: root.Principal, Action: "test"}))
	act(y, game.Patch{By: root, Version: "1.0.1"})
	return y.until("the patch is over", func(g galaxy.Game) bool { return g.Runtime.Op == nil && g.Runtime.Patch == nil })
}

// TestAKillBetweenAPatchAndTheEndOfItsCopyLeavesNothing: the next start clears what no open operation names.
func TestAKillBetweenAPatchAndTheEndOfItsCopyLeavesNothing(t *testing.T) {
	for name, begins := range map[string]func(*enginetest.Game){
		"of one that was kept":       nil,
		"of one that was taken back": func(g *enginetest.Game) { g.Digest = "other" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			driver := &undropped{Engines: enginetest.New(t)}
			driver.Begins("1.0.1", begins)
			y := newYard(t, driver, "engine:1", soon)
			act(y, game.ForceStart{By: root})
			y.runs()
			driver.held.Store(true)
			y.patched()
			require.Eventually(t, func() bool { return driver.asked.Load() > 0 }, 30*time.Second, time.Millisecond)
			require.Equal(t, 1, driver.Copies(y.id))
			actorstest.Stop(t, y.system)
			driver.held.Store(false)
			y.again(driver)
			require.Eventually(t, func() bool { return driver.Copies(y.id) == 0 }, 30*time.Second, time.Millisecond)
			y.runs()
		})
	}
}

// again starts the system anew.
func (y *yard) again(driver actors.Containers) {
	y.Helper()
	d := actorstest.Deps(y.st, driver)
	soon(&d)
	y.system = actorstest.Start(y.T, d)
}

func TestTheCopyOfACancelledGamesPatchIsClearedByTheNextStart(t *testing.T) {
	driver := &undropped{Engines: enginetest.New(t)}
	hold := make(chan struct{})
	driver.Begins("1.0.1", func(*enginetest.Game) { driver.FailLocked(enginetest.Healthz, enginetest.Fault{Hold: hold}) })
	y := newYard(t, driver, "engine:1", soon)
	act(y, game.ForceStart{By: root})
	y.runs()
	require.NoError(t, y.st.AddEngineVersion(t.Context(), galaxy.EngineVersion{Version: "1.0.1", ImageRef: "engine:1.0.1", Enabled: true, ExpectedTurn: true, CreatedAt: storetest.Now()},
		galaxy.Audit{By: root.Principal, Action: "test"}))
	act(y, game.Patch{By: root, Version: "1.0.1"})
	require.Eventually(t, func() bool { return driver.Copies(y.id) == 1 }, 30*time.Second, time.Millisecond)
	act(y, game.Cancel{By: root})
	close(hold)
	y.until("its engine is stopped", func(g galaxy.Game) bool { return g.Runtime.Op == nil })
	require.Equal(t, 1, driver.Copies(y.id))
	actorstest.Stop(t, y.system)
	y.again(driver)
	require.Eventually(t, func() bool { return driver.Copies(y.id) == 0 }, 30*time.Second, time.Millisecond)
}

// TestACopyThatCouldNotBePutBackOutlivesEveryStart, until an operator removes it.
func TestACopyThatCouldNotBePutBackOutlivesEveryStart(t *testing.T) {
	driver := &undropped{Engines: enginetest.New(t)}
	driver.Begins("1.0.1", func(g *enginetest.Game) { g.Digest = "other" })
	driver.unsure.Store(true)
	y := newYard(t, driver, "engine:1", soon)
	act(y, game.ForceStart{By: root})
	y.runs()
	g := y.patched()
	require.Contains(t, g.Runtime.Failure.Cause, "it is kept as "+y.id.String()+".patch-")
	require.Len(t, g.Runtime.KeptCopies, 1)
	other := galaxy.GameID{UUID: galaxy.NewID()}
	for range 2 {
		actorstest.Stop(t, y.system)
		// One that is left behind shows when the clearing is done.
		driver.Change(other, func(g *enginetest.Game) { g.Holds = other })
		require.NoError(t, driver.CopyState(t.Context(), y.id, "patch-1"))
		y.again(driver)
		require.Eventually(t, func() bool { return driver.Copies(y.id) == 1 }, 30*time.Second, time.Millisecond, "that of an earlier patch is cleared")
		kept, err := driver.Copied(t.Context(), y.id, g.Runtime.KeptLabels()[0])
		require.NoError(t, err)
		require.True(t, kept)
	}
}

// onDisk is a driver whose copies are directories.
type onDisk struct {
	*enginetest.Engines
	root  statedir.Root
	drops atomic.Int32
}

func (d *onDisk) StateCopies(ctx context.Context) ([]galaxy.StateCopy, error) {
	return d.root.StateCopies(ctx)
}
func (d *onDisk) DropState(ctx context.Context, id galaxy.GameID, label string) error {
	d.drops.Add(1)
	return d.root.DropState(ctx, id, label)
}

// TestOnlyWhatIsThisDatabasesAndOverIsCleared, and only by who serves.
func TestOnlyWhatIsThisDatabasesAndOverIsCleared(t *testing.T) {
	path := t.TempDir()
	states, err := statedir.New(path)
	require.NoError(t, err)
	driver := &onDisk{Engines: enginetest.New(t), root: states}
	var serving atomic.Bool
	y := newYard(t, driver, "engine:1", func(d *actors.Deps) {
		d.ClearAfter, d.Config.Reconciler.Interval = time.Hour, 5*time.Millisecond
	})
	act(y, game.ForceStart{By: root})
	y.runs()
	g := y.patched()
	n := g.Runtime.OpNumber
	actorstest.Stop(t, y.system)
	require.Equal(t, int64(2), n)
	id, stranger := y.id.String(), galaxy.NewID().String()
	make := func(name string) {
		require.NoError(t, os.MkdirAll(filepath.Join(path, name), 0o750))
		require.NoError(t, os.WriteFile(filepath.Join(path, name, "state"), []byte(name), 0o640))
	}
	stays := []string{id, id + ".patch-3", id + ".patch-02", id + ".aside-x", id + ".other", stranger, stranger + ".patch-1", stranger + ".copying-patch-2"}
	goes := []string{id + ".patch-1", id + ".copying-patch-1", id + ".patch-2", id + ".dropping-patch-2", id + ".replaced-patch-1"}
	for _, name := range append(stays, goes...) {
		make(name)
	}
	names := func() (out []string) {
		entries, err := os.ReadDir(path)
		require.NoError(t, err)
		for _, e := range entries {
			out = append(out, e.Name())
		}
		return out
	}
	all, drops := names(), driver.drops.Load()
	var asked atomic.Int32
	d := actorstest.Deps(y.st, driver)
	d.Config.Reconciler.Interval, d.ClearAfter = 5*time.Millisecond, time.Millisecond
	d.Serving = func() bool { asked.Add(1); return serving.Load() }
	y.system = actorstest.Start(t, d)
	require.Eventually(t, func() bool { return asked.Load() > 3 }, 30*time.Second, time.Millisecond)
	require.Equal(t, all, names(), "another backend may be at work")
	require.Equal(t, drops, driver.drops.Load())
	serving.Store(true)
	require.Eventually(t, func() bool { return len(names()) == len(stays) }, 30*time.Second, time.Millisecond)
	require.ElementsMatch(t, stays, names())
}
