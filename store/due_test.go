package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/galaxy"
	"galaxy/backend/store"
	"galaxy/backend/store/storetest"
)

// running gives a game at turn 0, and what its engine shows.
func running(t *testing.T, st *store.Store, by galaxy.By) (galaxy.Game, galaxy.EngineStatus) {
	g, _ := storetest.Game(t, st, 2)
	c, err := g.ForceStart(galaxy.EngineVersion{Version: "1.0.0", ImageRef: "engine:1", ExpectedTurn: true}, by)
	require.NoError(t, err)
	g = storetest.Commit(t, st, c)
	status := galaxy.EngineStatus{Game: g.ID, Digest: "d0"}
	for _, m := range g.Members {
		status.Players = append(status.Players, galaxy.EnginePlayer{Race: m.Race})
	}
	return storetest.Commit(t, st, g.EngineUp(status, by)), status
}

// TestNothingIsDueForAGameThatHasNoEngineAnyMore: woken every half minute, it would never leave memory.
func TestNothingIsDueForAGameThatHasNoEngineAnyMore(t *testing.T) {
	st := storetest.Open(t)
	by := galaxy.By{Principal: galaxy.Admin("root"), At: storetest.Now()}
	due := func() []galaxy.GameID {
		ids, err := st.DueGames(t.Context(), by.At, 10)
		require.NoError(t, err)
		return ids
	}
	g, _ := running(t, st, by)
	removed, _, err := g.Remove(g.Members[1].ID, "", by)
	require.NoError(t, err)
	g = storetest.Commit(t, st, removed)
	require.Equal(t, []galaxy.GameID{g.ID}, due(), "its reports are read, and a race is banished")
	cancelled, err := g.Cancel("", by)
	require.NoError(t, err)
	g = storetest.Commit(t, st, cancelled)
	require.Equal(t, []galaxy.GameID{g.ID}, due(), "its engine is stopped")
	storetest.Commit(t, st, g.Stopped(g.Runtime.Op.Number, by))
	require.Empty(t, due())

	g, _ = running(t, st, by)
	c, err := g.ClaimTurn(galaxy.CauseForced, by)
	require.NoError(t, err)
	g = storetest.Commit(t, st, c)
	g = storetest.Commit(t, st, g.TurnMade(g.Runtime.Op.Number, 1, galaxy.EngineStatus{Game: g.ID, Turn: 1, Digest: "d1", Finished: true}, by))
	require.Equal(t, []galaxy.GameID{g.ID}, due(), "the reports of the last turn are read")
	storetest.Commit(t, st, g.Lost("its state is gone", by))
	require.Empty(t, due(), "nothing is tried until an operator does")
}

// TestAGapInTheReports outlives the process, and keeps the container of a finished game.
func TestAGapInTheReports(t *testing.T) {
	st := storetest.Open(t)
	by := galaxy.By{Principal: galaxy.Admin("root"), At: storetest.Now()}
	ids := func(find func(context.Context, time.Time, int) ([]galaxy.GameID, error)) []galaxy.GameID {
		found, err := find(t.Context(), by.At.Add(time.Second), 10)
		require.NoError(t, err)
		return found
	}
	g, status := running(t, st, by)
	g = storetest.Commit(t, st, g.ReportsIncomplete(0, nil, galaxy.Unread{Races: []string{g.Members[0].Race}, Cause: "500"}, by))
	g, err := st.Game(t.Context(), g.ID)
	require.NoError(t, err)
	require.Equal(t, []int{0}, g.Runtime.Gaps)
	require.Empty(t, ids(st.DueGames), "a game that runs sees to it by itself")

	status.Finished = true
	g = storetest.Commit(t, st, g.EngineUp(status, by))
	require.Equal(t, galaxy.Finished, g.Status)
	require.Equal(t, []galaxy.GameID{g.ID}, ids(st.DueGames))
	require.Empty(t, ids(st.EndedGames), "its container is kept")
	g = storetest.Commit(t, st, g.ReportsFetched(0, nil, by))
	require.Empty(t, g.Runtime.Gaps)
	require.Empty(t, ids(st.DueGames))
	require.Equal(t, []galaxy.GameID{g.ID}, ids(st.EndedGames))
}

// TestWhatIsLeftOfAGameIsPurged a while after its end, a few rows at a time.
func TestWhatIsLeftOfAGameIsPurged(t *testing.T) {
	st := storetest.Open(t)
	by := galaxy.By{Principal: galaxy.Admin("root"), At: storetest.Now()}
	goesOn, _ := running(t, st, by)
	over, status := running(t, st, by)
	for _, g := range []galaxy.Game{goesOn, over} {
		m := g.Members[0]
		require.NoError(t, st.SaveOrders(t.Context(), galaxy.StoredOrders{Game: g.ID, Turn: 1, Race: m.Race, User: m.User, Revision: 1, Commands: []byte("[]"), StoredAt: by.At}))
		require.NoError(t, st.SaveBatch(t.Context(), galaxy.StoredBatch{Game: g.ID, Turn: 1, Race: m.Race, User: m.User, ID: "b", EngineRevision: 2, Commands: []byte("[]"), StoredAt: by.At}))
		report, err := galaxy.PackReport(m.Race, []byte("{}"))
		require.NoError(t, err)
		storetest.Commit(t, st, g.ReportsFetched(0, []galaxy.Report{report}, by))
	}
	over, err := st.Game(t.Context(), over.ID)
	require.NoError(t, err)
	status.Finished = true
	storetest.Commit(t, st, over.EngineUp(status, by))

	purge := func(before time.Time, n int) int {
		gone, err := st.PurgeReports(t.Context(), before, n)
		require.NoError(t, err)
		return gone
	}
	require.Zero(t, purge(by.At, 10), "it is not long ago")
	require.Equal(t, 2, purge(by.At.Add(time.Second), 2))
	require.Equal(t, 1, purge(by.At.Add(time.Second), 2))
	require.Zero(t, purge(by.At.Add(time.Second), 2))
	for _, g := range []galaxy.Game{goesOn, over} {
		_, err := st.Report(t.Context(), g.ID, 0, 0, g.Members[0].Race)
		require.Equal(t, g.ID == over.ID, galaxy.Is(err, galaxy.NotFound))
		o, err := st.Orders(t.Context(), g.ID, 0, 1, g.Members[0].Race)
		require.NoError(t, err)
		require.Equal(t, g.ID == goesOn.ID, o.Revision == 1 && len(o.Batches) == 1)
	}
}
