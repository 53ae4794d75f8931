package docker

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"galaxy/backend/galaxy"
	"galaxy/backend/internal/containertest"
)

// inspected is what the daemon says of the game's container.
func inspected(t *testing.T, d *Driver, game galaxy.GameID) container.InspectResponse {
	t.Helper()
	res, err := d.api.ContainerInspect(t.Context(), name(game), client.ContainerInspectOptions{})
	require.NoError(t, err)
	return res.Container
}

func TestAContainerIsKeptInItsPlace(t *testing.T) {
	d := driver(t)
	spec := newSpec(t, d)
	_, err := d.Ensure(t.Context(), spec)
	require.NoError(t, err)
	in := inspected(t, d, spec.Game)
	h, c := in.HostConfig, in.Config
	require.Equal(t, "/galaxy-game-"+spec.Game.String(), in.Name)
	require.Equal(t, map[string]string{"galaxy.backend": "1", "galaxy.game_id": spec.Game.String(), "galaxy.engine_version": "1.0.0", "galaxy.stack": d.conf.StackLabel}, c.Labels)

	require.Equal(t, []string{"ALL"}, h.CapDrop)
	require.Empty(t, h.CapAdd)
	require.False(t, h.Privileged)
	require.Equal(t, []string{"no-new-privileges"}, h.SecurityOpt)
	require.True(t, h.ReadonlyRootfs)
	require.EqualValues(t, 2e9, h.NanoCPUs)
	require.EqualValues(t, 512<<20, h.Memory)
	require.Equal(t, h.Memory, h.MemorySwap, "what is beyond the memory is not swapped")
	require.EqualValues(t, 256, *h.PidsLimit)
	require.False(t, h.AutoRemove, "how it ended is asked later")
	require.Contains(t, []container.RestartPolicyMode{"", container.RestartPolicyDisabled}, h.RestartPolicy.Name, "its actor restarts it")
	require.Equal(t, container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": "10m", "max-file": "3"}}, h.LogConfig)
	require.Equal(t, container.NetworkMode(d.conf.Network), h.NetworkMode)
	require.Len(t, in.NetworkSettings.Networks, 1)
	require.Contains(t, in.NetworkSettings.Networks, d.conf.Network)
	for _, b := range h.PortBindings[enginePort] {
		require.Equal(t, "127.0.0.1", b.HostIP.String())
	}
	require.Len(t, h.PortBindings, 1)

	require.Equal(t, fmt.Sprintf("%d:%d", d.user.UID, d.user.GID), c.User)
	require.NotZero(t, d.user.UID)
	require.Contains(t, c.Env, "STORAGE_PATH=/var/lib/galaxy-game")
	require.Empty(t, h.Binds)
	require.Len(t, in.Mounts, 1)
	m := in.Mounts[0]
	require.Equal(t, []any{mount.TypeBind, d.Dir(spec.Game), "/var/lib/galaxy-game", true}, []any{m.Type, m.Source, m.Destination, m.RW})
	require.Len(t, h.Mounts, 1)
	require.True(t, h.Mounts[0].BindOptions == nil || !h.Mounts[0].BindOptions.CreateMountpoint)

	// What the daemon says is one thing; this is what the kernel says of the engine's process.
	proc := fmt.Sprintf("/proc/%d", in.State.Pid)
	status, err := os.ReadFile(proc + "/status")
	require.NoError(t, err)
	require.Regexp(t, fmt.Sprintf(`(?m)^Uid:\t%d\t%[1]d\t`, d.user.UID), string(status))
	require.Regexp(t, `(?m)^NoNewPrivs:\t1$`, string(status))
	require.Regexp(t, `(?m)^CapEff:\t0+$`, string(status))
	require.Regexp(t, `(?m)^CapBnd:\t0+$`, string(status))
	info, err := os.Stat(d.Dir(spec.Game))
	require.NoError(t, err)
	owner := info.Sys().(*syscall.Stat_t)
	require.Equal(t, []uint32{uint32(d.user.UID), uint32(d.user.GID)}, []uint32{owner.Uid, owner.Gid})
}

func TestAContainerIsWhatTheSettingsSay(t *testing.T) {
	s := settings()
	maps.Copy(s, map[string]string{
		"BACKEND_STACK_LABEL":                    "",
		"BACKEND_RUNTIME_CONTAINER_LOG_OPTS":     "max-size=1m,labels=galaxy.game_id",
		"BACKEND_RUNTIME_CONTAINER_CPU_QUOTA":    "0.5",
		"BACKEND_RUNTIME_CONTAINER_MEMORY":       "64m",
		"BACKEND_RUNTIME_CONTAINER_PIDS_LIMIT":   "32",
		"BACKEND_RUNTIME_CONTAINER_STATE_MOUNT":  "/state",
		"BACKEND_RUNTIME_CONTAINER_USER":         "4711:4712",
		"BACKEND_ENGINE_ADDRESS":                 "name",
		"BACKEND_RUNTIME_IMAGE_PULL_POLICY":      "never",
		"BACKEND_RUNTIME_CONTAINER_LOG_DRIVER":   "json-file",
		"BACKEND_DOCKER_CALL_TIMEOUT":            "20s",
		"UNRELATED_TO_THE_DRIVER_AND_NOT_PASSED": "x",
	})
	if os.Getuid() != 0 {
		delete(s, "BACKEND_RUNTIME_CONTAINER_USER") // only root can give a directory away
	}
	conf := parse(t, s)
	d, err := New(conf, t.TempDir())
	require.NoError(t, err)
	game := galaxy.GameID{UUID: galaxy.NewID()}
	spec := galaxy.ContainerSpec{Game: game, Version: "2.3.4", ImageRef: imageOne}
	c, h := d.config(spec), d.hostConfig(spec)
	require.Equal(t, map[string]string{"galaxy.backend": "1", "galaxy.game_id": game.String(), "galaxy.engine_version": "2.3.4"}, c.Labels, "no stack, no label of one")
	require.Equal(t, map[string]string{"max-size": "1m", "labels": "galaxy.game_id"}, h.LogConfig.Config)
	require.EqualValues(t, 5e8, h.NanoCPUs)
	require.EqualValues(t, 64<<20, h.Memory)
	require.EqualValues(t, 64<<20, h.MemorySwap)
	require.EqualValues(t, 32, *h.PidsLimit)
	require.Equal(t, "/state", h.Mounts[0].Target)
	require.Equal(t, []string{"STORAGE_PATH=/state"}, c.Env, "and nothing of the service's own environment")
	require.Empty(t, h.PortBindings, "inside the network no port is published")
	if os.Getuid() == 0 {
		require.Equal(t, "4711:4712", c.User)
	}
	require.Equal(t, "http://galaxy-game-"+game.String()+":8080",
		d.container(game, container.InspectResponse{State: &container.State{Running: true}, Config: c}).Address)

	conf.LogDriver, conf.LogOptions = "journald", nil
	d, err = New(conf, t.TempDir())
	require.NoError(t, err)
	require.Equal(t, container.LogConfig{Type: "journald"}, d.hostConfig(spec).LogConfig, "options of one driver are not given to another")
}

func TestTheDaemonNeverMakesAStateDirectory(t *testing.T) {
	d := driver(t)
	spec := newSpec(t, d)
	first, err := d.Ensure(t.Context(), spec)
	require.NoError(t, err)
	require.NoError(t, d.Stop(t.Context(), spec.Game, 5*time.Second))
	require.NoError(t, os.WriteFile(filepath.Join(d.Dir(spec.Game), "kept"), nil, 0o600))
	require.NoError(t, os.Rename(d.Dir(spec.Game), d.Dir(spec.Game)+".lost"))

	_, err = d.api.ContainerStart(t.Context(), first.ID, client.ContainerStartOptions{})
	require.Error(t, err, "a stopped container does not start without it")
	require.NoDirExists(t, d.Dir(spec.Game))
	_, err = d.api.ContainerCreate(t.Context(), client.ContainerCreateOptions{Config: d.config(spec), HostConfig: d.hostConfig(spec)})
	require.True(t, errdefs.IsInvalidArgument(err), "a new one is not made without it: %v", err)
	require.NoDirExists(t, d.Dir(spec.Game))

	spec.StateMustExist = true
	_, err = d.Ensure(t.Context(), spec)
	require.ErrorIs(t, err, galaxy.ErrStateMissing)
	require.NoDirExists(t, d.Dir(spec.Game))
	require.NoError(t, os.Rename(d.Dir(spec.Game)+".lost", d.Dir(spec.Game)))
	back, err := d.Ensure(t.Context(), spec)
	require.NoError(t, err)
	require.Equal(t, first.ID, back.ID)
}

func TestAnEngineCannotWriteBesideItsState(t *testing.T) {
	d := driver(t)
	spec := newSpec(t, d)
	got, err := d.Ensure(t.Context(), spec)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		entries, err := os.ReadDir(d.Dir(spec.Game))
		return err == nil && len(entries) > 0
	}, 10*time.Second, 10*time.Millisecond, "the engine writes its state to the directory")
	merged := inspected(t, d, spec.Game)
	require.Regexp(t, `(?m)^\S+ / \S+ ro[ ,]`, read(t, fmt.Sprintf("/proc/%d/mounts", merged.State.Pid)))
	changes, err := d.api.ContainerDiff(t.Context(), got.ID, client.ContainerDiffOptions{})
	require.NoError(t, err)
	for _, c := range changes.Changes {
		require.NotEqual(t, filepath.Base(c.Path), "state.json")
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(text)
}

