package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"

	"galaxy/backend/galaxy"
)

func name(game galaxy.GameID) string { return "galaxy-game-" + game.String() }

// found is the container with a game's name. foreign is that there is one which is not ours, or of another stack: it
// is not looked at, and so it is missing.
type found struct {
	galaxy.Container
	in      container.InspectResponse
	foreign bool
}

// errNoSense is that an answer is none that a daemon gives.
var errNoSense = fmt.Errorf("%w: what has answered is no container daemon", galaxy.ErrDriverUnusable)

// find looks at the container with the game's name.
func (d *Driver) find(ctx context.Context, game galaxy.GameID) (f found, err error) {
	err = d.ask(ctx, askLook, 0, func(ctx context.Context, api *client.Client) error {
		res, err := api.ContainerInspect(ctx, name(game), client.ContainerInspectOptions{})
		if f.in = res.Container; err == nil && !whole(res.Container, game) {
			err = errNoSense
		}
		return err
	})
	missing := galaxy.Container{Game: game, State: galaxy.ContainerMissing}
	switch {
	case errors.Is(err, errAbsent):
		return found{Container: missing}, nil
	case err != nil:
		return found{}, fmt.Errorf("inspect container: %w", err)
	case !d.ours(game, f.in.Config.Labels):
		return found{Container: missing, foreign: true}, nil
	}
	f.Container = d.container(game, f.in)
	return f, nil
}

// whole reports whether in describes the game's container, and not something else.
func whole(in container.InspectResponse, game galaxy.GameID) bool {
	return in.ID != "" && in.Config != nil && in.State != nil && in.HostConfig != nil && strings.TrimPrefix(in.Name, "/") == name(game)
}

func (d *Driver) ours(game galaxy.GameID, labels map[string]string) bool {
	return labels[labelOurs] == "1" && labels[labelGame] == game.String() && (d.conf.StackLabel == "" || labels[labelStack] == d.conf.StackLabel)
}

// Inspect tells what became of the game's container.
func (d *Driver) Inspect(ctx context.Context, game galaxy.GameID) (galaxy.Container, error) {
	f, err := d.find(ctx, game)
	return f.Container, err
}

func (d *Driver) container(game galaxy.GameID, in container.InspectResponse) galaxy.Container {
	c := galaxy.Container{Game: game, ID: in.ID, Version: in.Config.Labels[labelVersion], ImageRef: in.Config.Image, State: galaxy.ContainerExited}
	c.StartedAt = moment(in.State.StartedAt)
	if !in.State.Running {
		// One that was made and never started has not ended.
		c.FinishedAt = moment(in.State.FinishedAt)
		c.ExitCode, c.OOMKilled, c.ExitKnown = in.State.ExitCode, in.State.OOMKilled, !c.FinishedAt.IsZero()
		return c
	}
	c.State = galaxy.ContainerRunning
	c.Address = "http://" + name(game) + ":8080"
	if d.conf.EngineAddress == "loopback" {
		c.Address = ""
		if in.NetworkSettings != nil {
			for _, b := range in.NetworkSettings.Ports[enginePort] {
				c.Address = "http://127.0.0.1:" + b.HostPort
			}
		}
	}
	return c
}

// moment reads the daemon's time; it is zero for what has not happened.
func moment(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.Year() <= 1 {
		return time.Time{}
	}
	return t.UTC()
}

// looked is how many containers are looked at together.
const looked = 8

// List gives every container of ours; of our stack only, when there is one. What is removed meanwhile is left out.
func (d *Driver) List(ctx context.Context) ([]galaxy.Container, error) {
	games, err := d.games(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]galaxy.Container, len(games))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(looked)
	for i, game := range games {
		g.Go(func() (err error) {
			out[i], err = d.Inspect(ctx, game)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(out, func(c galaxy.Container) bool { return c.State == galaxy.ContainerMissing }), nil
}

// games gives whose containers there are.
func (d *Driver) games(ctx context.Context) ([]galaxy.GameID, error) {
	var out []galaxy.GameID
	err := d.ask(ctx, askLook, 0, func(ctx context.Context, api *client.Client) error {
		res, err := api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: d.filters()})
		if err == nil && res.Items == nil {
			err = errNoSense // a list of none is a list
		}
		out = nil
		for _, item := range res.Items {
			// A container of another name only looks like one of ours, and would be told of twice.
			if id, err := uuid.Parse(item.Labels[labelGame]); err == nil && slices.Contains(item.Names, "/"+name(galaxy.GameID{UUID: id})) {
				out = append(out, galaxy.GameID{UUID: id})
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	return out, nil
}

// filters are those of our containers.
func (d *Driver) filters() client.Filters {
	f := client.Filters{}.Add("label", labelOurs+"=1")
	if d.conf.StackLabel != "" {
		f = f.Add("label", labelStack+"="+d.conf.StackLabel)
	}
	return f
}

// maxLogs bounds what Logs gives, and maxRead what it reads for that: the daemon sends the oldest of the lines first.
const (
	maxLogs = 64 << 10
	maxRead = 8 << 20
)

// Logs gives the engine's last lines.
func (d *Driver) Logs(ctx context.Context, game galaxy.GameID, tail int) (string, error) {
	c, err := d.Inspect(ctx, game)
	if err != nil || c.State == galaxy.ContainerMissing {
		return "", err
	}
	var out ending
	err = d.ask(ctx, askLook, 0, func(ctx context.Context, api *client.Client) error {
		res, err := api.ContainerLogs(ctx, c.ID, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Tail: strconv.Itoa(tail)})
		if err != nil {
			return err
		}
		defer res.Close()
		out = ending{}
		bounded := &io.LimitedReader{R: res, N: maxRead}
		if _, err := stdcopy.StdCopy(&out, &out, bounded); err != nil && (bounded.N > 0 || !errors.Is(err, io.ErrUnexpectedEOF)) {
			return err
		}
		return nil
	})
	if err = goneOr(err); err != nil {
		return "", fmt.Errorf("read logs: %w", err)
	}
	return out.String(), nil
}

// ending keeps the end of what is written to it.
type ending struct {
	kept []byte
	cut  bool // not all is kept
}

func (e *ending) Write(p []byte) (int, error) {
	e.kept = append(e.kept, p...)
	if len(e.kept) > 2*maxLogs {
		e.kept, e.cut = append(e.kept[:0], e.kept[len(e.kept)-maxLogs:]...), true
	}
	return len(p), nil
}

// String gives the last maxLogs bytes at most. What was cut off begins with a whole line, if it has one.
func (e *ending) String() string {
	text, cut := e.kept, e.cut
	if over := len(text) - maxLogs; over > 0 {
		text, cut = text[over:], true
	}
	if _, rest, ok := bytes.Cut(text, []byte("\n")); cut && ok {
		text = rest
	}
	return string(text)
}
