// Package containertest is the suite that every driver of engines passes.
package containertest

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/galaxy"
)

// Driver is what a driver of engines can do.
type Driver interface {
	Ping(ctx context.Context) error
	Ensure(ctx context.Context, spec galaxy.ContainerSpec) (galaxy.Container, error)
	Inspect(ctx context.Context, game galaxy.GameID) (galaxy.Container, error)
	Stop(ctx context.Context, game galaxy.GameID, grace time.Duration) error
	Remove(ctx context.Context, game galaxy.GameID) error
	SetAside(ctx context.Context, game galaxy.GameID, grace time.Duration) error
	List(ctx context.Context) ([]galaxy.Container, error)
	Logs(ctx context.Context, game galaxy.GameID, tail int) (string, error)
	Watch(ctx context.Context, tell func(galaxy.ContainerEvent)) error
	CopyState(ctx context.Context, game galaxy.GameID, label string) error
	RestoreState(ctx context.Context, game galaxy.GameID, label string) error
	DropState(ctx context.Context, game galaxy.GameID, label string) error
	FreeSpace(ctx context.Context) (int64, error)
}

// Images are what the suite runs: two references to the reference engine, and one that nobody can run.
type Images struct{ One, Two, None string }

// BuildEngine builds the reference engine as a static binary.
func BuildEngine(t testing.TB) string {
	t.Helper()
	return Build(t, "./cmd/engine")
}

// Build builds a program of the project, named from its root, as a static binary.
func Build(t testing.TB, program string) string {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	out := filepath.Join(t.TempDir(), "engine")
	cmd := exec.Command("go", "build", "-o", out, program)
	cmd.Dir = filepath.Join(filepath.Dir(here), "..", "..")
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	text, err := cmd.CombinedOutput()
	require.NoError(t, err, string(text))
	return out
}

// NeedDocker skips the test, loudly, when no daemon answers; where one is required the test fails.
func NeedDocker(t testing.TB, d interface{ Ping(context.Context) error }) {
	t.Helper()
	err := d.Ping(t.Context())
	switch {
	case err == nil:
	case os.Getenv("REQUIRE_DOCKER") != "":
		t.Fatalf("a Docker daemon is required: %v", err)
	default:
		t.Skipf("SKIPPED, WITH ALL IT WOULD SHOW: no Docker daemon answers: %v", err)
	}
}

// Run runs the suite.
func Run(t *testing.T, d Driver, images Images) {
	t.Run("a life from the first start until it is set aside", func(t *testing.T) { newCase(t, d, images).life() })
	t.Run("what happens is told", func(t *testing.T) { newCase(t, d, images).watch() })
	t.Run("a patch is rolled back", func(t *testing.T) { newCase(t, d, images).rollBack() })
}

// oneCase is a game with its driver.
type oneCase struct {
	*testing.T
	d      Driver
	images Images
	game   galaxy.GameID
}

func newCase(t *testing.T, d Driver, images Images) oneCase {
	c := oneCase{t, d, images, galaxy.GameID{UUID: galaxy.NewID()}}
	c.removeAfter(c.game)
	return c
}

func (c oneCase) removeAfter(game galaxy.GameID) {
	c.Cleanup(func() {
		_ = c.d.Stop(context.Background(), game, time.Second)
		_ = c.d.Remove(context.Background(), game)
	})
}

func (c oneCase) one() galaxy.ContainerSpec {
	return galaxy.ContainerSpec{Game: c.game, Version: "1.0.0", ImageRef: c.images.One}
}

func (c oneCase) two() galaxy.ContainerSpec {
	return galaxy.ContainerSpec{Game: c.game, Version: "1.0.1", ImageRef: c.images.Two, StateMustExist: true, StopGrace: time.Second}
}

func (c oneCase) state(want galaxy.ContainerState) galaxy.Container {
	c.Helper()
	got, err := c.d.Inspect(c.Context(), c.game)
	require.NoError(c, err)
	require.Equal(c, want, got.State)
	return got
}

func (c oneCase) ensure(spec galaxy.ContainerSpec) galaxy.Container {
	c.Helper()
	got, err := c.d.Ensure(c.Context(), spec)
	require.NoError(c, err)
	require.Equal(c, galaxy.ContainerRunning, got.State)
	require.Equal(c, spec.Version, got.Version)
	require.True(c, got.FinishedAt.IsZero(), "it runs")
	serves(c.T, got.Address)
	return got
}

func (c oneCase) life() {
	ctx, d := c.Context(), c.d
	require.NoError(c, d.Ping(ctx))
	c.state(galaxy.ContainerMissing)
	require.NoError(c, d.Stop(ctx, c.game, time.Second), "stopping what is not there is no error")
	require.NoError(c, d.Remove(ctx, c.game))
	_, err := d.Ensure(ctx, galaxy.ContainerSpec{Game: c.game, Version: "1.0.0", ImageRef: c.images.One, StateMustExist: true})
	require.ErrorIs(c, err, galaxy.ErrStateMissing, "a game that has run is never given an empty directory")
	_, err = d.Ensure(ctx, galaxy.ContainerSpec{Game: c.game, Version: "1.0.0", ImageRef: c.images.None})
	require.ErrorIs(c, err, galaxy.ErrImagePull)

	before := time.Now().Add(-time.Second)
	first := c.ensure(c.one())
	require.Equal(c, first.ID, c.ensure(c.one()).ID, "a running engine is adopted")
	all, err := d.List(ctx)
	require.NoError(c, err)
	require.Contains(c, ids(all), c.game)
	logs, err := d.Logs(ctx, c.game, 10)
	require.NoError(c, err)
	require.Contains(c, logs, "the engine serves")
	require.Error(c, d.Remove(ctx, c.game), "a running engine is not removed")

	require.NoError(c, d.Stop(ctx, c.game, 5*time.Second))
	ended := c.state(galaxy.ContainerExited)
	require.True(c, ended.ExitKnown)
	require.Zero(c, ended.ExitCode, "it ended in order")
	require.WithinRange(c, ended.StartedAt, before, ended.FinishedAt)
	require.WithinRange(c, ended.FinishedAt, before, time.Now().Add(time.Second))
	again := c.one()
	again.StateMustExist = true
	c.ensure(again)
	second := c.ensure(c.two())
	require.NotEqual(c, first.ID, second.ID, "another version replaces it")

	require.NoError(c, d.SetAside(ctx, c.game, time.Second))
	c.state(galaxy.ContainerMissing)
	_, err = d.Ensure(ctx, c.two())
	require.ErrorIs(c, err, galaxy.ErrStateMissing)
	require.NoError(c, d.SetAside(ctx, c.game, time.Second), "twice is no error")
}

func ids(all []galaxy.Container) []galaxy.GameID {
	var out []galaxy.GameID
	for _, c := range all {
		out = append(out, c.Game)
	}
	return out
}

func serves(t *testing.T, address string) {
	t.Helper()
	require.Eventually(t, func() bool {
		res, err := http.Get(address + "/healthz")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	}, 20*time.Second, 20*time.Millisecond, "the engine at %s does not serve", address)
}
