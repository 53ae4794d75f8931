// Package docker runs engines as containers.
package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/google/uuid"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"galaxy/backend/galaxy"
)

// The labels of every container of ours.
const (
	labelOurs    = "galaxy.backend"
	labelGame    = "galaxy.game_id"
	labelVersion = "galaxy.engine_version"
	labelStack   = "galaxy.stack"
)

var enginePort = network.MustParsePort("8080/tcp")

// Driver runs engines on one daemon.
type Driver struct {
	conf Config
	user User
	root string // of the state directories, on the daemon's host
	api  *client.Client

	mu        sync.Mutex
	networkID string
}

// New makes a driver for the games below root. The daemon need not answer yet.
func New(conf Config, root string) (*Driver, error) {
	api, err := client.New(client.WithHost(conf.Host))
	if err != nil {
		return nil, fmt.Errorf("make the Docker client: %w", err)
	}
	abs, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	return &Driver{conf: conf, user: conf.User.orDefault(), root: abs, api: api}, os.MkdirAll(abs, 0o755)
}

// Close ends the client's connections.
func (d *Driver) Close() error { return d.api.Close() }

func name(game galaxy.GameID) string { return "galaxy-game-" + game.String() }

func (d *Driver) dir(game galaxy.GameID) string { return filepath.Join(d.root, game.String()) }

func (d *Driver) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, d.conf.CallTimeout)
}

// translate tells a daemon that is away from one that refuses.
func translate(err error) error {
	switch {
	case err == nil:
		return nil
	case errdefs.IsInvalidArgument(err), errdefs.IsConflict(err), errdefs.IsNotFound(err), errdefs.IsPermissionDenied(err):
		return fmt.Errorf("%w: %w", galaxy.ErrStartConfig, err)
	case client.IsErrConnectionFailed(err), errors.Is(err, context.DeadlineExceeded), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: %w", galaxy.ErrDriverUnknown, err)
	}
	return err
}

// Ping asks whether the daemon answers.
func (d *Driver) Ping(ctx context.Context) error {
	ctx, cancel := d.bounded(ctx)
	defer cancel()
	_, err := d.api.Ping(ctx, client.PingOptions{})
	if err != nil {
		return fmt.Errorf("%w: %w", galaxy.ErrDriverUnknown, err)
	}
	return nil
}

// Ensure gives the game's engine running: it adopts a running container, starts a stopped one, or creates it. One of
// another version or image is replaced.
func (d *Driver) Ensure(ctx context.Context, spec galaxy.ContainerSpec) (galaxy.Container, error) {
	now, err := d.Inspect(ctx, spec.Game)
	if err != nil {
		return now, err
	}
	if now.State != galaxy.ContainerMissing && (now.Version != spec.Version || now.ImageRef != spec.ImageRef) {
		if err := d.Stop(ctx, spec.Game, 10*time.Second); err != nil {
			return now, err
		}
		if err := d.Remove(ctx, spec.Game); err != nil {
			return now, err
		}
		now.State = galaxy.ContainerMissing
	}
	if now.State == galaxy.ContainerRunning {
		return now, nil
	}
	if err := d.prepare(spec); err != nil {
		return now, err
	}
	if now.State == galaxy.ContainerMissing {
		if err := d.create(ctx, spec); err != nil {
			return now, err
		}
	}
	start, cancel := d.bounded(ctx)
	defer cancel()
	if _, err := d.api.ContainerStart(start, name(spec.Game), client.ContainerStartOptions{}); err != nil {
		return now, fmt.Errorf("start container: %w", translate(err))
	}
	return d.Inspect(ctx, spec.Game)
}

// prepare makes the state directory and gives it to the engine's user. A game that has run must find its own: there the
// directory is never made, so that a mount that failed cannot look like a fresh game.
func (d *Driver) prepare(spec galaxy.ContainerSpec) error {
	dir := d.dir(spec.Game)
	if spec.StateMustExist {
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) == 0 {
			return fmt.Errorf("%w: %s", galaxy.ErrStateMissing, filepath.Base(dir))
		}
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("%w: %w", galaxy.ErrStartConfig, err)
	}
	if os.Getuid() == d.user.UID {
		return nil
	}
	if err := os.Chown(dir, d.user.UID, d.user.GID); err != nil {
		return fmt.Errorf("%w: %w", galaxy.ErrStartConfig, err)
	}
	return nil
}

