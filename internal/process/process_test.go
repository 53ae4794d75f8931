package process

import (
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"galaxy/backend/galaxy"
	"galaxy/backend/internal/containertest"
)

func copyTo(t *testing.T, from, to string) string {
	in, err := os.Open(from)
	require.NoError(t, err)
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	require.NoError(t, err)
	_, err = io.Copy(out, in)
	require.NoError(t, err)
	require.NoError(t, out.Close())
	return to
}

func TestTheDriverPassesTheSuite(t *testing.T) {
	engine := containertest.BuildEngine(t)
	d, err := New(t.TempDir())
	require.NoError(t, err)
	other := copyTo(t, engine, filepath.Join(t.TempDir(), "other"))
	containertest.Run(t, d, containertest.Images{One: "file://" + engine, Two: "file://" + other, None: "file:///nowhere/engine"})
}

func TestTwoWhoStartAnEngineAtOnceGetOne(t *testing.T) {
	d, err := New(t.TempDir())
	require.NoError(t, err)
	binary := "file://" + containertest.BuildEngine(t)
	for range 10 {
		spec := galaxy.ContainerSpec{Game: galaxy.GameID{UUID: galaxy.NewID()}, Version: "1.0.0", ImageRef: binary}
		t.Cleanup(func() { _ = d.Stop(context.Background(), spec.Game, time.Second) })
		var all errgroup.Group
		ids, begin := make([]string, 8), make(chan struct{})
		for i := range ids {
			all.Go(func() error {
				<-begin
				c, err := d.Ensure(t.Context(), spec)
				ids[i] = c.ID
				return err
			})
		}
		close(begin)
		require.NoError(t, all.Wait())
		require.Len(t, slices.Compact(ids), 1)
	}
}

func TestAnotherDriverAdoptsWhatRunsAndNoticesWhatDied(t *testing.T) {
	root := t.TempDir()
	d, err := New(root)
	require.NoError(t, err)
	spec := galaxy.ContainerSpec{Game: galaxy.GameID{UUID: galaxy.NewID()}, Version: "1.0.0", ImageRef: "file://" + containertest.BuildEngine(t)}
	started, err := d.Ensure(t.Context(), spec)
	require.NoError(t, err)
	next, err := New(root)
	require.NoError(t, err)
	adopted, err := next.Ensure(t.Context(), spec)
	require.NoError(t, err)
	require.Equal(t, started, adopted)
	ours, theirs := watch(t, d), watch(t, next)

	before := time.Now()
	pid, err := strconv.Atoi(started.ID)
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	require.Equal(t, galaxy.ContainerEvent{Game: spec.Game, Kind: galaxy.ContainerDied, ExitCode: 137, ExitKnown: true}, first(t, ours, spec.Game, before))
	require.Equal(t, galaxy.ContainerEvent{Game: spec.Game, Kind: galaxy.ContainerDied}, first(t, theirs, spec.Game, before))
	require.Eventually(t, func() bool {
		c, err := next.Inspect(t.Context(), spec.Game)
		return err == nil && c.State == galaxy.ContainerExited && !c.ExitKnown && c.FinishedAt.IsZero()
	}, 10*time.Second, 5*time.Millisecond, "how an adopted process ended is not known")
	require.Eventually(t, func() bool {
		c, err := d.Inspect(t.Context(), spec.Game)
		return err == nil && c.State == galaxy.ContainerExited && c.ExitKnown && c.ExitCode == 137 && !c.FinishedAt.Before(before.UTC())
	}, 10*time.Second, 5*time.Millisecond)
}

// watch watches until the test ends, and is known to be under way when it returns.
func watch(t *testing.T, d *Driver) *containertest.Heard {
	heard := &containertest.Heard{}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Watch(ctx, heard.Tell) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	require.Eventually(t, func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		return len(d.watchers) == 1
	}, 10*time.Second, time.Millisecond)
	return heard
}

// first gives the first that is told of a game, without its time.
func first(t *testing.T, heard *containertest.Heard, game galaxy.GameID, after time.Time) galaxy.ContainerEvent {
	t.Helper()
	require.Eventually(t, func() bool { return len(heard.Of(game)) > 0 }, 10*time.Second, 5*time.Millisecond, "nothing is told")
	e := heard.Of(game)[0]
	require.WithinRange(t, e.At, after, time.Now())
	e.At = time.Time{}
	return e
}

