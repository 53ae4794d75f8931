package game_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/game"
	"galaxy/backend/galaxy"
)

// TestWhatIsAskedOfTheDatabase counts statements once a game is in memory.
func TestWhatIsAskedOfTheDatabase(t *testing.T) {
	s := newStandIn(t)
	s.until("the reports of turn 0 are stored", func(g galaxy.Game) bool { return g.Runtime.Reports == 0 })
	_, err := s.order(0, 1, peace)
	require.NoError(t, err)
	_, err = ask(s.world, game.View{User: s.accounts[0].ID})
	require.NoError(t, err)
	for _, c := range []struct {
		what string
		want int64
		do   func() error
	}{
		{"a list of orders: the lease, its fence, the row", 3, func() error { _, err := s.order(0, 1, peace); return err }},
		{"reading them back", 0, func() error { _, err := ask(s.world, game.GetOrders{User: s.accounts[0].ID}); return err }},
		{"reading the state", 0, func() error { _, err := ask(s.world, game.View{User: s.accounts[1].ID}); return err }},
		{"reading a report", 0, func() error { _, err := ask(s.world, game.GetReport{User: s.accounts[1].ID, Turn: 0}); return err }},
		{"looking at what is due", 0, func() error { s.later(0); _, err := ask(s.world, game.Get{}); return err }},
	} {
		before := s.st.Statements()
		require.NoError(t, c.do())
		require.Equal(t, c.want, s.st.Statements()-before, c.what)
	}
}
