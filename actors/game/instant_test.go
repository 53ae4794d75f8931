package game_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/game"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/enginetest"
)

// TestOrdersAtTheInstantOfTheDeadline: what is ordered while the turn is being closed is in the turn, or was refused. The engine,
// which says what each turn was made with, is the judge.
func TestOrdersAtTheInstantOfTheDeadline(t *testing.T) {
	const tries = 1000
	s := newStandIn(t)
	refused, taken := 0, 0
	for turn := 1; refused+taken < tries; turn++ {
		s.dueSoon(turn)
		last := make([]string, len(s.accounts)) // by player, the list that was acknowledged last
		var mu sync.Mutex
		var wg sync.WaitGroup
		for player := range s.accounts {
			wg.Go(func() {
				for try, open := 0, true; open; try++ { // until it is too late
					list := fmt.Sprintf(`[{"type":"turn %d, player %d, try %d"}]`, turn, player, try)
					_, err := s.order(player, turn, list)
					mu.Lock()
					switch {
					case err == nil:
						last[player] = list
						taken++
					case galaxy.Is(err, galaxy.TurnAlreadyClosed):
						refused++
						open = false
					default:
						t.Errorf("turn %d: %v", turn, err)
						open = false
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		s.turnMade(turn)
		s.Change(s.id, func(g *enginetest.Game) {
			for player, list := range last {
				if list == "" {
					continue
				}
				made, err := json.Marshal(g.Made[turn-1][g.Races[player]].Commands)
				require.NoError(t, err)
				require.JSONEq(t, list, string(made), "turn %d", turn)
			}
		})
	}
	t.Logf("%d orders were taken, %d came too late", taken, refused)
	require.Positive(t, taken)
	require.Positive(t, refused)
}

// dueSoon moves the deadline as near as it can be moved.
func (s *standIn) dueSoon(turn int) {
	s.t.Helper()
	for wait := 4 * time.Millisecond; ; wait *= 2 {
		_, err := ask(s.world, game.MoveDeadline{By: admin, Turn: turn, At: s.now().Add(wait)})
		if err == nil {
			return
		}
		require.Equal(s.t, galaxy.InvalidRequest, galaxy.CodeOf(err), "%v", err) // it has passed already
	}
}
