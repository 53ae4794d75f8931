package bench

import (
	"context"
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
	"golang.org/x/sync/errgroup"

	"galaxy/backend/galaxy"
	"galaxy/backend/internal/containertest"
	"galaxy/backend/internal/docker"
	"galaxy/backend/internal/env"
)

const (
	engineUser = 65532
	stackLabel = "galaxy.stack"
)

var enginePort = network.MustParsePort("8080/tcp")

// daemon is the container daemon: the service's driver for it, and a client to do the same by hand. What both have made is removed
// when the test ends, however it does.
type daemon struct {
	*testing.T
	driver *docker.Driver
	api    *client.Client
	label  string // of the containers, and the name of their network
	image  string
	root   string // of the states
}

func newDaemon(t *testing.T) *daemon {
	id := galaxy.NewID().String()
	d := &daemon{T: t, label: "galaxy-bench-" + id, image: "galaxy-bench/engine:" + id}
	var err error
	d.root, err = os.MkdirTemp("", "galaxy-bench-states-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(d.root, 0o755))
	t.Cleanup(func() { _ = os.RemoveAll(d.root) })
	var conf docker.Config
	require.NoError(t, env.Load([]string{"BACKEND_DOCKER_NETWORK=" + d.label, "BACKEND_STACK_LABEL=" + d.label, "BACKEND_ENGINE_ADDRESS=loopback"}, &conf))
	d.driver, err = docker.New(conf, d.root)
	require.NoError(t, err)
	t.Cleanup(func() { _ = d.driver.Close() })
	containertest.NeedDocker(t, d.driver)
	d.api, err = client.New(client.FromEnv)
	require.NoError(t, err)
	t.Cleanup(func() { _ = d.api.Close() })
	require.NoError(t, d.driver.Import(t.Context(), containertest.BuildEngine(t), d.image))
	t.Cleanup(d.clear)
	_, err = d.api.NetworkCreate(t.Context(), d.label, client.NetworkCreateOptions{Driver: "bridge"})
	require.NoError(t, err)
	return d
}

// clear removes every container of this daemon's label, and then their network and image.
func (d *daemon) clear() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	all, err := d.list(ctx)
	if err != nil {
		d.Errorf("containers may be left of %s: %v", d.label, err)
		return
	}
	var removing errgroup.Group
	removing.SetLimit(workers)
	for _, c := range all {
		removing.Go(func() error {
			_, err := d.api.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true})
			return err
		})
	}
	if err := removing.Wait(); err != nil {
		d.Errorf("containers are left of %s: %v", d.label, err)
		return
	}
	if err := d.driver.RemoveNetwork(ctx); err != nil {
		d.Errorf("the network %s is left: %v", d.label, err)
	}
	if _, err := d.api.ImageRemove(ctx, d.image, client.ImageRemoveOptions{}); err != nil {
		d.Errorf("the image %s is left: %v", d.image, err)
	}
}

// workers is how many containers are worked on at once, by hand as by the service.
const workers = 4

func (d *daemon) list(ctx context.Context) ([]container.Summary, error) {
	all, err := d.api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: client.Filters{}.Add("label", stackLabel+"="+d.label)})
	return all.Items, err
}

// create makes a container by hand, as the driver does, with a state directory of its own.
func (d *daemon) create(game string) (id string) {
	dir := filepath.Join(d.root, game)
	require.NoError(d, os.Mkdir(dir, 0o755))
	require.NoError(d, os.Chown(dir, engineUser, engineUser))
	pids := int64(256)
	made, err := d.api.ContainerCreate(d.Context(), client.ContainerCreateOptions{Name: "galaxy-bench-" + game,
		Config: &container.Config{Image: d.image, User: fmt.Sprintf("%d:%d", engineUser, engineUser), Env: []string{"STORAGE_PATH=/state"}, ExposedPorts: network.PortSet{enginePort: {}},
			Labels: map[string]string{stackLabel: d.label}},
		HostConfig: &container.HostConfig{NetworkMode: container.NetworkMode(d.label), CapDrop: []string{"ALL"}, SecurityOpt: []string{"no-new-privileges"}, ReadonlyRootfs: true,
			LogConfig:    container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": "10m", "max-file": "3"}},
			Mounts:       []mount.Mount{{Type: mount.TypeBind, Source: dir, Target: "/state"}},
			Resources:    container.Resources{NanoCPUs: 2e9, Memory: 512 << 20, MemorySwap: 512 << 20, PidsLimit: &pids},
			PortBindings: network.PortMap{enginePort: {{HostIP: netip.MustParseAddr("127.0.0.1")}}}}})
	require.NoError(d, err)
	return made.ID
}

// start starts a container by hand, and gives its engine's address at the first 200.
func (d *daemon) start(id string) (address string) {
	_, err := d.api.ContainerStart(d.Context(), id, client.ContainerStartOptions{})
	require.NoError(d, err)
	address, err = d.address(d.Context(), id)
	require.NoError(d, err)
	serves(d.T, address)
	return address
}

// serves waits for an engine's first 200.
func serves(t *testing.T, address string) {
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		res, err := http.Get(address + "/healthz")
		if err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
		require.True(t, time.Now().Before(deadline), "the engine does not answer: %v", err)
	}
}

// address looks a container over, and gives where its engine listens.
func (d *daemon) address(ctx context.Context, id string) (string, error) {
	seen, err := d.api.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	if err != nil {
		return "", err
	}
	bound := seen.Container.NetworkSettings.Ports[enginePort]
	if len(bound) == 0 {
		return "", fmt.Errorf("the engine of container %s has no port", id)
	}
	return "http://127.0.0.1:" + bound[0].HostPort, nil
}

// kill ends a container at once.
func (d *daemon) kill(id string) {
	_, err := d.api.ContainerKill(d.Context(), id, client.ContainerKillOptions{Signal: "KILL"})
	require.NoError(d, err)
}

func (d *daemon) remove(id string) {
	_, err := d.api.ContainerRemove(d.Context(), id, client.ContainerRemoveOptions{Force: true})
	require.NoError(d, err)
}
