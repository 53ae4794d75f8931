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
	early          int           // further games that are due before, and warm both sides up
	lead           time.Duration // in which the service finds its engines before the first deadline
	between        time.Duration // the first deadline and the one that counts
}

// benchStampede: how late turns are recorded when a thousand are due at once and eight engines hang; the 99th of a hundred of the
// others. The limit is what the database takes to store as many, by a bare loop with as many connections.
func benchStampede(t *testing.T) {
	s, rounds := stampede{games: 1000, early: 100, hanging: 8, lead: 15 * time.Second, between: 5 * time.Second}, 3
	if !*full {
		s, rounds = stampede{games: 20, early: 4, hanging: 2, lead: 500 * time.Millisecond, between: time.Second}, 1
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
	first := storetest.Now().Add(s.lead)
	due := first.Add(s.between)
	l := league{games: s.early + s.games, running: s.early + s.games, accounts: turnPlayers, members: turnPlayers, due: first, early: s.early, later: s.between}
	byHand := handmadeGames(t, handPool(t, handDSN), l.fill(t, handDSN)...)
	ids := l.fill(t, dsn)
	e.hold(t, dsn, ids...)
	e.hang(enginetest.Turn, ids[s.early:s.early+s.hanging]...)

	w := openWorld(t, dsn, e)
	made := make(chan time.Time, s.early+s.games)
	w.codes.watch(watch{committed: func(c galaxy.GameChange) {
		if c.Turn != nil {
			made <- time.Now()
		}
	}})
	w.begin()
	s.found(t, e, first)
	madeAt(t, made, s.early)
	if *full { // otherwise the deadline may come first, and with it turns that hang
		w.quiet()
		require.True(t, time.Now().Before(due), "the deadline came before the service was warm")
	}
	others := s.games - s.hanging
	all := make([]time.Duration, 0, others)
	for _, at := range madeAt(t, made, others) {
		all = append(all, at.Sub(due))
	}
	slices.Sort(all)
	require.GreaterOrEqual(t, all[0], time.Duration(0), "a turn was made early")
	e.release()
	w.quiet()
	w.end()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	inParallel(t, byHand[:s.early], func(g *handmade) error { return g.store(ctx, due) })
	byHand = byHand[s.early:]
	stored = inParallel(t, byHand, func(g *handmade) error { return g.store(ctx, due) })
	results = inParallel(t, byHand, func(g *handmade) error { return g.record(ctx, due, g.shows()) })
	return float64(all[others*99/100-1].Microseconds()) / 1000, stored, results
}

// madeAt waits for as many turns, and gives when each was made.
func madeAt(t *testing.T, made <-chan time.Time, n int) []time.Time {
	at := make([]time.Time, 0, n)
	end := time.After(time.Minute)
	for range n {
		select {
		case one := <-made:
			at = append(at, one)
		case <-end:
			require.Failf(t, "turns are missing", "%d of %d were made", len(at), n)
		}
	}
	return at
}

// found waits until the service has found every engine, which must be before the deadline.
func (s stampede) found(t *testing.T, e *engines, due time.Time) {
	require.Eventually(t, func() bool { return e.Calls(enginetest.Status) >= s.early+s.games }, time.Minute, time.Millisecond)
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
