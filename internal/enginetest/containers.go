package enginetest

import (
	"context"
	"time"

	"galaxy/backend/engineapi"
	"galaxy/backend/galaxy"
)

func fresh() *Game {
	return &Game{State: galaxy.ContainerMissing, Lists: map[string]engineapi.OrderList{}, Batches: map[string]engineapi.Results{}}
}

// Ensure starts an engine unless it runs on that version.
func (e *Engines) Ensure(_ context.Context, spec galaxy.ContainerSpec) (galaxy.Container, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.away {
		return galaxy.Container{}, galaxy.ErrDriverUnknown
	}
	if g := e.game(spec.Game); g.State != galaxy.ContainerRunning || g.Version != spec.Version {
		if e.refuse {
			return galaxy.Container{}, galaxy.ErrStartConfig
		}
		g.State, g.Busy, g.Version, g.Image = galaxy.ContainerRunning, false, spec.Version, spec.ImageRef
		g.Started++
		e.tell(galaxy.ContainerEvent{Game: spec.Game, Kind: galaxy.ContainerStarted})
		if begins := e.begins[spec.Version]; begins != nil {
			begins(g)
		}
	}
	return e.container(spec.Game), nil
}

// Inspect tells what is known of an engine's container.
func (e *Engines) Inspect(_ context.Context, id galaxy.GameID) (galaxy.Container, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.away {
		return galaxy.Container{}, galaxy.ErrDriverUnknown
	}
	return e.container(id), nil
}

// List tells what is known of every container that there is.
func (e *Engines) List(context.Context) ([]galaxy.Container, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.away {
		return nil, galaxy.ErrDriverUnknown
	}
	var out []galaxy.Container
	for id, g := range e.games {
		if g.State != galaxy.ContainerMissing {
			out = append(out, e.container(id))
		}
	}
	return out, nil
}

func (e *Engines) container(id galaxy.GameID) galaxy.Container {
	g := e.game(id)
	c := galaxy.Container{Game: id, ID: id.String(), State: g.State, Version: g.Version, ImageRef: g.Image, StartedAt: g.Since}
	switch g.State {
	case galaxy.ContainerRunning:
		c.Address = e.server.URL + "/" + id.String()
	case galaxy.ContainerExited:
		c.ExitCode, c.OOMKilled, c.ExitKnown = g.exit.ExitCode, g.exit.OOMKilled, g.exit.ExitKnown
		c.FinishedAt = g.exit.FinishedAt
	}
	return c
}

// on does something to an engine, unless the daemon is away.
func (e *Engines) on(id galaxy.GameID, do func(*Game) error) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.away {
		return galaxy.ErrDriverUnknown
	}
	return do(e.game(id))
}

// Stop ends an engine.
func (e *Engines) Stop(_ context.Context, id galaxy.GameID, _ time.Duration) error {
	return e.on(id, func(g *Game) error {
		if g.State == galaxy.ContainerRunning {
			e.end(id, g, galaxy.Container{ExitKnown: true})
		}
		return nil
	})
}

// Remove takes a container away; what the engine holds stays.
func (e *Engines) Remove(_ context.Context, id galaxy.GameID) error {
	return e.on(id, func(g *Game) error {
		e.destroy(id, g)
		return nil
	})
}

// destroy needs mu.
func (e *Engines) destroy(id galaxy.GameID, g *Game) {
	if g.State != galaxy.ContainerMissing {
		g.State = galaxy.ContainerMissing
		e.tell(galaxy.ContainerEvent{Game: id, Kind: galaxy.ContainerDestroyed})
	}
}

// Logs gives the same line of every engine that was ever started.
func (e *Engines) Logs(_ context.Context, id galaxy.GameID, _ int) (log string, err error) {
	err = e.on(id, func(g *Game) error {
		if g.Started > 0 {
			log = "the stand-in has said its last words"
		}
		return nil
	})
	return log, err
}

// SetAside ends an engine and puts away what it holds.
func (e *Engines) SetAside(_ context.Context, id galaxy.GameID, _ time.Duration) error {
	return e.on(id, func(g *Game) error {
		if g.State == galaxy.ContainerRunning {
			e.end(id, g, galaxy.Container{ExitKnown: true})
		}
		e.destroy(id, g)
		next := fresh()
		next.Started, next.Aside = g.Started, g.Aside+1
		*g = *next
		return nil
	})
}
