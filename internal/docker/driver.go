// Package docker runs engines as containers.
package docker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

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

	mu  sync.RWMutex
	api *client.Client // of the version of the API that was agreed on last; another takes its place when one is agreed on anew

	// normal is how this daemon shows settings of ours that it has just been given; see differences.
	normal map[difference]struct{}

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
	api, err := newClient(conf)
	if err != nil {
		return nil, err
	}
	states, err := statedir.New(root)
	return &Driver{Root: states, conf: conf, user: conf.User.orDefault(), api: api, normal: map[difference]struct{}{},
		meeting: make(lock, 1), networking: make(lock, 1)}, err
}

func newClient(conf Config) (*client.Client, error) {
	// As the client would have it by itself, but for the bound: when no engine answers all are looked at, and the
	// connections for that must leave room for other files.
	own := &http.Client{Transport: &http.Transport{MaxIdleConns: 6, IdleConnTimeout: 30 * time.Second, MaxConnsPerHost: quarter()},
		CheckRedirect: client.CheckRedirect}
	api, err := client.New(client.WithHTTPClient(own), client.WithHost(conf.Host), client.WithScheme("http"),
		client.WithHTTPResponseHook(hear))
	if err != nil {
		return nil, fmt.Errorf("make the Docker client: %w", err)
	}
	return api, nil
}

// quarter is a quarter of the files and connections that this process may have open.
func quarter() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 256
	}
	return int(max(16, min(limit.Cur, 1<<20)/4))
}

// daemon is the client that calls go through now.
func (d *Driver) daemon() *client.Client {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.api
}

// Close ends the client's connections.
func (d *Driver) Close() error { return d.daemon().Close() }

// call gives the context of one call to the daemon, which may take BACKEND_DOCKER_CALL_TIMEOUT and longer.
func (d *Driver) call(ctx context.Context, longer time.Duration) (context.Context, context.CancelFunc, error) {
	ctx, cancel := context.WithTimeout(ctx, d.conf.CallTimeout+longer)
	if err := d.meet(ctx); err != nil {
		cancel()
		return nil, nil, err
	}
	return ctx, cancel, nil
}

// meet agrees with the daemon on a version of the API, once. The client would do so by itself, but takes one that the
// daemon may refuse when the answer is lost; that refusal would look like one of what was asked for.
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
	ctx, heard := listen(ctx)
	if _, err := d.daemon().Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		return heard.unusable(err)
	}
	d.met.Store(true)
	return nil
}

// forget has the version of the API agreed on anew, unless that was done since the call through used. A client that
// has agreed on one never takes a newer, so another takes its place; what is in flight through the old one continues.
func (d *Driver) forget(used *client.Client) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.api != used {
		return nil
	}
	api, err := newClient(d.conf)
	if err != nil {
		return err
	}
	d.api = api
	d.met.Store(false)
	return used.Close()
}

// changed reports whether the daemon speaks another version of the API by now than was agreed on: it was replaced,
// and whatever it refuses may be refused for that. A daemon that does not say so has refused nothing either.
func (d *Driver) changed(ctx context.Context, used *client.Client) (bool, error) {
	now, err := newClient(d.conf)
	if err != nil {
		return false, err
	}
	defer func() { _ = now.Close() }()
	if _, err := now.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		return false, err
	}
	return now.ClientVersion() != used.ClientVersion(), nil
}

// Ping asks whether the daemon answers.
func (d *Driver) Ping(ctx context.Context) error {
	return d.ask(ctx, askLook, 0, func(ctx context.Context, api *client.Client) error {
		_, err := api.Ping(ctx, client.PingOptions{})
		return err
	})
}

// network finds the network, or makes it. It is looked up first: an old daemon makes a second one of the same name.
func (d *Driver) network(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, d.conf.CallTimeout)
	defer cancel()
	if err := d.networking.take(ctx); err != nil {
		return unknown(err)
	}
	defer d.networking.give()
	err := d.ask(ctx, askNetwork, 0, func(ctx context.Context, api *client.Client) error {
		_, err := api.NetworkInspect(ctx, d.conf.Network, client.NetworkInspectOptions{})
		return err
	})
	if errors.Is(err, errAbsent) {
		err = d.ask(ctx, askNetwork, 0, func(ctx context.Context, api *client.Client) error {
			_, err := api.NetworkCreate(ctx, d.conf.Network, client.NetworkCreateOptions{Driver: "bridge", Labels: map[string]string{labelOurs: "1"}})
			return err
		})
	}
	if errors.Is(err, errTaken) { // made by somebody else meanwhile
		return nil
	}
	if err != nil {
		return fmt.Errorf("network %s: %w", d.conf.Network, err)
	}
	return nil
}

// RemoveNetwork removes the engines' network, which must be empty; one that is not there is as good as removed.
func (d *Driver) RemoveNetwork(ctx context.Context) error {
	return goneOr(d.ask(ctx, askNetwork, 0, func(ctx context.Context, api *client.Client) error {
		_, err := api.NetworkRemove(ctx, d.conf.Network, client.NetworkRemoveOptions{})
		return err
	}))
}
