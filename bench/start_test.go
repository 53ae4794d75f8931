package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/game"
	"galaxy/backend/actors/kit"
	"galaxy/backend/engineapi"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/containertest"
	"galaxy/backend/internal/docker"
	"galaxy/backend/internal/env"
	"galaxy/backend/store/storetest"
)

const (
	engineImage = "galaxy-bench/engine:1.0.0"
	engineUser  = 65532
)

// benchStart: from the operator's start to an engine that holds the game, and the Docker client by hand.
func benchStart(t *testing.T) {
	label := "galaxy-bench-" + galaxy.NewID().String()
	root, err := os.MkdirTemp("", "galaxy-bench-states-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(root, 0o755))
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	var conf docker.Config
	require.NoError(t, env.Load([]string{"BACKEND_DOCKER_NETWORK=" + label, "BACKEND_STACK_LABEL=" + label, "BACKEND_ENGINE_ADDRESS=loopback"}, &conf))
	driver, err := docker.New(conf, root)
	require.NoError(t, err)
	t.Cleanup(func() { _ = driver.Close() })
	containertest.NeedDocker(t, driver)
	require.NoError(t, driver.Import(t.Context(), containertest.BuildEngine(t), engineImage))
	t.Cleanup(func() { require.NoError(t, driver.RemoveNetwork(context.Background())) })

	w := newWorld(t, driver)
	w.addVersion(engineImage)
	hand := &byHand{T: t, network: label, root: root}
	hand.api, err = client.New(client.FromEnv)
	require.NoError(t, err)
	t.Cleanup(func() { _ = hand.api.Close() })
	comparison{name: "start/docker", unit: "ms", less: true, pairs: 15, limit: hand.start, ours: func() float64 { return w.startInDocker(driver) }}.run(t)
}

// startInDocker starts a game and gives the milliseconds that it took.
func (w *world) startInDocker(driver *docker.Driver) float64 {
	g, _ := storetest.Game(w.T, w.st, 2)
	began := time.Now()
	w.started(g.ID)
	took := time.Since(began)
	_, err := kit.Ask(w.Context(), w.system.Games.Ref(g.ID), game.ForceStop{By: operator})
	require.NoError(w, err)
	require.Eventually(w, func() bool {
		now, err := kit.Ask(w.Context(), w.system.Games.Ref(g.ID), game.Get{})
		return err == nil && now.Runtime.Status == galaxy.RuntimeStopped
	}, time.Minute, 10*time.Millisecond)
	require.NoError(w, driver.Remove(w.Context(), g.ID))
	return took.Seconds() * 1000
}

// byHand is the bare loop: create, start, wait for the first 200, init.
type byHand struct {
	*testing.T
	api           *client.Client
	network, root string
}

func (h *byHand) start() float64 {
	id := galaxy.NewID().String()
	dir := filepath.Join(h.root, id)
	port := network.MustParsePort("8080/tcp")
	began := time.Now()
	require.NoError(h, os.Mkdir(dir, 0o755))
	require.NoError(h, os.Chown(dir, engineUser, engineUser))
	pids := int64(256)
	made, err := h.api.ContainerCreate(h.Context(), client.ContainerCreateOptions{Name: "galaxy-bench-" + id,
		Config: &container.Config{Image: engineImage, User: fmt.Sprintf("%d:%d", engineUser, engineUser), Env: []string{"STORAGE_PATH=/state"}, ExposedPorts: network.PortSet{port: {}}},
		HostConfig: &container.HostConfig{NetworkMode: container.NetworkMode(h.network), CapDrop: []string{"ALL"}, SecurityOpt: []string{"no-new-privileges"}, ReadonlyRootfs: true,
			LogConfig:    container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": "10m", "max-file": "3"}},
			Mounts:       []mount.Mount{{Type: mount.TypeBind, Source: dir, Target: "/state"}},
			Resources:    container.Resources{NanoCPUs: 2e9, Memory: 512 << 20, MemorySwap: 512 << 20, PidsLimit: &pids},
			PortBindings: network.PortMap{port: {{HostIP: netip.MustParseAddr("127.0.0.1")}}}}})
	require.NoError(h, err)
	_, err = h.api.ContainerStart(h.Context(), made.ID, client.ContainerStartOptions{})
	require.NoError(h, err)
	seen, err := h.api.ContainerInspect(h.Context(), made.ID, client.ContainerInspectOptions{})
	require.NoError(h, err)
	address := "http://127.0.0.1:" + seen.Container.NetworkSettings.Ports[port][0].HostPort
	for {
		res, err := http.Get(address + "/healthz")
		if err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				break
			}
		}
		time.Sleep(time.Millisecond)
	}
	body, err := json.Marshal(engineapi.InitRequest{GameID: id, Races: []engineapi.InitRace{{RaceName: "Ann"}, {RaceName: "Bob"}}})
	require.NoError(h, err)
	res, err := http.Post(address+"/api/v1/admin/init", "application/json", bytes.NewReader(body))
	require.NoError(h, err)
	_ = res.Body.Close()
	require.Equal(h, http.StatusCreated, res.StatusCode)
	took := time.Since(began)
	_, err = h.api.ContainerRemove(h.Context(), made.ID, client.ContainerRemoveOptions{Force: true})
	require.NoError(h, err)
	return took.Seconds() * 1000
}
