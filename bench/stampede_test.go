package bench

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/galaxy"
	"galaxy/backend/internal/enginetest"
	"galaxy/backend/store/storetest"
)

// stampede is many games whose turns are due at once, some of them on engines that take the call for the turn and never answer.
type stampede struct {
	games, hanging int
	lead           time.Duration // in which the service finds its engines before the deadline
}

// benchStampede: how late turns are recorded when a thousand are due at once and eight engines hang; the 99th of a hundred of the
// others. The limit is what the database takes to store as many, by a bare loop with as many connections.
func benchStampede(t *testing.T) {
	s, rounds := stampede{games: 1000, hanging: 8, lead: 20 * time.Second}, 3
	if !*full {
		s, rounds = stampede{games: 20, hanging: 2, lead: 500 * time.Millisecond}, 1
	}
	var late, limits, ratios, commits []float64
	for i := range rounds {
		t.Run(fmt.Sprint("round ", i), func(t *testing.T) {
			o, turn, commit := s.round(t)
			late, limits, ratios, commits = append(late, o), append(limits, turn), append(ratios, turn/o), append(commits, commit)
		})
	}
	if t.Failed() || !*full {
		return
	}
	slices.Sort(ratios)
	fmt.Printf("BENCH turn/stampede ours=%s limit=%s unit=ms ratio=%.2f spread=%.2f..%.2f rounds=%d results-only=%s\n", figure(median(late)), figure(median(limits)),
		median(ratios), ratios[0], ratios[rounds-1], rounds, figure(median(commits)))
}

// round gives how late the turns are, how long the database takes to store what a turn asks of it as often, and how long it takes
// to store the turns' results alone; in milliseconds.
func (s stampede) round(t *testing.T) (late, stored, results float64) {
	e := newEngines(t)
	dsn, handDSN := twoDatabases(t)
	require.NoError(t, storetest.Migrate(dsn))
	due := storetest.Now().Add(s.lead)
	l := league{games: s.games, running: s.games, accounts: turnPlayers, members: turnPlayers, due: due}
	byHand := handmadeGames(t, handPool(t, handDSN), l.fill(t, handDSN)...)
	ids := l.fill(t, dsn)
	e.hold(t, dsn, ids...)
	e.hang(enginetest.Turn, ids[:s.hanging]...)

	w := openWorld(t, dsn, e)
	made := make(chan time.Time, s.games)
	w.codes.watch(watch{committed: func(c galaxy.GameChange) {
		if c.Turn != nil {
			made <- time.Now()
		}
	}})
	w.begin()
	s.found(t, e, due)
	others := s.games - s.hanging
	all := make([]time.Duration, 0, others)
	end := time.After(time.Minute)
	for range others {
		select {
		case at := <-made:
			all = append(all, at.Sub(due))
		case <-end:
			require.Failf(t, "turns are missing", "%d of %d were made", len(all), others)
		}
	}
	slices.Sort(all)
	require.GreaterOrEqual(t, all[0], time.Duration(0), "a turn was made early")
	e.release()
	w.quiet()
	w.end()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	inParallel(t, byHand[:min(len(byHand), 100)], func(g *handmade) error { return g.store(ctx, due) }) // connects
	stored = inParallel(t, byHand, func(g *handmade) error { return g.store(ctx, due) })
	results = inParallel(t, byHand, func(g *handmade) error { return g.record(ctx, due, g.shows()) })
	return float64(all[others*99/100-1].Microseconds()) / 1000, stored, results
}

// found waits until the service has found every engine, which must be before the deadline.
func (s stampede) found(t *testing.T, e *engines, due time.Time) {
	require.Eventually(t, func() bool { return e.Calls(enginetest.Status) >= s.games }, time.Minute, time.Millisecond)
	require.True(t, !*full || time.Now().Before(due), "the deadline came before the service was ready for it")
}

// inParallel does something to each game, on as many connections as the service has, and gives the milliseconds that all take.
func inParallel(t *testing.T, games []*handmade, do func(*handmade) error) float64 {
	next := make(chan *handmade)
	var wg sync.WaitGroup
	began := time.Now()
	for range games[0].pool.Config().MaxConns {
		wg.Go(func() {
			for g := range next {
				if err := do(g); err != nil {
					t.Errorf("a turn by hand failed: %v", err)
				}
			}
		})
	}
	for _, g := range games {
		next <- g
	}
	close(next)
	wg.Wait()
	return float64(time.Since(began).Microseconds()) / 1000
}
