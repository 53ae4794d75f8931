package drill

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"galaxy/backend/client"
	"galaxy/backend/galaxy"
)

// drillFrozen freezes a service that nobody stands by for over a deadline, and wakes it: it must do what one does that
// was killed meanwhile. The deadline is not met, and players have time for their orders.
func drillFrozen(t *testing.T, d *drill) {
	w := begin(t, d, options{})
	games, err := w.set(t.Context(), 2, 2)
	if err != nil {
		d.problem("%v", err)
		return
	}
	var noticed []time.Duration
	for n := range of(2, 3) {
		took, err := w.oversleep(t.Context(), games, n+1)
		if err != nil {
			d.problem("%v", err)
			return
		}
		noticed = append(noticed, took)
	}
	d.note("what was slept through was noted %s after the service was woken", times(noticed))
}

// slept is for how long a service is frozen: in the drill it is, and else the database says so.
const slept = galaxy.Interruption + 5*time.Second

// oversleep has a service sleep over a deadline of every game, and has the games played on. It gives how long the
// service took to note its nth sleep.
func (w *world) oversleep(ctx context.Context, games []*game, n int) (noted time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, slept+patience)
	defer cancel()
	due := time.Now().Add(2 * time.Second)
	if err := all(ctx, games, func(g *game, ctx context.Context) error { return g.dueAt(ctx, due) }); err != nil {
		return 0, err
	}
	asleep := slept
	if err := syscall.Kill(w.service().PID(), syscall.SIGSTOP); err != nil {
		return 0, err
	}
	if !*full {
		if _, err := w.db.Exec(ctx, "UPDATE lease SET heartbeat_at = heartbeat_at - make_interval(secs => $1)", slept.Seconds()); err != nil {
			return 0, err
		}
		asleep = time.Until(due) + time.Second
	}
	if err := pause(ctx, asleep); err != nil {
		return 0, err
	}
	woken := time.Now()
	if err := syscall.Kill(w.service().PID(), syscall.SIGCONT); err != nil {
		return 0, err
	}
	for outages := 0; outages < n; {
		if err := w.db.QueryRow(ctx, "SELECT count(*) FROM outages").Scan(&outages); err != nil {
			return 0, err
		}
		if err := pause(ctx, every); err != nil {
			return 0, fmt.Errorf("the service does not note that it has slept: %w", err)
		}
	}
	noted = time.Since(woken)
	var both errgroup.Group
	for _, g := range games {
		both.Go(func() error { return g.caughtUp(ctx) })
	}
	if err := both.Wait(); err != nil {
		return noted, err
	}
	if err := all(ctx, games, (*game).next); err != nil {
		return noted, err
	}
	w.count(&w.rounds, 1)
	return noted, all(ctx, games, (*game).judge)
}

// dueAt moves the deadline of the next turn.
func (g *game) dueAt(ctx context.Context, at time.Time) error {
	moved, err := g.gateway.API.AdminMoveDeadlineWithResponse(ctx, g.id, nil, client.MoveDeadlineRequest{Turn: int32(g.turn + 1), Deadline: at}, g.admin)
	if err == nil && moved.StatusCode() != http.StatusOK {
		err = fmt.Errorf("move the deadline: %d %s", moved.StatusCode(), moved.Body)
	}
	return err
}

// caughtUp waits until players have time for their orders again, and notes a turn that was made without it.
func (g *game) caughtUp(ctx context.Context) error {
	for {
		var turn int
		var due time.Time
		if err := g.db.QueryRow(ctx, "SELECT turn, coalesce(deadline, 'epoch') FROM runtimes WHERE game_id = $1", g.id).Scan(&turn, &due); err != nil {
			return err
		}
		if turn > g.turn {
			g.problem("game %s: turn %d was made on waking, without a moment for orders", g.id, turn)
			return errors.New("a turn was made that nobody was served before")
		}
		if time.Until(due) > time.Minute {
			return nil
		}
		if err := pause(ctx, every); err != nil {
			return g.never("does not catch up")
		}
	}
}
