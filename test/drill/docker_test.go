package drill

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"galaxy/backend/internal/stack"
)

// drillDocker takes the container daemon away: it is gone, it hangs, it cuts calls off, around starts, turns and deaths of
// engines. Nothing may be concluded from its silence, and everything goes on when it is back.
func drillDocker(t *testing.T, d *drill) {
	if err := stack.DockerAnswers(t.Context()); err != nil {
		if os.Getenv("REQUIRE_DOCKER") != "" {
			t.Fatalf("REQUIRE_DOCKER is set, and no Docker daemon answers: %v", err)
		}
		t.Skipf("SKIPPED, NOTHING WAS TESTED: no Docker daemon answers: %v", err)
	}
	dir, err := os.MkdirTemp("", "galaxy-drill-door")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	door := hangDoor(t, "unix", filepath.Join(dir, "docker.sock"), "/var/run/docker.sock")
	w := &docked{door: door, world: begin(t, d, options{driver: "docker", env: []string{"BACKEND_DOCKER_HOST=unix://" + door.address, "BACKEND_DOCKER_CALL_TIMEOUT=2s"}})}
	games, err := w.set(t.Context(), 1, 2)
	if err != nil {
		d.problem("%v", err)
		return
	}
	w.game = games[0]
	faults := []fault{
		{"gone during a turn", w.turnWithout(w.door.shut)}, {"hanging during a turn", w.turnWithout(w.door.hang)}, {"a call cut off during a start", w.cutStart},
		{"gone while an engine dies", w.deathWithout(w.door.shut)}, {"gone during a start", w.startWithout(w.door.shut)}, {"hanging during a start", w.startWithout(w.door.hang)},
		{"hanging while an engine dies", w.deathWithout(w.door.hang)}, {"a call cut off while an engine comes back", w.cutReturn},
		{"gone while the service dies", w.serviceDies},
	}
	if !*full {
		faults = faults[:2] // the others wait for the daemon
	}
	for range of(1, 2) {
		for _, f := range faults {
			if err := w.meet(t.Context(), f); err != nil {
				d.problem("daemon %s: %v", f.what, err)
				return
			}
		}
	}
}

// docked is a world whose engines are containers, with a game that goes on throughout.
type docked struct {
	*world
	door *door
	game *game
}

// fault is what happens to the daemon.
type fault struct {
	what string
	do   func(context.Context) error
}

func (w *docked) meet(ctx context.Context, f fault) error {
	began := time.Now()
	_, err := w.through(ctx, f.do)
	err = errors.Join(err, w.door.open())
	w.count(&w.rounds, 1)
	if *full {
		w.note("%s: %.1f s", f.what, time.Since(began).Seconds())
	}
	if err == nil {
		err = w.game.judge(ctx)
	}
	return err
}

// turnWithout plays a turn without the daemon: an engine that answers needs none.
func (w *docked) turnWithout(away func()) func(context.Context) error {
	return func(ctx context.Context) error {
		away()
		return w.game.next(ctx)
	}
}

// startWithout begins a start without the daemon, which goes on when it is back.
func (w *docked) startWithout(away func()) func(context.Context) error {
	return w.freshGame(func(ctx context.Context, g *game) error {
		away()
		return w.until(ctx, g, "driver_unknown", func(ctx context.Context) error { return g.begin(ctx) })
	})
}

// cutStart cuts one call of a start off.
func (w *docked) cutStart(ctx context.Context) error {
	return w.freshGame(func(ctx context.Context, g *game) error {
		w.door.cutAt(1+rand.IntN(6), rand.IntN(2) == 0)
		return g.begin(ctx)
	})(ctx)
}

// freshGame does something with a game that was not started, plays a turn in it, and ends it.
func (w *docked) freshGame(do func(context.Context, *game) error) func(context.Context) error {
	return func(ctx context.Context) error {
		g, err := w.make(ctx, 2)
		if err != nil {
			return err
		}
		if err := do(ctx, g); err != nil {
			return err
		}
		if err := errors.Join(w.door.open(), g.judge(ctx)); err != nil {
			return err
		}
		if err := g.next(ctx); err != nil {
			return err
		}
		if err := g.judge(ctx); err != nil {
			return err
		}
		return errors.Join(g.cancel(ctx), w.game.next(ctx))
	}
}

// deathWithout plays a turn whose engine has died without the daemon's telling so.
func (w *docked) deathWithout(away func()) func(context.Context) error {
	return func(ctx context.Context) error {
		away()
		if err := w.die(ctx); err != nil {
			return err
		}
		return w.until(ctx, w.game, "driver_unknown", w.nextResumed)
	}
}

// cutReturn cuts one call off with which an engine is brought back.
func (w *docked) cutReturn(ctx context.Context) error {
	w.door.cutAt(1+rand.IntN(4), rand.IntN(2) == 0)
	if err := w.die(ctx); err != nil {
		return err
	}
	return w.nextResumed(ctx)
}

// nextResumed plays a turn; an engine that has died too often in a short time needs an operator.
func (w *docked) nextResumed(ctx context.Context) error {
	err := w.game.next(ctx)
	for errors.Is(err, errStuck) {
		if err = w.game.resume(ctx); err == nil {
			err = w.game.advance(ctx)
		}
	}
	return err
}

// die kills the game's engine.
func (w *docked) die(ctx context.Context) error {
	if err := w.engines.Stop(ctx, w.game.galaxyID(), 0); err != nil {
		return fmt.Errorf("kill the engine: %w", err)
	}
	return nil
}

// until does something that waits for the daemon, and brings the daemon back once the game says that it waits.
func (w *docked) until(ctx context.Context, g *game, why string, do func(context.Context) error) error {
	var both errgroup.Group
	both.Go(func() error { return do(ctx) })
	both.Go(func() error {
		for {
			if r := g.runtime(ctx); r != nil && r.Why == why {
				return w.door.open()
			}
			if err := pause(ctx, every); err != nil {
				return fmt.Errorf("the game does not say %s: %w", why, err)
			}
		}
	})
	return both.Wait()
}

// serviceDies kills the service while the daemon is gone; the next one comes up without it.
func (w *docked) serviceDies(ctx context.Context) error {
	w.game.open()
	if err := w.game.order(ctx); err != nil {
		return err
	}
	w.door.shut()
	if err := w.game.force(ctx); err != nil {
		return err
	}
	w.kill()
	if err := w.until(ctx, w.game, "driver_unknown", func(context.Context) error { return nil }); err != nil {
		return err
	}
	return w.game.advance(ctx)
}
