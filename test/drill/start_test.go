package drill

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// startsAtOnce is how many games are being started when the service is killed.
const startsAtOnce = 2

// drillStart kills the service at every commit of a game's start, before it and after it, and at any instant. Each game is
// fresh, and plays a turn afterwards.
func drillStart(t *testing.T, d *drill) {
	var worlds []*starting
	for range of(1, 2) {
		worlds = append(worlds, &starting{world: begin(t, d, options{})})
	}
	began := time.Now()
	commits, err := worlds[0].learn(t.Context())
	if err != nil {
		d.problem("discover: %v", err)
		return
	}
	usual := time.Since(began) / (2 * learning)
	points := 2*len(commits) + 1
	p := newPlan(commits, []string{anyInstant}, of(1, max(20, (190+points-1)/points)))
	defer p.tell(d)
	var each errgroup.Group
	for _, w := range worlds {
		w.usual = usual
		each.Go(func() error { return w.drill(t.Context(), p) })
	}
	if err := each.Wait(); err != nil {
		d.problem("%v", err)
	}
}

// starting is a world whose games are started.
type starting struct {
	*world
	games []*game
	usual time.Duration // that a start takes
}

// fresh makes the games that are started next.
func (w *starting) fresh(ctx context.Context) error {
	w.games = nil
	for range startsAtOnce {
		g, err := w.make(ctx, 2)
		if err != nil {
			return fmt.Errorf("make a game: %w", err)
		}
		w.games = append(w.games, g)
	}
	return nil
}

// learn finds out what commits a start has.
func (w *starting) learn(ctx context.Context) (commits map[string]int, err error) {
	for range learning {
		if err := w.fresh(ctx); err != nil {
			return nil, err
		}
		if err := w.quiet(ctx); err != nil {
			return nil, err
		}
		seen, err := w.discover(ctx, 1, w.play)
		if err != nil {
			return nil, err
		}
		commits = common(commits, seen)
		if err := all(ctx, w.games, (*game).cancel); err != nil {
			return nil, err
		}
	}
	return commits, nil
}

// play starts the games.
func (w *starting) play(ctx context.Context) error { return all(ctx, w.games, (*game).begin) }

func (w *starting) drill(ctx context.Context, p *plan) error {
	for n := 0; ; n++ {
		at, ok := p.next()
		if !ok {
			return nil
		}
		if err := w.fresh(ctx); err != nil {
			return err
		}
		// What was told of the games so far is no part of the start.
		if err := w.quiet(ctx); err != nil {
			return err
		}
		kills, err := w.round(ctx, p, at, n%3 == 2)
		p.done(at, kills > 0)
		w.count(&w.rounds, kills)
		if err == nil {
			err = w.afterwards(ctx)
		}
		if err != nil {
			return fmt.Errorf("killed %s: %w", at, err)
		}
	}
}

func (w *starting) round(ctx context.Context, p *plan, at point, twice bool) (kills int, err error) {
	var traps []*trap
	do := w.play
	if at.what == anyInstant {
		traps = append(traps, nil)
		do = func(ctx context.Context) error {
			var both errgroup.Group
			both.Go(func() error { return w.play(ctx) })
			both.Go(func() error {
				defer w.kill()
				return instant(ctx, w.usual)
			})
			return both.Wait()
		}
	} else {
		traps = append(traps, p.trap(w.world, at))
	}
	if twice {
		traps = append(traps, recovery(w.world))
	}
	return w.through(ctx, do, traps...)
}

// afterwards judges the games as they were started, and after a turn, and ends them.
func (w *starting) afterwards(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := all(limited, w.games, func(g *game, ctx context.Context) error {
		if err := g.judge(ctx); err != nil {
			return err
		}
		if aside, _ := filepath.Glob(filepath.Join(g.stack.Dir, "games", g.id.String()+".aside-*")); len(aside) > 0 {
			g.problem("game %s: its state was set aside: %v", g.id, aside)
		}
		if err := g.next(ctx); err != nil {
			return err
		}
		return g.judge(ctx)
	})
	return errors.Join(err, all(limited, w.games, (*game).cancel))
}
