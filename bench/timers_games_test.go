package bench

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/engine"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/enginetest"
	"galaxy/backend/store/storetest"
)

// benchGameTimers: how late whole games act on 10,000 deadlines that are spread over a minute. All are resident, with two players
// each, and their engines make the turns at once, so that everything that a turn costs is done meanwhile. A game has acted when it
// decides to claim its turn: the operation that it then commits says when that was, by the clock of its actor. The limit is met by
// bare timers while the same turns are made by hand.
func benchGameTimers(t *testing.T) {
	s, alone := span{deadlines: 10_000, lead: 20 * time.Second, window: time.Minute}, span{deadlines: 10_000, lead: 2 * time.Second, window: time.Minute}
	if !*full {
		s, alone = span{deadlines: 50, lead: 200 * time.Millisecond, window: time.Second}, span{deadlines: 50, lead: 10 * time.Millisecond, window: 100 * time.Millisecond}
	}
	bare, byHand, ours := alone.p99(t, bareTimers), 0.0, 0.0
	t.Run("by hand", func(t *testing.T) { byHand = s.p99(t, handTurns(t, s.deadlines)) }) // its Postgres ends with it
	t.Run("ours", func(t *testing.T) { ours = s.p99(t, wholeGames(t, s.deadlines, false)) })
	if *full && !t.Failed() {
		limit := byHand + laterThanBare
		fmt.Printf("BENCH timers-games ours=%s limit=%s unit=ms ratio=%.2f rounds=1 by-hand=%s difference=%.3f alone=%s\n", figure(ours), figure(limit), limit/ours, figure(byHand), ours-byHand, figure(bare))
	}
}

// timersLeague is the games whose deadlines are met.
func timersLeague(games int) league {
	return league{games: games, running: games, accounts: 2, members: 2, due: time.Now().Add(24 * time.Hour), every: time.Second}
}

// wholeGames makes games, and keeps each deadline in one of them. With slow engines no turn is made before all deadlines are met.
func wholeGames(t *testing.T, games int, slow bool) keeper {
	e, dsn := newEngines(t), durable(t)
	require.NoError(t, storetest.Migrate(dsn))
	ids := timersLeague(games).fill(t, dsn)
	e.hold(t, dsn, ids...)
	number := map[galaxy.GameID]int{}
	for i, id := range ids {
		number[id] = i
	}
	return func(t *testing.T, due []time.Time, met func(int, time.Time)) (stop func()) {
		w := openWorld(t, dsn, e)
		w.exec(`UPDATE runtimes r SET deadline = $1::timestamptz + (n.i - 1) * make_interval(secs => $2) FROM (SELECT game_id, row_number() OVER (ORDER BY deadline) AS i FROM runtimes) n
			WHERE n.game_id = r.game_id`, due[0], due[1].Sub(due[0]).Seconds())
		w.codes.watch(watch{committed: func(c galaxy.GameChange) {
			if op := c.Next.Runtime.Op; op != nil && op.Turn == 1 && op.Attempt == 1 {
				met(number[c.Next.ID], op.Since)
			}
		}})
		if slow {
			e.hang(enginetest.Turn, ids...)
		}
		w.begin()
		require.Eventually(t, func() bool { return !*full || e.Calls(enginetest.Status) >= games }, time.Minute, time.Millisecond)
		return func() {
			if !slow {
				w.quiet()
			}
			w.end()
		}
	}
}

// handTurns keeps each deadline with a bare timer, and makes the turns by hand meanwhile: the same calls and statements, on as many
// connections.
func handTurns(t *testing.T, games int) keeper {
	e := newEngines(t)
	_, dsn := twoDatabases(t)
	ids := timersLeague(games).fill(t, dsn)
	e.hold(t, dsn, ids...)
	hands := handmadeGames(t, handPool(t, dsn), ids...)
	for i, id := range ids {
		c, err := e.Inspect(t.Context(), id)
		require.NoError(t, err)
		hands[i].engine = c.Address
	}
	return func(t *testing.T, due []time.Time, met func(int, time.Time)) (stop func()) {
		ctx, cancel := context.WithCancel(t.Context())
		outbox := newHandOutbox(hands[0])
		var turns, rest sync.WaitGroup
		turns.Add(len(due))
		for i, at := range due {
			time.AfterFunc(time.Until(at), func() {
				met(i, time.Now())
				defer turns.Done()
				if err := hands[i].whole(ctx, at, outbox); err != nil {
					t.Errorf("a turn by hand failed: %v", err)
				}
			})
		}
		rest.Go(func() { probeInTurn(ctx, hands, engine.DefaultPace.Probe) })
		rest.Go(func() { outbox.run(t, ctx) })
		return func() {
			turns.Wait()
			cancel()
			rest.Wait()
		}
	}
}

// whole makes a turn that is due, has everybody told, and stores the reports.
func (g *handmade) whole(ctx context.Context, due time.Time, o *handOutbox) error {
	if err := g.make(ctx, due); err != nil {
		return err
	}
	o.wake()
	return g.report(ctx)
}

// handOutbox tells what many games have to tell.
type handOutbox struct {
	from  *handmade // who stands for all
	woken chan struct{}
}

func newHandOutbox(g *handmade) *handOutbox {
	return &handOutbox{from: &handmade{pool: g.pool, pushes: make(chan uuid.UUID, queueSize)}, woken: make(chan struct{}, 1)}
}

func (o *handOutbox) wake() {
	select {
	case o.woken <- struct{}{}:
	default:
	}
}

// run tells what there is whenever it is woken, until the context ends.
func (o *handOutbox) run(t *testing.T, ctx context.Context) {
	go func() {
		for range o.from.pushes {
		}
	}()
	defer close(o.from.pushes)
	for {
		select {
		case <-ctx.Done():
			return
		case <-o.woken:
		}
		for told := tellAtOnce; told == tellAtOnce; {
			var err error
			if told, err = o.from.tell(ctx); err != nil && ctx.Err() == nil {
				t.Errorf("nobody could be told by hand: %v", err)
			}
		}
	}
}

// probeInTurn asks each engine for a sign of life as often as that, until the context ends.
func probeInTurn(ctx context.Context, games []*handmade, every time.Duration) {
	next := time.NewTicker(every / time.Duration(len(games)))
	defer next.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
			go func() { _ = games[i%len(games)].call(ctx, http.MethodGet, "/healthz", nil, nil) }()
		}
	}
}
