package docker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
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

func parse(t *testing.T, settings map[string]string) Config {
	t.Helper()
	conf, err := env.ParseAsWithOptions[Config](env.Options{Environment: settings})
	require.NoError(t, err)
	require.NoError(t, conf.Validate())
	return conf
}

func contains[T comparable](all []T, one T) bool { return slices.Contains(all, one) }

func removeNow(t *testing.T, d *Driver, id string) {
	_, err := d.api.ContainerRemove(context.Background(), id, client.ContainerRemoveOptions{Force: true})
	require.NoError(t, goneOr(err))
}

// behind gives a driver whose daemon is behind a proxy.
func behind(t *testing.T, timeout string) (*Driver, *dockertest.Proxy) {
	t.Helper()
	p := dockertest.NewProxy(t, dockertest.Socket)
	s := settings()
	s["BACKEND_DOCKER_HOST"], s["BACKEND_DOCKER_CALL_TIMEOUT"] = p.Host(), timeout
	return driverWith(t, s), p
}

// watch watches until the test ends, and is known to be under way when it returns.
func watch(t *testing.T, d *Driver) *containertest.Heard {
	heard := &containertest.Heard{}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	begun := make(chan struct{})
	go func() {
		close(begun)
		ended <- d.Watch(ctx, heard.Tell)
	}()
	<-begun
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	return heard
}

// nothingElse is that of a failure only this is concluded: nothing.
func nothingElse(t *testing.T, err error, about ...any) {
	t.Helper()
	require.ErrorIs(t, err, galaxy.ErrDriverUnknown, about...)
	for _, other := range []error{galaxy.ErrStartConfig, galaxy.ErrImagePull, galaxy.ErrStateMissing, galaxy.ErrNoCopy} {
		require.NotErrorIs(t, err, other, about...)
	}
}

// calls are all that is asked of the daemon.
func calls(d *Driver, spec galaxy.ContainerSpec) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"ping":           d.Ping,
		"ensure":         func(ctx context.Context) error { _, err := d.Ensure(ctx, spec); return err },
		"inspect":        func(ctx context.Context) error { _, err := d.Inspect(ctx, spec.Game); return err },
		"stop":           func(ctx context.Context) error { return d.Stop(ctx, spec.Game, 0) },
		"remove":         func(ctx context.Context) error { return d.Remove(ctx, spec.Game) },
		"set aside":      func(ctx context.Context) error { return d.SetAside(ctx, spec.Game, time.Second) },
		"list":           func(ctx context.Context) error { _, err := d.List(ctx); return err },
		"logs":           func(ctx context.Context) error { _, err := d.Logs(ctx, spec.Game, 10); return err },
		"watch":          func(ctx context.Context) error { return d.Watch(ctx, func(galaxy.ContainerEvent) {}) },
		"remove network": d.RemoveNetwork,
	}
}

func TestADaemonThatIsAwayMakesNothingCertain(t *testing.T) {
	dir := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(dir, "refuses.sock"))
	require.NoError(t, err)
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	require.NoError(t, l.Close())
	for name, host := range map[string]string{"no socket": "unix:///nowhere/docker.sock", "nobody listens": "unix://" + l.Addr().String(), "no host": "tcp://127.0.0.1:1"} {
		d, err := New(Config{Host: host, Network: "n", CallTimeout: time.Second, PullPolicy: "always"}, t.TempDir())
		require.NoError(t, err)
		for call, do := range calls(d, galaxy.ContainerSpec{Game: galaxy.GameID{UUID: galaxy.NewID()}, ImageRef: imageOne}) {
			nothingElse(t, do(t.Context()), "%s, %s", name, call)
		}
	}
}

func TestADaemonThatVanishesMakesNothingCertainUntilItIsBack(t *testing.T) {
	d, p := behind(t, "30s")
	spec := newSpec(t, d)
	first, err := d.Ensure(t.Context(), spec)
	require.NoError(t, err)
	ended := make(chan error, 1)
	begun := len(p.Requests("GET /events"))
	go func() { ended <- d.Watch(t.Context(), func(galaxy.ContainerEvent) {}) }()
	require.Eventually(t, func() bool { return len(p.Requests("GET /events")) > begun }, 10*time.Second, time.Millisecond)
	p.Gone(true)
	nothingElse(t, <-ended, "the stream breaks")
	for call, do := range calls(d, spec) {
		nothingElse(t, do(t.Context()), call)
	}
	p.Gone(false)
	again, err := d.Ensure(t.Context(), spec)
	require.NoError(t, err)
	require.Equal(t, first.ID, again.ID, "it is adopted as it is")
	require.NoError(t, d.Close())
	again, err = d.Inspect(t.Context(), spec.Game)
	require.NoError(t, err)
	require.Equal(t, first.ID, again.ID)
}

