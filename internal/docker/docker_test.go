package docker

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/caarlos0/env/v11"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"galaxy/backend/galaxy"
	"galaxy/backend/internal/containertest"
)

const (
	imageOne = "galaxy-test/engine:one"
	imageTwo = "galaxy-test/engine:two"
)

// driver gives one on the local daemon, on a network of its own.
func driver(t *testing.T) *Driver {
	t.Helper()
	network := "galaxy-test-" + galaxy.NewID().String()
	conf, err := env.ParseAsWithOptions[Config](env.Options{Environment: map[string]string{"BACKEND_DOCKER_NETWORK": network,
		"BACKEND_ENGINE_ADDRESS": "loopback", "BACKEND_RUNTIME_IMAGE_PULL_POLICY": "never", "BACKEND_STACK_LABEL": network}})
	require.NoError(t, err)
	require.NoError(t, conf.Validate())
	root, err := os.MkdirTemp("", "galaxy-docker")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(root, 0o755))
	d, err := New(conf, root)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, _ = d.api.NetworkRemove(context.Background(), network, client.NetworkRemoveOptions{})
		_ = d.Close()
		_ = os.RemoveAll(root)
	})
	containertest.NeedDocker(t, d)
	return d
}

func TestTheDriverPassesTheSuite(t *testing.T) {
	d := driver(t)
	engine := containertest.BuildEngine(t)
	require.NoError(t, d.Import(t.Context(), engine, imageOne))
	require.NoError(t, d.Import(t.Context(), engine, imageTwo))
	containertest.Run(t, d, containertest.Images{One: imageOne, Two: imageTwo, None: "galaxy-test/none:1"})
}

func TestAContainerIsKeptInItsPlace(t *testing.T) {
	d := driver(t)
	require.NoError(t, d.Import(t.Context(), containertest.BuildEngine(t), imageOne))
	game := galaxy.GameID{UUID: galaxy.NewID()}
	t.Cleanup(func() {
		_ = d.Stop(context.Background(), game, time.Second)
		_ = d.Remove(context.Background(), game)
	})
	_, err := d.Ensure(t.Context(), galaxy.ContainerSpec{Game: game, Version: "1.0.0", ImageRef: imageOne})
	require.NoError(t, err)
	res, err := d.api.ContainerInspect(t.Context(), "galaxy-game-"+game.String(), client.ContainerInspectOptions{})
	require.NoError(t, err)
	h, c := res.Container.HostConfig, res.Container.Config
	require.Equal(t, []string{"ALL"}, h.CapDrop)
	require.Contains(t, h.SecurityOpt, "no-new-privileges")
	require.True(t, h.ReadonlyRootfs)
	require.EqualValues(t, 2e9, h.NanoCPUs)
	require.EqualValues(t, 512<<20, h.Memory)
	require.EqualValues(t, 256, *h.PidsLimit)
	require.Equal(t, map[string]string{"max-size": "10m", "max-file": "3"}, h.LogConfig.Config)
	require.NotContains(t, []string{"", "0", "0:0", "root"}, c.User)
	require.Equal(t, "1", c.Labels["galaxy.backend"])
	require.Equal(t, game.String(), c.Labels["galaxy.game_id"])
	require.Equal(t, "1.0.0", c.Labels["galaxy.engine_version"])
	require.NotEmpty(t, c.Labels["galaxy.stack"])
	require.Contains(t, c.Env, "STORAGE_PATH=/var/lib/galaxy-game")
}

func TestADaemonThatIsAwayMakesNothingCertain(t *testing.T) {
	d, err := New(Config{Host: "unix:///nowhere/docker.sock", Network: "n", CallTimeout: time.Second}, t.TempDir())
	require.NoError(t, err)
	game := galaxy.GameID{UUID: galaxy.NewID()}
	require.ErrorIs(t, d.Ping(t.Context()), galaxy.ErrDriverUnknown)
	_, err = d.Inspect(t.Context(), game)
	require.ErrorIs(t, err, galaxy.ErrDriverUnknown)
	_, err = d.Ensure(t.Context(), galaxy.ContainerSpec{Game: game})
	require.ErrorIs(t, err, galaxy.ErrDriverUnknown)
	require.ErrorIs(t, d.Stop(t.Context(), game, time.Second), galaxy.ErrDriverUnknown)
}

func TestSettingsThatCannotWorkAreAllNamed(t *testing.T) {
	err := Config{PullPolicy: "sometimes", EngineAddress: "moon", StateMount: "relative"}.Validate()
	for _, name := range []string{"BACKEND_DOCKER_NETWORK", "BACKEND_RUNTIME_IMAGE_PULL_POLICY", "BACKEND_ENGINE_ADDRESS", "_CPU_QUOTA", "_STATE_MOUNT", "BACKEND_DOCKER_CALL_TIMEOUT"} {
		require.ErrorContains(t, err, name)
	}
	for _, text := range []string{"0:0", "root", "1", "-1:5"} {
		require.Error(t, (&User{}).UnmarshalText([]byte(text)), text)
	}
}
