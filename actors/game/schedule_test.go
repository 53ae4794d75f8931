package game_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/game"
	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/kit/kittest"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/postgres/pgtest"
	"galaxy/backend/store/storetest"
)

// scheduled is a running game whose rows can be changed behind the service's back, as another release or machine would.
type scheduled struct {
	*standIn
	db *pgx.Conn
}

func newScheduled(t *testing.T) *scheduled {
	dsn := pgtest.Database(t, storetest.Migrate)
	s := &scheduled{standIn: newStandIn(t, func(s *standIn, _ *galaxy.EngineVersion) {
		s.st, _ = storetest.OpenLeased(t,
			dsn)
	})}
	var err error
	s.db, err = pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.db.Close(context.Background()) })
	return s
}

// set sets a column of the game's schedule. In a row of another version the game finds a state that it does not
// remember.
func (s *scheduled) set(column, to string, versions int) {
	s.t.Helper()
	_, err := s.db.Exec(s.t.Context(), `UPDATE games SET `+column+` = $2, version = version + $3 WHERE game_id = $1`,
		s.id.UUID, to, versions)
	require.NoError(s.t, err)
}

// sweep does what the sweeper does.
func (s *scheduled) sweep() {
	due, err := s.st.DueGames(s.t.Context(), s.now(), 1000)
	require.NoError(s.t, err)
	for _, id := range due {
		kit.Tell(s.games.Ref(id), game.Wake{})
	}
}

// swept sweeps until a fact holds.
func (s *scheduled) swept(what string, fact func(galaxy.Game) bool) galaxy.Game {
	s.t.Helper()
	return s.until(what, func(g galaxy.Game) bool {
		s.sweep()
		return fact(g)
	})
}

func (s *scheduled) alerts() (n int) {
	s.t.Helper()
	require.NoError(s.t, s.db.QueryRow(s.t.Context(),
		`SELECT count(*) FROM notification_routes r JOIN notifications n USING (notice_id)
		WHERE n.kind = 'runtime.schedule_broken' AND r.channel = 'admin_email'`).Scan(&n))
	return n
}

// restart lets another process take the game over.
func (s *scheduled) restart() {
	kittest.Stop(s.t, s.sys, s.games.Root())
	s.begin(s.Engines)
}

func isBroken(g galaxy.Game) bool  { return g.Runtime.Broken != nil && g.Runtime.Deadline == nil }
func hasMended(g galaxy.Game) bool { return g.Runtime.Broken == nil && g.Runtime.Deadline != nil }

func TestAScheduleThatCompilesNoMore(t *testing.T) {
	for name, c := range map[string]struct {
		column, broken, good string
		versions             int // that the row is ahead once it is set right
	}{
		"its zone is gone, and set right in the row": {"schedule_time_zone", "Mars/Olympus", "UTC", 0},
		"and in a row of another version":            {"schedule_time_zone", "Mars/Olympus", "Europe/Berlin", 1},
		"a text that the parser panicked on":         {"turn_schedule", "CRON_TZ=UTC", "0 20 * * *", 0},
		"a day that never comes":                     {"turn_schedule", "0 0 30 2 *", "0 20 * * *", 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScheduled(t)
			s.set(c.column, c.broken, 1)
			_, err := ask(s.world, game.ForceNextTurn{By: admin, Turn: 1})
			require.NoError(t, err)
			g := s.turnMade(1)
			require.True(t, isBroken(g))
			require.Equal(t, galaxy.Running, g.Status)
			require.Equal(t, 1, s.alerts())
			_, err = s.order(0, 2, peace)
			require.NoError(t, err, "orders stay open")

			s.restart()
			s.later(48 * time.Hour)
			g = s.swept("the game runs, and has nothing left to store", func(g galaxy.Game) bool {
				return g.Runtime.Status == galaxy.RuntimeRunning && g.Runtime.Reports == g.Runtime.Turn
			})
			require.True(t, isBroken(g), "still, in another process")
			require.Equal(t, 1, s.alerts(), "once per break")

			s.set(c.column, c.good, c.versions)
			g = s.swept("it has a deadline again", hasMended)
			require.True(t, g.Runtime.Deadline.After(s.now().Add(g.Grace(s.now())-time.Minute)), "with time for orders")
			var sent int
			require.NoError(t, s.db.QueryRow(t.Context(), `SELECT count(*) FROM notifications WHERE kind = 'lobby.game.updated'
				AND created_at > $1`, s.now().Add(-time.Hour)).Scan(&sent))
			require.Positive(t, sent, "members are notified")
			s.later(g.Runtime.Deadline.Sub(s.now()) + time.Second)
			require.NotNil(t, s.turnMade(2).Runtime.Deadline)
			require.Eventually(t, func() bool { // its reports are stored first
				due, err := s.st.DueGames(t.Context(), s.now(), 10)
				return err == nil && len(due) == 0
			}, 30*time.Second, 20*time.Millisecond, "nothing is left to do")
		})
	}
}

