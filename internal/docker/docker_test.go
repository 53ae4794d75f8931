package docker

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/caarlos0/env/v11"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"galaxy/backend/galaxy"
	"galaxy/backend/internal/containertest"
	"galaxy/backend/internal/dockertest"
)

const (
	imageOne = "galaxy-test/engine:one"
	imageTwo = "galaxy-test/engine:two"
)

// settings are those of a driver on a network and a stack of its own.
func settings() map[string]string {
	own := "galaxy-test-" + galaxy.NewID().String()
	return map[string]string{"BACKEND_DOCKER_NETWORK": own, "BACKEND_ENGINE_ADDRESS": "loopback", "BACKEND_RUNTIME_IMAGE_PULL_POLICY": "never", "BACKEND_STACK_LABEL": own}
}

// driver gives one on the local daemon. Its containers and its network go with the test.
func driver(t *testing.T) *Driver { return driverWith(t, settings()) }

func driverWith(t *testing.T, settings map[string]string) *Driver {
	t.Helper()
	conf, err := env.ParseAsWithOptions[Config](env.Options{Environment: settings})
	require.NoError(t, err)
	require.NoError(t, conf.Validate())
	root, err := os.MkdirTemp("", "galaxy-docker")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(root, 0o755))
	d, err := New(conf, root)
	require.NoError(t, err)
	conf.Host, conf.CallTimeout = "unix://"+dockertest.Socket, time.Minute
	direct, err := New(conf, root) // also when the driver's daemon is a proxy that misbehaves
	require.NoError(t, err)
	containertest.NeedDocker(t, direct)
	t.Cleanup(func() {
		ctx := context.Background()
		left, err := direct.api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: direct.filters()})
		require.NoError(t, err)
		for _, c := range left.Items {
			_, err := direct.api.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
			require.NoError(t, goneOr(err))
		}
		require.NoError(t, direct.RemoveNetwork(ctx))
		require.NoError(t, d.Close())
		require.NoError(t, direct.Close())
		require.NoError(t, os.RemoveAll(root))
	})
	return d
}

var imported sync.Once

// newSpec is that of a game that has not run, on the reference engine.
func newSpec(t *testing.T, d *Driver) galaxy.ContainerSpec {
	t.Helper()
	imported.Do(func() { require.NoError(t, d.Import(t.Context(), containertest.BuildEngine(t), imageOne)) })
	return galaxy.ContainerSpec{Game: galaxy.GameID{UUID: galaxy.NewID()}, Version: "1.0.0", ImageRef: imageOne}
}

func TestTheDriverPassesTheSuite(t *testing.T) {
	d := driver(t)
	engine := containertest.BuildEngine(t)
	require.NoError(t, d.Import(t.Context(), engine, imageOne))
	require.NoError(t, d.Import(t.Context(), engine, imageTwo))
	containertest.Run(t, d, containertest.Images{One: imageOne, Two: imageTwo, None: "galaxy-test/none:1"})
}

func TestSettingsThatCannotWorkAreAllNamed(t *testing.T) {
	err := Config{PullPolicy: "sometimes", EngineAddress: "moon", StateMount: "relative"}.Validate()
	for _, name := range []string{"BACKEND_RUNTIME_IMAGE_PULL_POLICY", "BACKEND_ENGINE_ADDRESS", "_CPU_QUOTA", "_STATE_MOUNT", "BACKEND_DOCKER_CALL_TIMEOUT"} {
		require.ErrorContains(t, err, name)
	}
	for _, text := range []string{"0:0", "root", "1", "-1:5"} {
		require.Error(t, (&User{}).UnmarshalText([]byte(text)), text)
	}
}
