package bench

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/galaxy"
	"galaxy/backend/internal/enginetest"
	"galaxy/backend/store/storetest"
)

// benchGameTimers: how late whole games act on 10,000 deadlines that are spread over a minute. All are resident, with two players
// each, and their engines make the turns at once, so that everything that a turn costs is done meanwhile. A game has acted when it
// decides to claim its turn: the operation that it then commits says when that was, by the clock of its actor.
func benchGameTimers(t *testing.T) {
	games, bare := span{deadlines: 10_000, lead: 20 * time.Second, window: time.Minute}, span{deadlines: 10_000, lead: 2 * time.Second, window: time.Minute}
	if !*full {
		games, bare = span{deadlines: 50, lead: 200 * time.Millisecond, window: time.Second}, span{deadlines: 50, lead: 10 * time.Millisecond, window: 100 * time.Millisecond}
	}
	limit := bare.p99(t, bareTimers)
	printTimers("timers-games", games.p99(t, wholeGames(t, games.deadlines)), limit)
}

// wholeGames makes games, and keeps each deadline in one of them.
func wholeGames(t *testing.T, games int) keeper {
	e, dsn := newEngines(t), durable(t)
	require.NoError(t, storetest.Migrate(dsn))
	ids := league{games: games, running: games, accounts: 2, members: 2, due: time.Now().Add(24 * time.Hour), every: time.Second}.fill(t, dsn)
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
		w.begin()
		require.Eventually(t, func() bool { return !*full || e.Calls(enginetest.Status) >= games }, time.Minute, time.Millisecond)
		return func() {
			w.quiet()
			w.end()
		}
	}
}
