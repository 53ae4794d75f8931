package docker

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"galaxy/backend/galaxy"
)

// errTaken is that a container of the game's name came to be after we had seen none: a create that was cut, and happened.
var errTaken = errors.New("a container of this name is being made")

// errGone is that a container, or the network it was made for, is not there any more.
var errGone = errors.New("the container cannot be started any more")

// Ensure gives the game's engine running: it adopts a running container, starts a stopped one, or creates it. One of
// another version or image is replaced.
func (d *Driver) Ensure(ctx context.Context, spec galaxy.ContainerSpec) (galaxy.Container, error) {
	c, err := d.ensure(ctx, spec)
	switch {
	case errors.Is(err, errTaken):
		c, err = d.ensure(ctx, spec)
	case errors.Is(err, errGone):
		// The state is not in the container, so another will do as well.
		if err = d.Remove(ctx, spec.Game); err == nil {
			c, err = d.ensure(ctx, spec)
		}
	}
	if errors.Is(err, errTaken) {
		err = unknown(err)
	}
	return c, err
}

func (d *Driver) ensure(ctx context.Context, spec galaxy.ContainerSpec) (galaxy.Container, error) {
	now, foreign, err := d.find(ctx, spec.Game)
	if err != nil {
		return now, err
	}
	if foreign {
		return now, fmt.Errorf("%w: the name %s is that of a container that is not ours", galaxy.ErrStartConfig, name(spec.Game))
	}
	if now.State != galaxy.ContainerMissing && (now.Version != spec.Version || now.ImageRef != spec.ImageRef) {
		if err := d.end(ctx, spec.Game, spec.StopGrace); err != nil {
			return now, err
		}
		now = galaxy.Container{Game: spec.Game, State: galaxy.ContainerMissing}
	}
	if now.State == galaxy.ContainerRunning {
		return now, nil
	}
	if err := d.prepare(spec); err != nil {
		return now, err
	}
	if now.State == galaxy.ContainerMissing {
		if now.ID, err = d.create(ctx, spec); err != nil {
			return now, err
		}
	}
	if err := d.start(ctx, now.ID); err != nil {
		return now, err
	}
	return d.Inspect(ctx, spec.Game)
}

// prepare makes the state directory and gives it to the engine's user.
func (d *Driver) prepare(spec galaxy.ContainerSpec) error {
	if os.Getuid() == d.user.UID {
		return d.Prepare(spec.Game, spec.StateMustExist, -1, -1)
	}
	return d.Prepare(spec.Game, spec.StateMustExist, d.user.UID, d.user.GID)
}

func (d *Driver) create(ctx context.Context, spec galaxy.ContainerSpec) (id string, err error) {
	if err := d.image(ctx, spec.ImageRef); err != nil {
		return "", err
	}
	if err := d.network(ctx); err != nil {
		return "", err
	}
	ctx, cancel, err := d.call(ctx, 0)
	if err != nil {
		return "", err
	}
	defer cancel()
	made, err := d.api.ContainerCreate(ctx, client.ContainerCreateOptions{Name: name(spec.Game), Config: d.config(spec), HostConfig: d.hostConfig(spec),
		NetworkingConfig: &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{d.conf.Network: {}}}})
	if errdefs.IsConflict(err) {
		return "", fmt.Errorf("%w: %w", errTaken, err)
	}
	if errdefs.IsNotFound(err) { // the image was removed since it was looked at
		return "", fmt.Errorf("%w: %s: %w", galaxy.ErrImagePull, spec.ImageRef, err)
	}
	if err != nil {
		return "", fmt.Errorf("create container: %w", translate(err))
	}
	return made.ID, nil
}

func (d *Driver) start(ctx context.Context, id string) error {
	ctx, cancel, err := d.call(ctx, 0)
	if err != nil {
		return err
	}
	defer cancel()
	_, err = d.api.ContainerStart(ctx, id, client.ContainerStartOptions{})
	// Not found is also a network that was removed since the container was made; a conflict is a container half removed.
	if errdefs.IsNotFound(err) || errdefs.IsConflict(err) {
		return fmt.Errorf("%w: %w", errGone, err)
	}
	if err != nil {
		return fmt.Errorf("start container: %w", translate(err))
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
		// A state directory that has gone is never made anew by the daemon: the engine would begin another game in it.
		Mounts: []mount.Mount{{Type: mount.TypeBind, Source: d.Dir(spec.Game), Target: d.conf.StateMount, BindOptions: &mount.BindOptions{CreateMountpoint: false}}},
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

// Stop asks the engine to end, and makes it after grace.
func (d *Driver) Stop(ctx context.Context, game galaxy.GameID, grace time.Duration) error {
	c, err := d.Inspect(ctx, game)
	if err != nil || c.State != galaxy.ContainerRunning {
		return err
	}
	ctx, cancel, err := d.call(ctx, grace)
	if err != nil {
		return err
	}
	defer cancel()
	// In whole seconds, and never less than was asked for.
	seconds := int((grace + time.Second - 1) / time.Second)
	_, err = d.api.ContainerStop(ctx, c.ID, client.ContainerStopOptions{Timeout: &seconds})
	if err = goneOr(err); err != nil {
		return fmt.Errorf("stop container: %w", translate(err))
	}
	return nil
}

// Remove removes a container that is stopped; the state directory is kept.
func (d *Driver) Remove(ctx context.Context, game galaxy.GameID) error {
	c, err := d.Inspect(ctx, game)
	switch {
	case err != nil || c.State == galaxy.ContainerMissing:
		return err
	case c.State == galaxy.ContainerRunning:
		return fmt.Errorf("remove container: the engine of game %s runs", game)
	}
	ctx, cancel, err := d.call(ctx, 0)
	if err != nil {
		return err
	}
	defer cancel()
	// Volumes that the image asks for beside the state directory are nobody's.
	_, err = d.api.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{RemoveVolumes: true})
	if errdefs.IsConflict(err) {
		return unknown(fmt.Errorf("remove container: %w", err)) // it is being removed
	}
	if err = goneOr(err); err != nil {
		return fmt.Errorf("remove container: %w", translate(err))
	}
	return nil
}

// end stops and removes a container.
func (d *Driver) end(ctx context.Context, game galaxy.GameID, grace time.Duration) error {
	if err := d.Stop(ctx, game, grace); err != nil {
		return err
	}
	return d.Remove(ctx, game)
}

// SetAside stops and removes the game's container and renames its state directory, so that a game can be made anew. grace is that of Stop.
func (d *Driver) SetAside(ctx context.Context, game galaxy.GameID, grace time.Duration) error {
	if err := d.end(ctx, game, grace); err != nil {
		return err
	}
	return d.Root.SetAside(game)
}