func TestContainersOfOthersAreNotTouched(t *testing.T) {
	d := driver(t)
	spec := newSpec(t, d)
	elsewhere := d.config(spec)
	elsewhere.Labels["galaxy.stack"], elsewhere.User = "another", "0:0"
	made, err := d.api.ContainerCreate(t.Context(), client.ContainerCreateOptions{Name: name(spec.Game), Config: elsewhere})
	require.NoError(t, err)
	t.Cleanup(func() { removeNow(t, d, made.ID) })
	_, err = d.api.ContainerStart(t.Context(), made.ID, client.ContainerStartOptions{})
	require.NoError(t, err)

	c, err := d.Inspect(t.Context(), spec.Game)
	require.NoError(t, err)
	require.Equal(t, galaxy.ContainerMissing, c.State)
	_, err = d.Ensure(t.Context(), spec)
	require.ErrorIs(t, err, galaxy.ErrStartConfig)
	require.ErrorContains(t, err, "not ours")
	require.NoError(t, d.Stop(t.Context(), spec.Game, time.Second))
	require.NoError(t, d.Remove(t.Context(), spec.Game))
	all, err := d.List(t.Context())
	require.NoError(t, err)
	require.Empty(t, all)
	require.True(t, inspected(t, d, spec.Game).State.Running)
}

