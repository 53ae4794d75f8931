package docker

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"galaxy/backend/galaxy"
	"galaxy/backend/internal/containertest"
	"galaxy/backend/internal/dockertest"
)

// reset is a driver of the same stack and games after a restart of the service with other settings.
func (d *Driver) reset(t *testing.T, own map[string]string, other map[string]string) *Driver {
	t.Helper()
	s := maps.Clone(own)
	maps.Copy(s, other)
	next, err := New(parse(t, s), d.Path())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, next.Close()) })
	return next
}

// stopped starts the game's engine with the settings, gives it a state to keep, and stops it.
func stopped(t *testing.T, d *Driver, spec galaxy.ContainerSpec) galaxy.Container {
	t.Helper()
	first, err := d.Ensure(t.Context(), spec)
	require.NoError(t, err)
	require.NoError(t, d.Stop(t.Context(), spec.Game, 5*time.Second))
	require.NoError(t, os.WriteFile(filepath.Join(d.Dir(spec.Game), "kept"), []byte("state"), 0o644))
	return first
}

func TestAStoppedContainerThatWasMadeOtherwiseIsReplaced(t *testing.T) {
	for name, other := range map[string]map[string]string{
		"memory":           {"BACKEND_RUNTIME_CONTAINER_MEMORY": "1g"},
		"CPUs":             {"BACKEND_RUNTIME_CONTAINER_CPU_QUOTA": "0.5"},
		"process limit":    {"BACKEND_RUNTIME_CONTAINER_PIDS_LIMIT": "64"},
		"state mount":      {"BACKEND_RUNTIME_CONTAINER_STATE_MOUNT": "/elsewhere"},
		"log options":      {"BACKEND_RUNTIME_CONTAINER_LOG_OPTS": "max-size=1m"},
		"one log option":   {"BACKEND_RUNTIME_CONTAINER_LOG_OPTS": "max-size=10m,max-file=3,labels=x"},
		"log driver":       {"BACKEND_RUNTIME_CONTAINER_LOG_DRIVER": "none"},
		"user":             {"BACKEND_RUNTIME_CONTAINER_USER": "4711:4712"},
		"address":          {"BACKEND_ENGINE_ADDRESS": "name"},
		"no stack's label": {"BACKEND_STACK_LABEL": ""},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "user" && os.Getuid() != 0 {
				t.Skip("only root can give a directory away")
			}
			own := settings()
			d := driverWith(t, own)
			spec := newSpec(t, d)
			first := stopped(t, d, spec)
			d2 := d.reset(t, own, other)
			spec.StateMustExist = true
			t.Cleanup(func() { removeNow(t, d, name2(spec)) })
			for _, way := range []*Driver{d2, d} { // and back
				second, err := way.Ensure(t.Context(), spec)
				require.NoError(t, err)
				require.NotEqual(t, first.ID, second.ID, "it is replaced")
				require.Equal(t, galaxy.ContainerRunning, second.State)
				require.Empty(t, compare(way.config(spec), way.hostConfig(spec), inspected(t, way, spec.Game)))
				require.Equal(t, "state", read(t, filepath.Join(d.Dir(spec.Game), "kept")), "its state is kept")
				require.NoError(t, way.Stop(t.Context(), spec.Game, 5*time.Second))
				third, err := way.Ensure(t.Context(), spec)
				require.NoError(t, err)
				require.Equal(t, second.ID, third.ID, "what does not differ is not replaced")
				require.NoError(t, way.Stop(t.Context(), spec.Game, 5*time.Second))
				first = third
				if name == "no stack's label" {
					return // with a label that one is another's
				}
			}
		})
	}
}

func name2(spec galaxy.ContainerSpec) string { return name(spec.Game) }

func TestARunningContainerThatWasMadeOtherwiseIsAdoptedAndTold(t *testing.T) {
	own := settings()
	d := driverWith(t, own)
	spec := newSpec(t, d)
	first, err := d.Ensure(t.Context(), spec)
	require.NoError(t, err)
	require.Empty(t, first.Differs)
	d = d.reset(t, own, map[string]string{"BACKEND_RUNTIME_CONTAINER_MEMORY": "1g"})
	again, err := d.Ensure(t.Context(), spec)
	require.NoError(t, err)
	require.Equal(t, first.ID, again.ID)
	require.Contains(t, again.Differs, "memory is 512MiB, and set to 1GiB")
	require.NotContains(t, again.Differs, "CPU")
}

