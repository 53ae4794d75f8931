package drill

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// An engine that has died comes back after a second, and then after ever longer: each game's is killed twice, and many
// games are under way.
const (
	enginesAtOnce   = 6
	killsOfAnEngine = 2
)

// drillEngine kills engines at any instant around orders and turns. In every fourth round the service is killed as well.
func drillEngine(t *testing.T, d *drill) {
	w := begin(t, d, options{})
	for n := range of(1, 12) {
		if err := w.killEngines(t.Context(), n); err != nil {
			d.problem("%v", err)
			return
		}
	}
}

// killEngines makes games, plays a turn in peace to see how long it takes, and then turns in which engines are killed.
func (w *world) killEngines(ctx context.Context, n int) error {
	games, err := w.set(ctx, of(2, enginesAtOnce), 2)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := all(ctx, games, (*game).next); err != nil {
		return err
	}
	usual := time.Since(began)
	for i := range killsOfAnEngine {
		traps := []*trap{nil}
		if (killsOfAnEngine*n+i)%4 == 3 {
			traps[0] = newTrap(func(string) bool { return true }, 1+rand.IntN(3*len(games)), rand.IntN(2) == 0, w.kill)
		}
		var killed atomic.Int64
		kills, err := w.through(ctx, func(ctx context.Context) error {
			return all(ctx, games, func(g *game, ctx context.Context) error { return g.nextWithout(ctx, usual, &killed) })
		}, traps...)
		w.count(&w.rounds, kills+int(killed.Load()))
		if err == nil {
			err = all(ctx, games, (*game).judge)
		}
		if err != nil {
			return err
		}
	}
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return all(limited, games, (*game).cancel)
}

// nextWithout plays a turn while the engine is killed.
func (g *game) nextWithout(ctx context.Context, usual time.Duration, killed *atomic.Int64) error {
	var both errgroup.Group
	both.Go(func() error {
		if err := instant(ctx, usual); err != nil {
			return err
		}
		if err := g.signal(ctx, g.id, syscall.SIGKILL); err != nil {
			return fmt.Errorf("kill the engine: %w", err)
		}
		killed.Add(1)
		return nil
	})
	both.Go(func() error {
		err := g.next(ctx)
		for errors.Is(err, errStuck) {
			if err = g.resume(ctx); err == nil {
				err = g.advance(ctx)
			}
		}
		return err
	})
	return both.Wait()
}