func (d *Driver) create(ctx context.Context, spec galaxy.ContainerSpec) error {
	if err := d.image(ctx, spec.ImageRef); err != nil {
		return err
	}
	if err := d.network(ctx); err != nil {
		return err
	}
	ctx, cancel := d.bounded(ctx)
	defer cancel()
	_, err := d.api.ContainerCreate(ctx, client.ContainerCreateOptions{Name: name(spec.Game), Config: d.config(spec), HostConfig: d.hostConfig(spec),
		NetworkingConfig: &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{d.conf.Network: {}}}})
	if err != nil {
		return fmt.Errorf("create container: %w", translate(err))
	}
	return nil
}

func (d *Driver) config(spec galaxy.ContainerSpec) *container.Config {
	labels := map[string]string{labelOurs: "1", labelGame: spec.Game.String(), labelVersion: spec.Version}
	if d.conf.StackLabel != "" {
		labels[labelStack] = d.conf.StackLabel
	}
	return &container.Config{Image: spec.ImageRef, Labels: labels, User: fmt.Sprintf("%d:%d", d.user.UID, d.user.GID),
		Env: []string{"STORAGE_PATH=" + d.conf.StateMount}, ExposedPorts: network.PortSet{enginePort: {}}}
}

// hostConfig is what keeps a stranger's engine in its place.
func (d *Driver) hostConfig(spec galaxy.ContainerSpec) *container.HostConfig {
	h := &container.HostConfig{
		NetworkMode:    container.NetworkMode(d.conf.Network),
		LogConfig:      container.LogConfig{Type: d.conf.LogDriver, Config: d.conf.LogOptions},
		CapDrop:        []string{"ALL"},
		SecurityOpt:    []string{"no-new-privileges"},
		ReadonlyRootfs: true,
		Mounts:         []mount.Mount{{Type: mount.TypeBind, Source: d.dir(spec.Game), Target: d.conf.StateMount}},
		Resources: container.Resources{NanoCPUs: int64(d.conf.CPUQuota * 1e9), Memory: int64(d.conf.Memory), MemorySwap: int64(d.conf.Memory),
			PidsLimit: &d.conf.PidsLimit},
	}
	if len(d.conf.LogOptions) == 0 && d.conf.LogDriver == "json-file" {
		h.LogConfig.Config = map[string]string{"max-size": "10m", "max-file": "3"}
	}
	if d.conf.EngineAddress == "loopback" {
		h.PortBindings = network.PortMap{enginePort: {{HostIP: netip.MustParseAddr("127.0.0.1")}}}
	}
	return h
}

// image sees to it that the image is there, by the pull policy.
func (d *Driver) image(ctx context.Context, ref string) error {
	if d.conf.PullPolicy != "always" {
		look, cancel := d.bounded(ctx)
		_, err := d.api.ImageInspect(look, ref)
		cancel()
		if err == nil {
			return nil
		}
		if !errdefs.IsNotFound(err) {
			return translate(err)
		}
		if d.conf.PullPolicy == "never" {
			return fmt.Errorf("%w: %s is not there, and the pull policy is never", galaxy.ErrImagePull, ref)
		}
	}
	pull, err := d.api.ImagePull(ctx, ref, client.ImagePullOptions{})
	if err == nil {
		defer pull.Close()
		err = pull.Wait(ctx)
	}
	if client.IsErrConnectionFailed(err) {
		return translate(err)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", galaxy.ErrImagePull, err)
	}
	return nil
}

// network finds the network, or makes it. It is looked up first: an old daemon makes a second one of the same name.
func (d *Driver) network(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	ctx, cancel := d.bounded(ctx)
	defer cancel()
	found, err := d.api.NetworkInspect(ctx, d.conf.Network, client.NetworkInspectOptions{})
	if err == nil {
		d.networkID = found.Network.ID
		return nil
	}
	if !errdefs.IsNotFound(err) {
		return translate(err)
	}
	made, err := d.api.NetworkCreate(ctx, d.conf.Network, client.NetworkCreateOptions{Driver: "bridge", Labels: map[string]string{labelOurs: "1"}})
	if err != nil {
		return fmt.Errorf("create network: %w", translate(err))
	}
	d.networkID = made.ID
	return nil
}

