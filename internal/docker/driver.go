// Package docker runs engines as containers.
package docker

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"galaxy/backend/galaxy"
	"galaxy/backend/internal/statedir"
)

// The labels of every container of ours.
const (
	labelOurs    = "galaxy.backend"
	labelGame    = "galaxy.game_id"
	labelVersion = "galaxy.engine_version"
	labelStack   = "galaxy.stack"
)

var enginePort = network.MustParsePort("8080/tcp")

// Driver runs engines on one daemon. The state directories are on the daemon's host, which is also ours.
type Driver struct {
	statedir.Root
	conf Config
	user User
	api  *client.Client

	met atomic.Bool // the daemon's version of the API is known
	// One at a time finds that out, and one looks for the network. Who waits gives up at its own deadline, which a mutex
	// would not allow: else the calls of all games would follow one that hangs.
	meeting, networking lock
}

// lock is a mutex that can be waited for with a deadline.
type lock chan struct{}

func (l lock) take(ctx context.Context) error {
	select {
	case l <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l lock) give() { <-l }

// New makes a driver for the games below root. The daemon need not answer yet.
func New(conf Config, root string) (*Driver, error) {
	api, err := client.New(client.WithHost(conf.Host))
	if err != nil {
		return nil, fmt.Errorf("make the Docker client: %w", err)
	}
	states, err := statedir.New(root)
	return &Driver{Root: states, conf: conf, user: conf.User.orDefault(), api: api, meeting: make(lock, 1), networking: make(lock, 1)}, err
}

// Close ends the client's connections.
func (d *Driver) Close() error { return d.api.Close() }

// call gives the context of one call to the daemon, which may take BACKEND_DOCKER_CALL_TIMEOUT and longer.
func (d *Driver) call(ctx context.Context, longer time.Duration) (context.Context, context.CancelFunc, error) {
	ctx, cancel := context.WithTimeout(ctx, d.conf.CallTimeout+longer)
	if err := d.meet(ctx); err != nil {
		cancel()
		return nil, nil, err
	}
	return ctx, cancel, nil
}

// meet finds out which version of the API the daemon speaks, once. The client would do so by itself, but takes one that
// the daemon may refuse when the answer is lost; that refusal would look like one of what was asked for.
func (d *Driver) meet(ctx context.Context) error {
	if d.met.Load() {
		return nil
	}
	if err := d.meeting.take(ctx); err != nil {
		return unknown(err)
	}
	defer d.meeting.give()
	if d.met.Load() {
		return nil
	}
	if _, err := d.api.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		return unknown(err)
	}
	d.met.Store(true)
	return nil
}

// Ping asks whether the daemon answers.
func (d *Driver) Ping(ctx context.Context) error {
	ctx, cancel, err := d.call(ctx, 0)
	if err != nil {
		return err
	}
	defer cancel()
	if _, err := d.api.Ping(ctx, client.PingOptions{}); err != nil {
		return unknown(err)
	}
	return nil
}

func unknown(err error) error {
	if errors.Is(err, galaxy.ErrDriverUnknown) {
		return err
	}
	return fmt.Errorf("%w: %w", galaxy.ErrDriverUnknown, err)
}

// answered reports whether err is the daemon's answer. Everything else, whether the connection was refused, reset or
// closed, the answer cut or the time over, says nothing of what the daemon knows or has done.
func answered(err error) bool {
	for _, is := range []func(error) bool{errdefs.IsInvalidArgument, errdefs.IsNotFound, errdefs.IsConflict, errdefs.IsPermissionDenied,
		errdefs.IsUnauthorized, errdefs.IsFailedPrecondition, errdefs.IsResourceExhausted, errdefs.IsNotImplemented, errdefs.IsInternal} {
		if is(err) {
			return true
		}
	}
	return false
}

// translate tells a daemon that is away from one that refuses, and from one that failed: that may pass by itself.
func translate(err error) error {
	switch {
	case err == nil:
		return nil
	case !answered(err):
		return unknown(err)
	case errdefs.IsInternal(err), errdefs.IsResourceExhausted(err):
		return err
	}
	return fmt.Errorf("%w: %w", galaxy.ErrStartConfig, err)
}

// goneOr is nil when err says that what was to be stopped or removed is not there.
func goneOr(err error) error {
	if errdefs.IsNotFound(err) {
		return nil
	}
	return err
}

// network finds the network, or makes it. It is looked up first: an old daemon makes a second one of the same name.
func (d *Driver) network(ctx context.Context) error {
	ctx, cancel, err := d.call(ctx, 0)
	if err != nil {
		return err
	}
	defer cancel()
	if err := d.networking.take(ctx); err != nil {
		return unknown(err)
	}
	defer d.networking.give()
	_, err = d.api.NetworkInspect(ctx, d.conf.Network, client.NetworkInspectOptions{})
	if errdefs.IsNotFound(err) {
		_, err = d.api.NetworkCreate(ctx, d.conf.Network, client.NetworkCreateOptions{Driver: "bridge", Labels: map[string]string{labelOurs: "1"}})
	}
	if errdefs.IsConflict(err) { // made by somebody else meanwhile
		return nil
	}
	if err != nil {
		return fmt.Errorf("network %s: %w", d.conf.Network, translate(err))
	}
	return nil
}

// RemoveNetwork removes the engines' network, which must be empty; one that is not there is as good as removed.
func (d *Driver) RemoveNetwork(ctx context.Context) error {
	ctx, cancel, err := d.call(ctx, 0)
	if err != nil {
		return err
	}
	defer cancel()
	_, err = d.api.NetworkRemove(ctx, d.conf.Network, client.NetworkRemoveOptions{})
	return translate(goneOr(err))
}
