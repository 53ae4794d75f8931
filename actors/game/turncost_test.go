package game_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"galaxy/backend/actors/game"
	"galaxy/backend/actors/kit/kittest"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/enginehttp"
	"galaxy/backend/internal/enginetest"
	"galaxy/backend/store/storetest"
)

// TestATurnCostsTheSameStatementsForAnyNumberOfPlayers counts from the claim of a turn, for which everybody has given orders, until
// its reports are stored.
func TestATurnCostsTheSameStatementsForAnyNumberOfPlayers(t *testing.T) {
	cost := map[int]int64{}
	for _, players := range []int{2, 20} {
		w := &world{t: t, st: storetest.Open(t), sys: kittest.System(t), limit: 30 * time.Second}
		require.NoError(t, w.st.AddEngineVersion(t.Context(), galaxy.EngineVersion{Version: "1.0.0", ImageRef: "engine:1.0.0", Enabled: true, ExpectedTurn: true, CreatedAt: storetest.Now()},
			galaxy.Audit{By: admin.Principal, Action: "test"}))
		w.client = enginehttp.New(enginehttp.Config{CallTimeout: 2 * time.Second, ProbeTimeout: 500 * time.Millisecond}, tracenoop.NewTracerProvider())
		g, accounts := storetest.Game(t, w.st, players)
		w.id, w.accounts = g.ID, accounts
		w.begin(enginetest.New(t))
		w.start()
		for player := range accounts {
			_, err := w.order(player, 1, peace)
			require.NoError(t, err)
		}
		w.until("the reports of turn 0 are stored", func(g galaxy.Game) bool { return g.Runtime.Reports == 0 })
		before := w.st.Statements()
		_, err := ask(w, game.ForceNextTurn{By: admin, Turn: 1})
		require.NoError(t, err)
		w.until("the reports of turn 1 are stored", func(g galaxy.Game) bool { return g.Runtime.Reports == 1 })
		cost[players] = w.st.Statements() - before
	}
	require.Equal(t, cost[2], cost[20])
	t.Logf("a turn costs %d statements", cost[2])
}