func TestADaemonThatHangsIsGivenUpInTimeByEveryCallAtOnce(t *testing.T) {
	for _, met := range []bool{false, true} {
		t.Run(fmt.Sprintf("met before: %v", met), func(t *testing.T) {
			const patience = 500 * time.Millisecond
			d, p := behind(t, patience.String())
			spec := galaxy.ContainerSpec{Game: galaxy.GameID{UUID: galaxy.NewID()}, Version: "1.0.0", ImageRef: imageOne}
			if met {
				require.NoError(t, d.Ping(t.Context()))
			}
			p.Hang(true)
			var all sync.WaitGroup
			began := time.Now()
			for range 4 {
				for call, do := range calls(d, spec) {
					all.Go(func() {
						if err := do(t.Context()); !errors.Is(err, galaxy.ErrDriverUnknown) || errors.Is(err, galaxy.ErrStartConfig) {
							t.Errorf("%s: %v", call, err)
						}
					})
				}
			}
			all.Wait()
			require.Less(t, time.Since(began), 10*patience, "one waits for another")
			p.Hang(false)
			require.NoError(t, d.Ping(t.Context()))
		})
	}
}

func TestAWatchOfADaemonThatHangsEnds(t *testing.T) {
	d, p := behind(t, "500ms")
	ended := make(chan error, 1)
	go func() { ended <- d.Watch(t.Context(), func(galaxy.ContainerEvent) {}) }()
	require.Eventually(t, func() bool { return len(p.Requests("GET /events")) > 0 }, 10*time.Second, time.Millisecond)
	p.Hang(true)
	select {
	case err := <-ended:
		nothingElse(t, err)
	case <-time.After(10 * time.Second):
		t.Fatal("it goes on")
	}
}

// Every request of every call is cut: what changes something before it is done and after, and answers in their head and
// in their body.
func TestACutCallIsCompletedByTheNext(t *testing.T) {
	d, p := behind(t, "30s")
	spec := newSpec(t, d)
	running := func() {
		t.Helper()
		c, err := d.Ensure(t.Context(), spec)
		require.NoError(t, err)
		require.Equal(t, galaxy.ContainerRunning, c.State)
	}
	stopped := func() { t.Helper(); running(); require.NoError(t, d.Stop(t.Context(), spec.Game, 0)) }
	none := func() { t.Helper(); require.NoError(t, d.end(t.Context(), spec.Game, 0)) }
	all := calls(d, spec)
	running() // with the network, which is made once
	for _, c := range []struct {
		call   string
		before func()
		looks  []int // where answers to what changes nothing are cut
	}{{"ensure", none, []int{150}}, {"ensure", stopped, []int{150}}, {"stop", running, []int{150}}, {"remove", stopped, []int{150}},
		{"inspect", running, []int{150, 900}}, {"list", running, []int{150, 900}}, {"logs", running, []int{150, 250}}} {
		c.before()
		begun := len(p.Requests(""))
		require.NoError(t, all[c.call](t.Context()))
		for i, request := range p.Requests("")[begun:] {
			cuts := []int{-1, 0}
			switch {
			case strings.HasPrefix(request, "GET"):
				cuts = c.looks
			case strings.Contains(request, "/create"):
				cuts = []int{-1, 0, 150}
			}
			for _, bytes := range cuts {
				c.before()
				p.CutNth(i+1, bytes)
				nothingElse(t, all[c.call](t.Context()), "%s, %s, after %d bytes", c.call, request, bytes)
				require.Zero(t, p.Pending(), "%s, %s", c.call, request)
				require.NoError(t, all[c.call](t.Context()), "%s again, after %d bytes of %s", c.call, bytes, request)
				there, err := d.List(t.Context())
				require.NoError(t, err)
				require.LessOrEqual(t, len(there), 1)
			}
		}
	}
}

