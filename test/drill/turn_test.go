package drill

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// gamesAtOnce is how many games are under way when the service is killed: one meets the point, the others any other.
const gamesAtOnce = 3

// learning is how many rounds are looked at to learn what commits there are.
const learning = 3

// drillTurn kills the service at every commit of a turn, before it and after it, while calls hang in the engines, and at
// any instant; every third time it is killed again as it begins to set things right.
func drillTurn(t *testing.T, d *drill) {
	var worlds []*turning
	for range of(1, 2) {
		w := begin(t, d, options{})
		games, err := w.set(t.Context(), gamesAtOnce, 2)
		if err != nil {
			d.problem("%v", err)
			return
		}
		worlds = append(worlds, &turning{world: w, games: games})
	}
	began := time.Now()
	commits, err := worlds[0].discover(t.Context(), learning, worlds[0].play)
	usual := time.Since(began) / learning
	if err != nil {
		d.problem("discover: %v", err)
		return
	}
	points := 2*len(commits) + 3
	p := newPlan(commits, []string{anyInstant, orderHangs, turnHangs}, of(1, max(20, (400+points-1)/points)))
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

// turning is a world whose games make turns.
type turning struct {
	*world
	games []*game
	usual time.Duration // that a turn takes
}

// play plays a turn in every game.
func (w *turning) play(ctx context.Context) error {
	return all(ctx, w.games, (*game).next)
}

func (w *turning) drill(ctx context.Context, p *plan) error {
	for n := 0; ; n++ {
		at, ok := p.next()
		if !ok {
			return nil
		}
		var again []*trap
		if n%3 == 2 {
			again = append(again, recovery(w.world))
		}
		kills, err := w.round(ctx, p, at, again)
		p.done(at, kills > 0)
		w.count(&w.rounds, kills)
		if err == nil {
			err = all(ctx, w.games, (*game).judge)
		}
		if err != nil {
			return fmt.Errorf("killed %s: %w", at, err)
		}
	}
}

// round plays a turn in every game, and ends the service at the point.
func (w *turning) round(ctx context.Context, p *plan, at point, again []*trap) (kills int, err error) {
	switch at.what {
	case anyInstant:
		return w.through(ctx, func(ctx context.Context) error {
			var both errgroup.Group
			both.Go(func() error { return all(ctx, w.games, (*game).next) })
			both.Go(func() error {
				defer w.kill()
				return instant(ctx, w.usual*3/2)
			})
			return both.Wait()
		}, append([]*trap{nil}, again...)...)
	case orderHangs:
		return w.through(ctx, w.hangOrders, append([]*trap{nil}, again...)...)
	case turnHangs:
		return w.through(ctx, w.hangTurns, append([]*trap{nil}, again...)...)
	}
	return w.through(ctx, w.play, append([]*trap{p.trap(w.world, at)}, again...)...)
}

// freeze stops every game's engine where it is; thaw lets them go on.
func (w *turning) freeze(ctx context.Context) (thaw func(), err error) {
	all := func(s syscall.Signal) (err error) {
		for _, g := range w.games {
			err = errors.Join(err, w.signal(ctx, g.id, s))
		}
		return err
	}
	return func() { _ = all(syscall.SIGCONT) }, all(syscall.SIGSTOP)
}

// hangs is about how long a call hangs before the service is killed.
const hangs = 30 * time.Millisecond

// hangOrders has lists hang in the engines when the service is killed.
func (w *turning) hangOrders(ctx context.Context) error {
	thaw, err := w.freeze(ctx)
	defer thaw()
	if err != nil {
		return err
	}
	var orders errgroup.Group
	for _, g := range w.games {
		g.open()
		for _, r := range g.races {
			orders.Go(func() error {
				g.put(ctx, r)
				return nil
			})
		}
	}
	if err := w.killFrozen(ctx, thaw); err != nil {
		return err
	}
	_ = orders.Wait()
	return all(ctx, w.games, func(g *game, ctx context.Context) error {
		if err := g.order(ctx); err != nil {
			return err
		}
		return g.advance(ctx)
	})
}

// hangTurns has turns hang in the engines when the service is killed.
func (w *turning) hangTurns(ctx context.Context) error {
	for _, g := range w.games {
		g.open()
	}
	if err := all(ctx, w.games, (*game).order); err != nil {
		return err
	}
	thaw, err := w.freeze(ctx)
	defer thaw()
	if err != nil {
		return err
	}
	if err := all(ctx, w.games, (*game).force); err != nil {
		return err
	}
	if err := w.killFrozen(ctx, thaw); err != nil {
		return err
	}
	return all(ctx, w.games, (*game).advance)
}

// killFrozen kills the service while engines are frozen, and thaws them before or after the next one is there.
func (w *turning) killFrozen(ctx context.Context, thaw func()) error {
	if err := instant(ctx, hangs); err != nil {
		return err
	}
	dead := w.service()
	w.kill()
	if rand.IntN(2) == 0 {
		for w.service() == dead {
			if err := pause(ctx, every); err != nil {
				return err
			}
		}
		if err := w.service().Ready(ctx); err != nil && !killed(w.service()) {
			return err
		}
		if err := instant(ctx, hangs); err != nil {
			return err
		}
	}
	thaw()
	return nil
}
