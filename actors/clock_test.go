package actors_test

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
	"galaxy/backend/internal/enginetest"
	"galaxy/backend/internal/postgres/pgtest"
	"galaxy/backend/store/storetest"
	"galaxy/backend/test/actorstest"
)

// TestASeasonPassesInAMoment plays months of daily turns, each made exactly at its deadline, although the engine dies in
// the middle of every tenth day: many times more often than it would be restarted in a row.
func TestASeasonPassesInAMoment(t *testing.T) {
	const turns = 100
	dsn := pgtest.Database(t, storetest.Migrate)
	st, _ := storetest.OpenLeased(t, dsn)
	require.NoError(t, st.AddEngineVersion(t.Context(), galaxy.EngineVersion{Version: "1.0.0", ImageRef: "engine:1.0.0", Enabled: true, ExpectedTurn: true, CreatedAt: storetest.Now()},
		galaxy.Audit{By: galaxy.Admin("root"), Action: "test"}))
	g, _ := storetest.Game(t, st, 2)
	clock, engines := kittest.NewClock(storetest.Now()), enginetest.New(t)
	system := actorstest.Start(t, actorstest.On(actorstest.Deps(st, engines), clock))
	defer actorstest.Stop(t, system)

	_, err := kit.Ask(t.Context(), system.Games.Ref(g.ID), game.ForceStart{By: game.By{Principal: galaxy.Admin("root")}})
	require.NoError(t, err)
	for turn := range turns {
		require.Eventually(t, func() bool {
			g, err = kit.Ask(t.Context(), system.Games.Ref(g.ID), game.Get{})
			return err == nil && g.Status == galaxy.Running && g.Runtime.Turn == turn && g.Runtime.Op == nil
		}, 10*time.Second, time.Millisecond, "turn %d: %+v", turn, &g.Runtime)
		if turn%10 == 5 {
			clock.Advance(g.Runtime.Deadline.Sub(clock.Now()) / 2)
			engines.Kill(g.ID, galaxy.Container{})
			require.Eventually(t, func() bool {
				clock.Advance(time.Second)
				now, err := kit.Ask(t.Context(), system.Games.Ref(g.ID), game.Get{})
				return err == nil && now.Runtime.Failure != g.Runtime.Failure && now.Runtime.Why == galaxy.WhyDeadline
			}, 10*time.Second, time.Millisecond, "turn %d: the engine is not restarted", turn)
		}
		clock.Advance(g.Runtime.Deadline.Sub(clock.Now()))
	}

	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	var made, late int
	require.Eventually(t, func() bool {
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*), coalesce(max(lateness_ms), 0) FROM game_timeline WHERE game_id = $1 AND outcome = 'ran'", g.ID.UUID).Scan(&made, &late))
		return made == turns
	}, 10*time.Second, 10*time.Millisecond)
	require.Zero(t, late, "milliseconds late")
}