func TestACreateThatHappensLateIsAdopted(t *testing.T) {
	d, p := behind(t, "2s")
	spec := newSpec(t, d)
	p.BeforeNext("POST /containers/create", func() { p.Hang(true) })
	_, err := d.Ensure(t.Context(), spec)
	nothingElse(t, err)
	p.Hang(false) // and now it is done, while we see none, or see it taken, or see it
	require.Eventually(t, func() bool {
		c, err := d.Ensure(t.Context(), spec)
		if err != nil && !errors.Is(err, galaxy.ErrDriverUnknown) {
			t.Errorf("it is not adopted: %v", err)
		}
		return err == nil && c.State == galaxy.ContainerRunning
	}, 30*time.Second, time.Millisecond)
	all, err := d.List(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 1)
}

func TestANameThatIsTakenByOursIsAdopted(t *testing.T) {
	d, p := behind(t, "30s")
	spec := newSpec(t, d)
	direct := d.sibling(t)
	for version, image := range map[string]string{"1.0.0": imageOne, "0.9.0": imageOne} {
		other := spec
		other.Version, other.ImageRef = version, image
		p.BeforeNext("POST /containers/create", func() {
			if _, err := direct.create(context.Background(), other); err != nil {
				t.Error(err)
			}
		})
		c, err := d.Ensure(t.Context(), spec)
		require.NoError(t, err)
		require.Equal(t, galaxy.ContainerRunning, c.State)
		require.Equal(t, spec.Version, c.Version, "one of another version is replaced")
		require.Zero(t, p.Pending())
		require.NoError(t, d.end(t.Context(), spec.Game, 0))
	}
}

// sibling is a driver of the same stack that asks the daemon itself.
func (d *Driver) sibling(t *testing.T) *Driver {
	t.Helper()
	conf := d.conf
	conf.Host = "unix://" + dockertest.Socket
	direct, err := New(conf, d.Path())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, direct.Close()) })
	return direct
}

// made creates containers and starts none.
func made(t *testing.T, d *Driver, n int) (games []galaxy.GameID) {
	t.Helper()
	spec := newSpec(t, d)
	for range n {
		spec.Game = galaxy.GameID{UUID: galaxy.NewID()}
		require.NoError(t, d.prepare(spec))
		_, err := d.create(t.Context(), spec)
		require.NoError(t, err)
		games = append(games, spec.Game)
	}
	return games
}

func TestAListSurvivesWhatIsRemovedMeanwhile(t *testing.T) {
	d, p := behind(t, "30s")
	direct := d.sibling(t)
	games := made(t, d, 3)
	asked := len(p.Requests(""))
	all, err := d.List(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 3)
	require.Len(t, p.Requests("")[asked:], 4, "one list, and one look at each")
	for _, c := range all {
		require.Equal(t, galaxy.ContainerExited, c.State)
		require.False(t, c.ExitKnown, "what was never started has not ended")
		require.True(t, c.FinishedAt.IsZero())
	}
	p.BeforeNext("GET /containers/"+name(games[1])+"/json", func() {
		if err := direct.Remove(context.Background(), games[1]); err != nil {
			t.Error(err)
		}
	})
	all, err = d.List(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Zero(t, p.Pending())
}

func TestAListLooksAtEightContainersAtOnce(t *testing.T) {
	d, p := behind(t, "30s")
	made(t, d, 8)
	together := make(chan struct{})
	var here sync.WaitGroup
	here.Add(8)
	go func() { here.Wait(); close(together) }()
	for range 8 {
		p.BeforeNext("GET /containers/galaxy-game-", func() {
			here.Done()
			select {
			case <-together:
			case <-time.After(20 * time.Second):
				t.Error("the others are not looked at meanwhile")
			}
		})
	}
	all, err := d.List(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 8)
}

func TestEveryLookOfAListHasItsOwnTime(t *testing.T) {
	d, p := behind(t, "3s")
	made(t, d, 17)
	for range 17 {
		p.BeforeNext("GET /containers/galaxy-game-", func() { <-time.After(1500 * time.Millisecond) })
	}
	all, err := d.List(t.Context())
	require.NoError(t, err, "together they take longer than one call may")
	require.Len(t, all, 17)
}

func TestALostFirstAnswerIsNotTakenForARefusal(t *testing.T) {
	d, p := behind(t, "30s")
	for range 2 {
		p.CutNext("HEAD /_ping", 0)
		p.CutNext("GET /_ping", 0)
		_, err := d.Inspect(t.Context(), galaxy.GameID{UUID: galaxy.NewID()})
		nothingElse(t, err)
		require.Zero(t, p.Pending())
	}
	_, err := d.Inspect(t.Context(), galaxy.GameID{UUID: galaxy.NewID()})
	require.NoError(t, err)
}
