package store_test

import (
	"database/sql"
	"testing"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"galaxy/backend/galaxy"
	"galaxy/backend/migrations"
	"galaxy/backend/store/storetest"
)

// TestABrokenScheduleIsFoundByItsColumn, after what is due already, until it is mended.
func TestABrokenScheduleIsFoundByItsColumn(t *testing.T) {
	st := storetest.Open(t)
	by := galaxy.By{Principal: galaxy.Admin("root"), At: storetest.Now()}
	g, _ := running(t, st, by)
	g = storetest.Commit(t, st, g.ReportsFetched(0, nil, by))
	for _, b := range []*galaxy.ScheduleBreak{{Since: by.At}, {Since: by.At, Cause: "no such zone"}, nil} {
		g.Runtime.Broken = b
		g.UpdatedAt = by.At
		g = storetest.Commit(t, st, galaxy.GameChange{Next: g})
		read, err := st.Game(t.Context(), g.ID)
		require.NoError(t, err)
		require.Equal(t, b, read.Runtime.Broken)
		due, err := st.DueGames(t.Context(), by.At, 10)
		require.NoError(t, err)
		listed, _, err := st.ListRuntimes(t.Context(), galaxy.RuntimeFilter{Why: galaxy.WhyNoTick}, galaxy.Page{Limit: 10})
		require.NoError(t, err)
		require.Equal(t, b != nil, len(listed) == 1)
		require.Equal(t, b != nil, len(due) == 1)
	}

	g.Runtime.Broken = &galaxy.ScheduleBreak{Since: by.At.Add(-time.Hour)}
	storetest.Commit(t, st, galaxy.GameChange{Next: g})
	late, _ := running(t, st, by)
	late.Runtime.Deadline = new(by.At.Add(-time.Second))
	storetest.Commit(t, st, galaxy.GameChange{Next: late})
	due, err := st.DueGames(t.Context(), by.At, 1)
	require.NoError(t, err)
	require.Equal(t, []galaxy.GameID{late.ID}, due, "who has a deadline comes first")
}

// TestGamesThatHaveLostTheirDeadlineAreMarked when the schema learns of it, and no others.
func TestGamesThatHaveLostTheirDeadlineAreMarked(t *testing.T) {
	st, conn, dsn := opened(t)
	by := galaxy.By{Principal: galaxy.Admin("root"), At: storetest.Now()}
	lost, _ := running(t, st, by)
	paused, _ := running(t, st, by)
	fine, _ := running(t, st, by)
	c, err := paused.Pause(by)
	require.NoError(t, err)
	storetest.Commit(t, st, c)
	require.NoError(t, st.Alert(t.Context(), by.At, galaxy.Notice{Kind: galaxy.ScheduleBroken, Key: "a"}))

	db, err := sql.Open("pgx", dsn)
	require.NoError(t, err)
	defer func() { _ = db.Close() }()
	provider, err := goose.NewProvider(goose.DialectPostgres, db, migrations.Files, goose.WithDisableGlobalRegistry(true))
	require.NoError(t, err)
	_, err = provider.DownTo(t.Context(), 7)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), `UPDATE runtimes SET deadline = NULL WHERE game_id = $1`, lost.ID.UUID)
	require.NoError(t, err)
	_, err = provider.Up(t.Context())
	require.NoError(t, err)
	for g, marked := range map[galaxy.GameID]bool{lost.ID: true, paused.ID: false, fine.ID: false} {
		read, err := st.Game(t.Context(), g)
		require.NoError(t, err)
		require.Equal(t, marked, read.Runtime.Broken != nil)
	}
}