func TestTheEndOfAnAdoptedEngineIsToldBeforeTheNextStart(t *testing.T) {
	root := t.TempDir()
	d, err := New(root)
	require.NoError(t, err)
	spec := galaxy.ContainerSpec{Game: galaxy.GameID{UUID: galaxy.NewID()}, Version: "1.0.0", ImageRef: "file://" + containertest.BuildEngine(t)}
	_, err = d.Ensure(t.Context(), spec)
	require.NoError(t, err)
	next, err := New(root)
	require.NoError(t, err)
	heard := watch(t, next)
	require.NoError(t, next.Stop(t.Context(), spec.Game, 5*time.Second))
	_, err = next.Ensure(t.Context(), spec)
	require.NoError(t, err)
	require.NoError(t, next.Stop(t.Context(), spec.Game, 5*time.Second))
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		require.Equal(c, []galaxy.ContainerEventKind{galaxy.ContainerDied, galaxy.ContainerStarted, galaxy.ContainerDied}, heard.Kinds(spec.Game))
	}, 10*time.Second, 5*time.Millisecond)
	require.False(t, heard.Of(spec.Game)[0].ExitKnown)
	require.True(t, heard.Of(spec.Game)[2].ExitKnown)
}

func TestAReferenceThatIsNoBinaryIsRefused(t *testing.T) {
	d, err := New(t.TempDir())
	require.NoError(t, err)
	for ref, want := range map[string]error{"galaxy/engine:1": galaxy.ErrStartConfig, "file://": galaxy.ErrStartConfig, "file:///tmp": galaxy.ErrImagePull} {
		_, err := d.Ensure(t.Context(), galaxy.ContainerSpec{Game: galaxy.GameID{UUID: galaxy.NewID()}, ImageRef: ref})
		require.ErrorIs(t, err, want, ref)
	}
}

// TestStarter is no test: it is the process of the next one that dies while it starts an engine.
func TestStarter(t *testing.T) {
	root, engine := os.Getenv("STARTER_ROOT"), os.Getenv("STARTER_ENGINE")
	if root == "" {
		t.Skip("run by another test")
	}
	d, err := New(root)
	require.NoError(t, err)
	_, err = d.Ensure(t.Context(), galaxy.ContainerSpec{Game: starterGame, Version: "1.0.0", ImageRef: "file://" + engine})
	require.NoError(t, err)
}

var starterGame = galaxy.GameID{UUID: uuid.MustParse("01890000-0000-7000-8000-000000000001")}

func TestAStarterThatDiesLeavesNoEngineThatNobodyKnows(t *testing.T) {
	engine, root := containertest.BuildEngine(t), t.TempDir()
	d, err := New(root)
	require.NoError(t, err)
	// Whoever writes the record waits for somebody who reads it: it goes into a pipe that is full.
	fifo := d.file(starterGame) + ".tmp"
	require.NoError(t, syscall.Mkfifo(fifo, 0o644))
	pipe, err := syscall.Open(fifo, syscall.O_RDWR|syscall.O_NONBLOCK, 0)
	require.NoError(t, err)
	defer syscall.Close(pipe)
	for err == nil {
		_, err = syscall.Write(pipe, make([]byte, 4096))
	}
	require.ErrorIs(t, err, syscall.EAGAIN)
	starter := exec.Command(os.Args[0], "-test.run=^TestStarter$")
	starter.Env = append(os.Environ(), "STARTER_ROOT="+root, "STARTER_ENGINE="+engine)
	require.NoError(t, starter.Start())
	require.Eventually(t, func() bool {
		child, err := exec.Command("ps", "-o", "pid=", "--ppid", strconv.Itoa(starter.Process.Pid)).Output()
		return err == nil && len(child) > 0
	}, 10*time.Second, 5*time.Millisecond)
	require.NoError(t, starter.Process.Kill())
	require.Error(t, starter.Wait())
	require.NoError(t, os.Remove(fifo))

	c, err := d.Ensure(t.Context(), galaxy.ContainerSpec{Game: starterGame, Version: "1.0.0", ImageRef: "file://" + engine})
	require.NoError(t, err)
	t.Cleanup(func() { _ = d.Stop(context.Background(), starterGame, time.Second) })
	require.Eventually(t, func() bool {
		res, err := http.Get(c.Address + "/healthz")
		return err == nil && res.Body.Close() == nil && res.StatusCode == http.StatusOK
	}, 10*time.Second, 5*time.Millisecond, "it has the state directory for itself")
}
