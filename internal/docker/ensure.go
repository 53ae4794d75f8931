package docker

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"galaxy/backend/galaxy"
)

// errGone is that a container, or the network it was made for, is not there any more.
var errGone = errors.New("the container cannot be started any more")

// Ensure gives the game's engine running: it adopts a running container, starts a stopped one, or creates it. One of
// another version or image is replaced, and so is a stopped one that was made with other settings than those of now.
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
	if errors.Is(err, errTaken) || errors.Is(err, errGone) { // again: whoever does that is not done yet
		err = unknown(err)
	}
	return c, err
}

func (d *Driver) ensure(ctx context.Context, spec galaxy.ContainerSpec) (galaxy.Container, error) {
	now, err := d.find(ctx, spec.Game)
	if err != nil {
		return now.Container, err
	}
	if now.foreign {
		return now.Container, fmt.Errorf("%w: the name %s is that of a container that is not ours: it lacks our labels, or galaxy.stack is not %q "+
			"(BACKEND_STACK_LABEL); set the label right, or remove the container", galaxy.ErrStartConfig, name(spec.Game), d.conf.StackLabel)
	}
	if now.State == galaxy.ContainerRunning {
		if now.Version == spec.Version && now.ImageRef == spec.ImageRef {
			now.Differs = describe(d.differences(spec, now.in))
			return now.Container, nil
		}
		if err := d.end(ctx, spec.Game, spec.StopGrace); err != nil {
			return now.Container, err
		}
		now.Container = galaxy.Container{Game: spec.Game, State: galaxy.ContainerMissing}
	}
	if err := d.prepare(spec); err != nil {
		return now.Container, err
	}
	id, made, err := d.fitting(ctx, spec, now)
	if err != nil {
		return now.Container, err
	}
	if err := d.start(ctx, id); err != nil {
		return now.Container, err
	}
	c, err := d.find(ctx, spec.Game)
	if err == nil && made && c.State != galaxy.ContainerMissing {
		d.learn(spec, c.in)
	}
	return c.Container, err
}

// fitting gives a stopped container that is as the settings say: the one that there is, or another in its place.
// Nothing is removed before its successor's image is there. What is cut after that finds no container, and makes one.
func (d *Driver) fitting(ctx context.Context, spec galaxy.ContainerSpec, now found) (id string, made bool, err error) {
	if now.State == galaxy.ContainerExited {
		fits, err := d.fits(ctx, spec, now)
		if err != nil || fits {
			return now.ID, false, err
		}
	}
	if err := d.image(ctx, spec.ImageRef); err != nil {
		return "", false, err
	}
	if now.State == galaxy.ContainerExited {
		if err := d.Remove(ctx, spec.Game); err != nil {
			return "", false, err
		}
	}
	id, err = d.make(ctx, spec)
	return id, true, err
}

// prepare makes the state directory and gives it to the engine's user.
func (d *Driver) prepare(spec galaxy.ContainerSpec) error {
	if os.Getuid() == d.user.UID {
		return d.Prepare(spec, -1, -1)
	}
	return d.Prepare(spec, d.user.UID, d.user.GID)
}

func (d *Driver) create(ctx context.Context, spec galaxy.ContainerSpec) (id string, err error) {
	if err := d.image(ctx, spec.ImageRef); err != nil {
		return "", err
	}
	return d.make(ctx, spec)
}

// make creates a container of an image that is there.
func (d *Driver) make(ctx context.Context, spec galaxy.ContainerSpec) (id string, err error) {
	if err := d.network(ctx); err != nil {
		return "", err
	}
	options := client.ContainerCreateOptions{Name: name(spec.Game), Config: d.config(spec), HostConfig: d.hostConfig(spec),
		NetworkingConfig: &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{d.conf.Network: {}}}}
	err = d.ask(ctx, askCreate, 0, func(ctx context.Context, api *client.Client) error {
		made, err := api.ContainerCreate(ctx, options)
		if err == nil && made.ID == "" {
			err = errNoSense
		}
		id = made.ID
		return err
	})
	if errors.Is(err, errAbsent) { // the image was removed since it was looked at: it is got again
		err = unknown(err)
	}
	if err != nil {
		return "", fmt.Errorf("create container: %w", err)
	}
	return id, nil
}

func (d *Driver) start(ctx context.Context, id string) error {
	err := d.ask(ctx, askStart, 0, func(ctx context.Context, api *client.Client) error {
		_, err := api.ContainerStart(ctx, id, client.ContainerStartOptions{})
		return err
	})
	// What is absent may also be a network that was removed since the container was made; a container half removed is
	// in the way.
	if errors.Is(err, errAbsent) || errors.Is(err, errTaken) {
		return fmt.Errorf("%w: %s", errGone, err.Error())
	}
	if err != nil {
		return fmt.Errorf("start container: %w", err)
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

// Stop asks the engine to end, and makes it after grace. It has ended when Stop returns without an error: the
// daemon's word is not taken for that, since whoever has stopped an engine touches its state.
func (d *Driver) Stop(ctx context.Context, game galaxy.GameID, grace time.Duration) error {
	c, err := d.Inspect(ctx, game)
	if err != nil || c.State != galaxy.ContainerRunning {
		return err
	}
	// In whole seconds, and never less than was asked for.
	seconds := int((grace + time.Second - 1) / time.Second)
	err = d.ask(ctx, askEnd, grace, func(ctx context.Context, api *client.Client) error {
		_, err := api.ContainerStop(ctx, c.ID, client.ContainerStopOptions{Timeout: &seconds})
		return err
	})
	if err = goneOr(err); err != nil {
		return fmt.Errorf("stop container: %w", clash(err))
	}
	if c, err = d.Inspect(ctx, game); err == nil && c.State == galaxy.ContainerRunning {
		err = fmt.Errorf("stop container: %w: it was stopped, and runs", galaxy.ErrDriverUnusable)
	}
	return err
}

// clash says of what clashes with something that goes on that it is tried again.
func clash(err error) error {
	if errors.Is(err, errTaken) {
		return unknown(err)
	}
	return err
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
	err = d.ask(ctx, askEnd, 0, func(ctx context.Context, api *client.Client) error {
		// Volumes that the image asks for beside the state directory are nobody's.
		_, err := api.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{RemoveVolumes: true})
		return err
	})
	if err = goneOr(err); err != nil {
		return fmt.Errorf("remove container: %w", clash(err)) // it may be being removed
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