func TestAContainerWhoseNetworkIsGoneIsMadeAnew(t *testing.T) {
	d := driver(t)
	spec := newSpec(t, d)
	first, err := d.Ensure(t.Context(), spec)
	require.NoError(t, err)
	require.NoError(t, d.Stop(t.Context(), spec.Game, 5*time.Second))
	require.NoError(t, d.RemoveNetwork(t.Context()))
	second, err := d.Ensure(t.Context(), spec)
	require.NoError(t, err)
	require.Equal(t, galaxy.ContainerRunning, second.State)
	require.NotEqual(t, first.ID, second.ID)
}

func TestTheLogEndsWithTheLastLines(t *testing.T) {
	d := driver(t)
	const image = "galaxy-test/talker:1"
	require.NoError(t, d.Import(t.Context(), containertest.Build(t, "./internal/docker/testdata/talker"), image))
	spec := galaxy.ContainerSpec{Game: galaxy.GameID{UUID: galaxy.NewID()}, Version: "1.0.0", ImageRef: image}
	_, err := d.Ensure(t.Context(), spec)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		c, err := d.Inspect(t.Context(), spec.Game)
		return err == nil && c.State == galaxy.ContainerExited
	}, time.Minute, 20*time.Millisecond)
	logs, err := d.Logs(t.Context(), spec.Game, 4000)
	require.NoError(t, err)
	require.LessOrEqual(t, len(logs), maxLogs)
	require.True(t, strings.HasSuffix(logs, "line 4999 of what only fills the log, and fills it with more than anybody keeps\nthe talker ends, and says why\n"), "it ends with %q", logs[max(0, len(logs)-200):])
	require.True(t, strings.HasPrefix(logs, "line "), "it begins with a whole line")
}

// A daemon that cannot tell such an end from another makes this fail, and is heard with what it tells instead.
func TestAnEngineThatUsesTooMuchMemoryIsReportedAsSuch(t *testing.T) {
	s := settings()
	s["BACKEND_RUNTIME_CONTAINER_MEMORY"] = "24m"
	d := driverWith(t, s)
	const image = "galaxy-test/hog:1"
	require.NoError(t, d.Import(t.Context(), containertest.Build(t, "./internal/docker/testdata/hog"), image))
	heard := watch(t, d)
	spec := galaxy.ContainerSpec{Game: galaxy.GameID{UUID: galaxy.NewID()}, Version: "1.0.0", ImageRef: image}
	_, err := d.Ensure(t.Context(), spec)
	require.NoError(t, err)
	var c galaxy.Container
	require.Eventually(t, func() bool {
		c, err = d.Inspect(t.Context(), spec.Game)
		return err == nil && c.State == galaxy.ContainerExited
	}, time.Minute, 20*time.Millisecond, "nothing stops it")
	logs, err := d.Logs(t.Context(), spec.Game, 5)
	require.NoError(t, err)
	require.Contains(t, logs, "the hog begins")
	require.True(t, c.OOMKilled, "the daemon does not tell that the engine was killed for its memory; it tells %+v, %s, and %v", c, logs, heard.Of(spec.Game))
	require.True(t, c.ExitKnown)
	require.Equal(t, 137, c.ExitCode)
	require.False(t, c.FinishedAt.Before(c.StartedAt))
	require.Eventually(t, func() bool {
		kinds := heard.Kinds(spec.Game)
		return contains(kinds, galaxy.ContainerOOM) && contains(kinds, galaxy.ContainerDied)
	}, 20*time.Second, 20*time.Millisecond, "both its cause and its end are told: %v", heard.Kinds(spec.Game))
	for _, e := range heard.Of(spec.Game) {
		require.Equal(t, e.Kind == galaxy.ContainerDied, e.ExitKnown && e.ExitCode == 137, "%+v", e)
	}
}
