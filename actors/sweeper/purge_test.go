package sweeper_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"galaxy/backend/actors/kit/kittest"
	"galaxy/backend/actors/sweeper"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/postgres/pgtest"
	"galaxy/backend/store"
	"galaxy/backend/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

// reported makes a running game with n reports of turn 0 and a batch of commands for turn 1.
func reported(t *testing.T, st *store.Store, n int, at time.Time) galaxy.Game {
	by := galaxy.By{Principal: galaxy.Admin("root"), At: at}
	g, accounts := storetest.Game(t, st, 2)
	c, err := g.ForceStart(galaxy.EngineVersion{Version: "1.0.0", ImageRef: "engine:1", ExpectedTurn: true}, by)
	require.NoError(t, err)
	g = storetest.Commit(t, st, c)
	status := galaxy.EngineStatus{Game: g.ID, Digest: "d0"}
	for _, m := range g.Members {
		status.Players = append(status.Players, galaxy.EnginePlayer{Race: m.Race, Planets: 1, Population: 1000})
	}
	g = storetest.Commit(t, st, g.EngineUp(status, by))
	var reports []galaxy.Report
	for i := range n {
		r, err := galaxy.PackReport(fmt.Sprint("race ", i), []byte(`{}`))
		require.NoError(t, err)
		reports = append(reports, r)
	}
	g = storetest.Commit(t, st, g.ReportsFetched(0, reports, by))
	require.NoError(t, st.SaveBatch(t.Context(), galaxy.StoredBatch{Game: g.ID, Turn: 1, Race: g.Members[0].Race, User: accounts[0].ID, ID: "batch", EngineRevision: 1, Commands: []byte(`[]`), StoredAt: at}))
	return g
}

// left tells what there is of a game made by reported: how many of some reports, and the batches.
func left(t *testing.T, st *store.Store, g galaxy.Game, some ...int) (reports, batches int) {
	for _, i := range some {
		_, err := st.Report(t.Context(), g.ID, 0, 0, fmt.Sprint("race ", i))
		if err == nil {
			reports++
		} else {
			require.Equal(t, galaxy.NotFound, galaxy.CodeOf(err))
		}
	}
	orders, err := st.TurnOrders(t.Context(), g.ID, 0, 1)
	require.NoError(t, err)
	for _, o := range orders {
		batches += len(o.Batches)
	}
	return reports, batches
}

func TestReportsAreKeptForAWhileAfterTheEndOfTheirGame(t *testing.T) {
	const retention, many = 1000 * time.Hour, 1001 // more than one batch
	st, now := storetest.Open(t), storetest.Now()
	long, lately := now.Add(-retention-time.Minute), now.Add(-retention+time.Hour)
	old, young, alive := reported(t, st, many, long), reported(t, st, 2, long), reported(t, st, 2, long)
	for _, over := range []struct {
		game galaxy.Game
		at   time.Time
	}{{old, long}, {young, lately}} {
		c, err := over.game.Cancel("", galaxy.By{Principal: galaxy.Admin("root"), At: over.at})
		require.NoError(t, err)
		storetest.Commit(t, st, c)
	}
	some := []int{0, many / 2, many - 1}
	reports, batches := left(t, st, old, some...)
	require.Equal(t, []int{3, 1}, []int{reports, batches})

	sys := kittest.System(t)
	ref, err := sweeper.Start(sys, sweeper.Deps{Store: st, Config: sweeper.Config{AuditRetention: retention, ReportRetention: retention}, SessionRetention: retention, NameRetention: retention,
		WakeGame: func(galaxy.GameID) {}, WakeUser: func(galaxy.UserID) {}, Now: storetest.Now, Log: zap.NewNop(), Interval: time.Hour, Purge: 10 * time.Millisecond}, kittest.Never)
	require.NoError(t, err)
	t.Cleanup(func() { kittest.Stop(t, sys, ref) })
	require.Eventually(t, func() bool {
		_, batches := left(t, st, old)
		return batches == 0 // which go last
	}, 20*time.Second, 10*time.Millisecond)
	reports, _ = left(t, st, old, some...)
	require.Zero(t, reports)
	for _, kept := range []galaxy.Game{young, alive} {
		reports, batches := left(t, st, kept, 0, 1)
		require.Equal(t, []int{2, 1}, []int{reports, batches})
	}
}
