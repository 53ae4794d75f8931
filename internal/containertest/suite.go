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
	SetAside(ctx context.Context, game galaxy.GameID) error
	List(ctx context.Context) ([]galaxy.Container, error)
	Logs(ctx context.Context, game galaxy.GameID, tail int) (string, error)
}

// Images are what the suite runs: two references to the reference engine, and one that nobody can run.
type Images struct{ One, Two, None string }

// BuildEngine builds the reference engine as a static binary.
func BuildEngine(t testing.TB) string {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	out := filepath.Join(t.TempDir(), "engine")
	cmd := exec.Command("go", "build", "-o", out, "./cmd/engine")
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
	ctx := t.Context()
	game := galaxy.GameID{UUID: galaxy.NewID()}
	spec := galaxy.ContainerSpec{Game: game, Version: "1.0.0", ImageRef: images.One}
	t.Cleanup(func() {
		_ = d.Stop(context.Background(), game, time.Second)
		_ = d.Remove(context.Background(), game)
	})
	state := func(want galaxy.ContainerState) galaxy.Container {
		t.Helper()
		c, err := d.Inspect(ctx, game)
		require.NoError(t, err)
		require.Equal(t, want, c.State)
		return c
	}
	ensure := func(spec galaxy.ContainerSpec) galaxy.Container {
		t.Helper()
		c, err := d.Ensure(ctx, spec)
		require.NoError(t, err)
		require.Equal(t, galaxy.ContainerRunning, c.State)
		require.Equal(t, spec.Version, c.Version)
		serves(t, c.Address)
		return c
	}

	require.NoError(t, d.Ping(ctx))
	state(galaxy.ContainerMissing)
	require.NoError(t, d.Stop(ctx, game, time.Second), "stopping what is not there is no error")
	require.NoError(t, d.Remove(ctx, game))
	_, err := d.Ensure(ctx, galaxy.ContainerSpec{Game: game, Version: "1.0.0", ImageRef: images.One, StateMustExist: true})
	require.ErrorIs(t, err, galaxy.ErrStateMissing, "a game that has run is never given an empty directory")
	_, err = d.Ensure(ctx, galaxy.ContainerSpec{Game: game, Version: "1.0.0", ImageRef: images.None})
	require.ErrorIs(t, err, galaxy.ErrImagePull)

	first := ensure(spec)
	require.Equal(t, first.ID, ensure(spec).ID, "a running engine is adopted")
	all, err := d.List(ctx)
	require.NoError(t, err)
	require.Contains(t, ids(all), game)
	logs, err := d.Logs(ctx, game, 10)
	require.NoError(t, err)
	require.Contains(t, logs, "the engine serves")
	require.Error(t, d.Remove(ctx, game), "a running engine is not removed")

	require.NoError(t, d.Stop(ctx, game, 5*time.Second))
	ended := state(galaxy.ContainerExited)
	if ended.ExitKnown {
		require.Zero(t, ended.ExitCode, "it ended in order")
	}
	spec.StateMustExist = true
	ensure(spec)
	spec.Version, spec.ImageRef = "1.0.1", images.Two
	second := ensure(spec)
	require.NotEqual(t, first.ID, second.ID, "another version replaces it")

	require.NoError(t, d.SetAside(ctx, game))
	state(galaxy.ContainerMissing)
	_, err = d.Ensure(ctx, spec)
	require.ErrorIs(t, err, galaxy.ErrStateMissing)
	require.NoError(t, d.SetAside(ctx, game), "twice is no error")
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
