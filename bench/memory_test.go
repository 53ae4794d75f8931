package bench

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/game"
	"galaxy/backend/actors/kit"
	"galaxy/backend/internal/enginetest"
	"galaxy/backend/internal/postgres/pgtest"
	"galaxy/backend/store/storetest"
)

// residentLimit is what a game may hold while nobody plays it, in bytes of heap and stacks.
const residentLimit = 8 << 10

// benchMemory: what running games hold while they wait for their deadlines, each with ten players and its engine up.
func benchMemory(t *testing.T) {
	games, rounds := 1000, 9
	if !*full {
		games, rounds = 3, 1
	}
	stand, dsn := enginetest.New(t), pgtest.Database(t, storetest.Migrate)
	t.Run("prepare", func(t *testing.T) {
		w := newWorldOn(t, dsn, stand)
		w.addVersion("engine:1.0.0")
		for range games {
			w.runningGame(10)
		}
	})
	var each []float64
	for i := range rounds {
		t.Run(fmt.Sprint("round ", i), func(t *testing.T) {
			known := stand.Calls(enginetest.Status)
			w := newWorldOn(t, dsn, stand)
			// Each engine is asked what it holds when it is adopted.
			require.Eventually(t, func() bool { return stand.Calls(enginetest.Status)-known >= games }, time.Minute, time.Millisecond)
			each = append(each, residents(w, games))
		})
	}
	if t.Failed() {
		return
	}
	slices.Sort(each)
	if *full {
		fmt.Printf("BENCH memory/game ours=%s limit=%d unit=bytes ratio=%.2f spread=%.2f..%.2f rounds=%d\n", figure(median(each)), residentLimit,
			residentLimit/median(each), residentLimit/each[len(each)-1], residentLimit/each[0], rounds)
	}
}

// residents gives the bytes that each of the service's games holds.
func residents(w *world, games int) float64 {
	ids, err := w.st.LiveGames(w.Context())
	require.NoError(w, err)
	require.Len(w, ids, games)
	for _, id := range ids {
		_, err := kit.Ask(w.Context(), w.system.Games.Ref(id), game.Get{})
		require.NoError(w, err)
	}
	require.Equal(w, games, w.system.Games.Live())
	with := held()
	w.stopActors()
	return float64(with-held()) / float64(games)
}

// held is what is in use after a collection, in bytes.
func held() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