func TestAContainerThatWasChangedByHandIsReplacedAtItsNextStart(t *testing.T) {
	d := driver(t)
	spec := newSpec(t, d)
	spec.StateMustExist = false
	for name, change := range map[string]client.ContainerUpdateOptions{
		"memory":  {Resources: &container.Resources{Memory: 1 << 30, MemorySwap: 1 << 30}},
		"CPUs":    {Resources: &container.Resources{NanoCPUs: 5e8}},
		"restart": {RestartPolicy: &container.RestartPolicy{Name: container.RestartPolicyUnlessStopped}},
	} {
		first, err := d.Ensure(t.Context(), spec)
		require.NoError(t, err)
		_, err = d.api.ContainerUpdate(t.Context(), first.ID, change)
		require.NoError(t, err, name)
		running, err := d.Ensure(t.Context(), spec)
		require.NoError(t, err)
		require.Equal(t, first.ID, running.ID, name)
		require.NotEmpty(t, running.Differs, name)
		require.NoError(t, d.Stop(t.Context(), spec.Game, 5*time.Second))
		second, err := d.Ensure(t.Context(), spec)
		require.NoError(t, err)
		require.NotEqual(t, first.ID, second.ID, name)
	}
}

func TestATagThatWasGivenToAnotherImageIsFollowedAtTheNextStart(t *testing.T) {
	d := driver(t)
	const image = "galaxy-test/moved:1"
	t.Cleanup(func() { _, _ = d.api.ImageRemove(context.Background(), image, client.ImageRemoveOptions{Force: true}) })
	engine := containertest.BuildEngine(t)
	require.NoError(t, d.Import(t.Context(), engine, image))
	spec := galaxy.ContainerSpec{Game: galaxy.GameID{UUID: galaxy.NewID()}, Version: "1.0.0", ImageRef: image}
	first := stopped(t, d, spec)
	require.NoError(t, d.Import(t.Context(), engine, image), "each import is another image")
	second := stopped(t, d, spec)
	require.NotEqual(t, first.ID, second.ID)
	_, err := d.api.ImageRemove(t.Context(), image, client.ImageRemoveOptions{Force: true})
	require.NoError(t, err)
	third, err := d.Ensure(t.Context(), spec)
	require.NoError(t, err, "a container needs no tag")
	require.Equal(t, second.ID, third.ID)
}

// TestAReplacementThatIsCutIsCompleted: whatever is lost, the next Ensure finds one container with the settings of
// now, or none.
func TestAReplacementThatIsCutIsCompleted(t *testing.T) {
	for _, cut := range []string{"DELETE /containers/", "POST /containers/create", "/start", "GET /images/"} {
		for _, n := range []int{-1, 0} {
			p := dockertest.NewProxy(t, dockertest.Socket)
			own := settings()
			own["BACKEND_DOCKER_HOST"] = p.Host()
			d := driverWith(t, own)
			spec := newSpec(t, d)
			first := stopped(t, d, spec)
			d = d.reset(t, own, map[string]string{"BACKEND_RUNTIME_CONTAINER_MEMORY": "1g"})
			spec.StateMustExist = true
			p.CutNext(cut, n)
			_, err := d.Ensure(t.Context(), spec)
			if err != nil || !strings.HasPrefix(cut, "GET ") { // the client repeats a read by itself
				nothingElse(t, err, "%s after %d", cut, n)
			}
			require.Zero(t, p.Pending())
			second, err := d.Ensure(t.Context(), spec)
			require.NoError(t, err, "%s after %d", cut, n)
			require.NotEqual(t, first.ID, second.ID)
			require.EqualValues(t, 1<<30, inspected(t, d, spec.Game).HostConfig.Memory)
			require.Equal(t, "state", read(t, filepath.Join(d.Dir(spec.Game), "kept")))
		}
	}
}

func TestNothingIsRemovedBeforeThereIsAnImageForItsSuccessor(t *testing.T) {
	own := settings()
	d := driverWith(t, own)
	spec := newSpec(t, d)
	first := stopped(t, d, spec)
	next := spec
	next.Version, next.ImageRef, next.StateMustExist = "1.0.1", "galaxy-test/none:1", true
	_, err := d.Ensure(t.Context(), next)
	require.ErrorIs(t, err, galaxy.ErrImagePull)
	back, err := d.Ensure(t.Context(), spec)
	require.NoError(t, err)
	require.Equal(t, first.ID, back.ID)
}

// TestHowADaemonShowsOurSettingsIsNoDifference: some kernels cannot limit swap, and some daemons add log options.
func TestHowADaemonShowsOurSettingsIsNoDifference(t *testing.T) {
	d := driver(t)
	spec := newSpec(t, d)
	_, err := d.Ensure(t.Context(), spec)
	require.NoError(t, err)
	shown := inspected(t, d, spec.Game)
	shown.HostConfig.MemorySwap, shown.HostConfig.PidsLimit = -1, nil
	shown.HostConfig.LogConfig.Config["tag"] = "by the daemon"
	require.Len(t, d.differences(spec, shown), 3)
	d.learn(spec, shown)
	require.Empty(t, d.differences(spec, shown))
	shown.HostConfig.Memory = 1 << 30
	require.Len(t, d.differences(spec, shown), 1)
}