func TestAnOwnersEditMendsAScheduleAtOnce(t *testing.T) {
	s := newScheduled(t)
	s.set("schedule_time_zone", "Mars/Olympus", 1)
	_, err := ask(s.world, game.ForceNextTurn{By: admin, Turn: 1})
	require.NoError(t, err)
	require.True(t, isBroken(s.turnMade(1)))
	_, err = ask(s.world, game.Edit{By: admin, Edit: galaxy.GameEdit{Cron: new("CRON_TZ=UTC")}})
	require.Equal(t, galaxy.InvalidRequest, galaxy.CodeOf(err))
	_, err = ask(s.world, game.MoveDeadline{By: admin, Turn: 2, At: s.now().Add(time.Hour)})
	require.NoError(t, err)
	s.later(time.Hour + time.Second)
	require.True(t, isBroken(s.turnMade(2)), "the deadline was for one turn")
	require.Equal(t, 1, s.alerts())
	g, err := ask(s.world, game.Edit{By: admin, Edit: galaxy.GameEdit{Zone: new("Europe/Berlin")}})
	require.NoError(t, err)
	require.True(t, hasMended(g))
}

// TestAGameThatAnOlderReleaseHasLeftWithoutADeadline has no mark: it is found at the start.
func TestAGameThatAnOlderReleaseHasLeftWithoutADeadline(t *testing.T) {
	s := newScheduled(t)
	for _, sql := range []string{`UPDATE runtimes SET deadline = NULL WHERE game_id = $1`,
		`UPDATE games SET version = version + 1 WHERE game_id = $1`} {
		_, err := s.db.Exec(t.Context(), sql, s.id.UUID)
		require.NoError(t, err)
	}
	s.restart()
	live, err := s.st.LiveGames(t.Context())
	require.NoError(t, err)
	for _, id := range live {
		kit.Tell(s.games.Ref(id), game.Wake{})
	}
	s.until("it has a deadline", hasMended)
	require.Zero(t, s.alerts())
}

// TestAPausedGameWithABrokenSchedule gets no deadline by its resume, and none by accident.
func TestAPausedGameWithABrokenSchedule(t *testing.T) {
	s := newScheduled(t)
	s.set("schedule_time_zone", "Mars/Olympus", 1)
	_, err := ask(s.world, game.ForceNextTurn{By: admin, Turn: 1})
	require.NoError(t, err)
	require.True(t, isBroken(s.turnMade(1)))
	_, err = ask(s.world, game.Pause{By: admin})
	require.NoError(t, err)
	_, err = ask(s.world, game.Resume{By: admin})
	require.NoError(t, err)
	g := s.until("it runs", func(g galaxy.Game) bool { return g.Status == galaxy.Running })
	require.True(t, isBroken(g))
	require.Equal(t, 1, s.alerts())
	_, err = ask(s.world, game.Cancel{By: admin})
	require.NoError(t, err)
	g = s.until("it is cancelled", func(g galaxy.Game) bool { return g.Status == galaxy.Cancelled && g.Runtime.Op == nil })
	require.Nil(t, g.Runtime.Broken)
}