// Inspect tells what became of the game's container.
func (d *Driver) Inspect(ctx context.Context, game galaxy.GameID) (galaxy.Container, error) {
	ctx, cancel := d.bounded(ctx)
	defer cancel()
	res, err := d.api.ContainerInspect(ctx, name(game), client.ContainerInspectOptions{})
	if errdefs.IsNotFound(err) {
		return galaxy.Container{Game: game, State: galaxy.ContainerMissing}, nil
	}
	if err != nil {
		return galaxy.Container{}, fmt.Errorf("inspect container: %w", translate(err))
	}
	return d.container(game, res.Container), nil
}

func (d *Driver) container(game galaxy.GameID, in container.InspectResponse) galaxy.Container {
	c := galaxy.Container{Game: game, ID: in.ID, Version: in.Config.Labels[labelVersion], ImageRef: in.Config.Image, State: galaxy.ContainerExited}
	c.StartedAt, _ = time.Parse(time.RFC3339Nano, in.State.StartedAt)
	if !in.State.Running {
		c.ExitCode, c.OOMKilled, c.ExitKnown = in.State.ExitCode, in.State.OOMKilled, true
		return c
	}
	c.State = galaxy.ContainerRunning
	c.Address = "http://" + name(game) + ":8080"
	if d.conf.EngineAddress == "loopback" {
		c.Address = ""
		for _, b := range in.NetworkSettings.Ports[enginePort] {
			c.Address = "http://127.0.0.1:" + b.HostPort
		}
	}
	return c
}

// Stop asks the engine to end, and makes it after grace.
func (d *Driver) Stop(ctx context.Context, game galaxy.GameID, grace time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, d.conf.CallTimeout+grace)
	defer cancel()
	seconds := int(grace.Round(time.Second) / time.Second)
	_, err := d.api.ContainerStop(ctx, name(game), client.ContainerStopOptions{Timeout: &seconds})
	if err == nil || errdefs.IsNotFound(err) || errdefs.IsNotModified(err) {
		return nil
	}
	return fmt.Errorf("stop container: %w", translate(err))
}

// Remove removes a container that is stopped; the state directory is kept.
func (d *Driver) Remove(ctx context.Context, game galaxy.GameID) error {
	ctx, cancel := d.bounded(ctx)
	defer cancel()
	_, err := d.api.ContainerRemove(ctx, name(game), client.ContainerRemoveOptions{})
	if err == nil || errdefs.IsNotFound(err) {
		return nil
	}
	return fmt.Errorf("remove container: %w", translate(err))
}

// SetAside stops and removes the game's container and renames its state directory, so that a game can be made anew.
func (d *Driver) SetAside(ctx context.Context, game galaxy.GameID) error {
	if err := d.Stop(ctx, game, 10*time.Second); err != nil {
		return err
	}
	if err := d.Remove(ctx, game); err != nil {
		return err
	}
	err := os.Rename(d.dir(game), d.dir(game)+".aside-"+uuid.NewString())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// List gives every container of ours; of our stack only, when there is one.
func (d *Driver) List(ctx context.Context) ([]galaxy.Container, error) {
	ctx, cancel := d.bounded(ctx)
	defer cancel()
	filters := client.Filters{}.Add("label", labelOurs+"=1")
	if d.conf.StackLabel != "" {
		filters = filters.Add("label", labelStack+"="+d.conf.StackLabel)
	}
	res, err := d.api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filters})
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", translate(err))
	}
	var out []galaxy.Container
	for _, item := range res.Items {
		id, err := uuid.Parse(item.Labels[labelGame])
		if err != nil {
			continue
		}
		c, err := d.Inspect(ctx, galaxy.GameID{UUID: id})
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// maxLogs bounds what Logs reads.
const maxLogs = 64 << 10

// Logs gives the engine's last lines.
func (d *Driver) Logs(ctx context.Context, game galaxy.GameID, tail int) (string, error) {
	ctx, cancel := d.bounded(ctx)
	defer cancel()
	res, err := d.api.ContainerLogs(ctx, name(game), client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Tail: strconv.Itoa(tail)})
	if errdefs.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read logs: %w", translate(err))
	}
	defer res.Close()
	var out bytes.Buffer
	if _, err := stdcopy.StdCopy(&out, &out, io.LimitReader(res, maxLogs)); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", translate(err)
	}
	return out.String(), nil
}
