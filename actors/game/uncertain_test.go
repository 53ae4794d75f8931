package game_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/game"
	"galaxy/backend/engineapi"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/enginetest"
)

// How the store meets a save.
var (
	saveFails   = func(func() error) error { return errAway }
	saveUnknown = func(func() error) error { return galaxy.ErrOutcomeUnknown }
	savedUnsaid = func(save func() error) error {
		if err := save(); err != nil {
			return err
		}
		return galaxy.ErrOutcomeUnknown
	}
)

// saving has orders saved like that.
func (s *standIn) saving(how func(func() error) error) {
	if how == nil {
		s.saves.Store(nil)
		return
	}
	s.saves.Store(&how)
}

// loses has the engine forget the orders that it holds, and tells nobody.
func (s *standIn) loses() {
	s.Change(s.id, func(g *enginetest.Game) { clear(g.Lists); clear(g.Batches) })
}

func named(list string) string { return fmt.Sprintf(`[{"type":"name","name":%q}]`, list) }

// madeWith compares what the engine holds, when it is asked for turn, with what is stored.
func (s *standIn) madeWith(turn int) {
	s.t.Helper()
	hold, calls := make(chan struct{}), s.Calls(enginetest.Turn)
	s.Fail(enginetest.Turn, enginetest.Fault{Hold: hold})
	s.force(turn)
	require.Eventually(s.t, func() bool { return s.Calls(enginetest.Turn) > calls }, 20*time.Second, time.Millisecond)
	stored, err := s.st.TurnOrders(s.t.Context(), s.id, 0, turn)
	require.NoError(s.t, err)
	s.Change(s.id, func(g *enginetest.Game) {
		for _, race := range g.Races {
			want := galaxy.StoredOrders{Commands: []byte("[]")}
			if i := slices.IndexFunc(stored, func(o galaxy.StoredOrders) bool { return o.Race == race }); i >= 0 {
				want = stored[i]
			}
			held := append([]json.RawMessage{}, g.Lists[race].Commands...)
			list, err := json.Marshal(held)
			require.NoError(s.t, err)
			require.JSONEq(s.t, string(want.Commands), string(list), "turn %d: %s has stored another list", turn, race)
			for _, b := range want.Batches {
				require.Contains(s.t, g.Batches, race+"/"+b.ID, "turn %d: %s has stored a batch", turn, race)
			}
		}
	})
	close(hold)
	s.turnMade(turn)
}

// TestWhatIsStoredIsWhatTheTurnIsMadeWith: an engine that loses its orders counts anew, and comes to the stored
// number again by writes that are not stored.
func TestWhatIsStoredIsWhatTheTurnIsMadeWith(t *testing.T) {
	order := func(list string) func(*standIn) { return func(s *standIn) { _, _ = s.order(0, 1, named(list)) } }
	batch := func(id string) func(*standIn) { return func(s *standIn) { _, _ = s.batch(0, id, peace) } }
	saving := func(how func(func() error) error) func(*standIn) { return func(s *standIn) { s.saving(how) } }
	loses := func(s *standIn) { s.loses() }
	unanswered := func(operation string) func(*standIn) {
		return func(s *standIn) {
			s.Fail(operation, enginetest.Fault{Cut: true, After: true}, enginetest.Fault{Cut: true})
		}
	}
	restarts := func(s *standIn) { s.restart(); s.open() }
	for name, steps := range map[string][]func(*standIn){
		"lost, and the next save fails":             {order("a"), loses, saving(saveFails), order("b")},
		"lost, and the next save is not answered":   {order("a"), loses, saving(saveUnknown), order("b")},
		"lost, and the next two saves fail":         {order("a"), order("b"), loses, saving(saveFails), order("c"), order("d")},
		"two saves fail, lost, and written again":   {order("a"), saving(saveFails), order("b"), order("c"), loses, order("d")},
		"a failed batch hides a lost list":          {order("a"), loses, saving(saveFails), batch("1"), saving(nil), batch("2")},
		"failed batches hide a lost batch":          {batch("1"), batch("2"), loses, saving(saveFails), batch("3"), batch("4")},
		"lost, saved by half, and the service dies": {order("a"), loses, saving(saveFails), order("b"), restarts},
		"lost, an unanswered list":                  {order("a"), loses, unanswered(enginetest.Put), order("b")},
		"lost, an unanswered batch":                 {order("a"), loses, unanswered(enginetest.Command), batch("1")},
		"nothing is stored, and a save fails":       {saving(saveFails), order("a")},
		"nothing is stored, and the service dies":   {saving(saveFails), order("a"), restarts},
		"saved, and nobody was told":                {order("a"), saving(savedUnsaid), order("b"), loses},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStandIn(t)
			for _, step := range steps {
				step(s)
			}
			s.madeWith(1)
			s.saving(nil)
			_, err := s.order(0, 2, named("next"))
			require.NoError(t, err)
			s.madeWith(2)
		})
	}
}

// TestWhatIsStoredIsWhatTheTurnIsMadeWithWhateverFails: in random order, and most of it several times.
func TestWhatIsStoredIsWhatTheTurnIsMadeWithWhateverFails(t *testing.T) {
	const turns, runs = 12, 4
	for run := range runs {
		t.Run(fmt.Sprint(run), func(t *testing.T) {
			t.Parallel()
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			s, r := newStandIn(t), rand.New(rand.NewPCG(seed, 0))
			for turn := 1; turn <= turns; turn++ {
				chaos := &chaos{standIn: s, r: r, turn: turn}
				for range 2 + r.IntN(9) {
					chaos.step()
				}
				s.saving(nil)
				s.open()
				t.Logf("turn %d: %v", turn, chaos.done)
				s.madeWith(turn)
			}
		})
	}
}

// chaos does something to the orders of one turn.
type chaos struct {
	*standIn
	r     *rand.Rand
	turn  int
	n     int
	lists []map[string]engineapi.OrderList // what the engine has held
	taken []map[string]engineapi.Results
	done  []string
}

func (x *chaos) step() {
	x.n++
	player := x.r.IntN(2)
	how, name := []func(func() error) error{nil, nil, nil, saveFails, saveUnknown, savedUnsaid}, []string{"", "", "", "fails", "unknown", "unsaid"}
	save := x.r.IntN(len(how))
	x.saving(how[save])
	done := ""
	switch kind := x.r.IntN(12); kind {
	case 0, 1, 2, 3:
		done = fmt.Sprintf("list of %d, save %s", player, name[save])
		_, _ = x.order(player, x.turn, named(fmt.Sprint(x.n)))
	case 4, 5:
		done = fmt.Sprintf("batch of %d, save %s", player, name[save])
		_, _ = x.batch(player, fmt.Sprint(x.n), peace)
	case 6:
		done = fmt.Sprintf("unanswered list of %d", player)
		x.Fail(enginetest.Put, enginetest.Fault{Cut: true, After: x.r.IntN(2) == 0}, enginetest.Fault{Cut: true, After: x.r.IntN(2) == 0})
		_, _ = x.order(player, x.turn, named(fmt.Sprint(x.n)))
	case 7:
		done = fmt.Sprintf("unanswered batch of %d", player)
		x.Fail(enginetest.Command, enginetest.Fault{Cut: true, After: x.r.IntN(2) == 0}, enginetest.Fault{Cut: true})
		_, _ = x.batch(player, fmt.Sprint(x.n), peace)
	case 8:
		done = "loses all"
		x.loses()
	case 9:
		done = "loses the newest"
		x.Change(x.id, func(g *enginetest.Game) {
			if len(x.lists) > 0 {
				i := x.r.IntN(len(x.lists))
				g.Lists, g.Batches = maps.Clone(x.lists[i]), maps.Clone(x.taken[i])
			}
		})
	case 10:
		done = "the engine restarts"
		_, err := ask(x.world, game.Restart{By: admin})
		require.NoError(x.t, err)
		if x.r.IntN(2) == 0 {
			x.loses()
		}
		x.open()
	case 11:
		done = "the service restarts"
		x.restart()
		x.open()
	}
	x.done = append(x.done, done)
	x.Change(x.id, func(g *enginetest.Game) {
		x.lists, x.taken = append(x.lists, maps.Clone(g.Lists)), append(x.taken, maps.Clone(g.Batches))
	})
	// What was not asked for must not fail the next one.
	x.Change(x.id, func(*enginetest.Game) { x.ForgetLocked(enginetest.Put, enginetest.Command) })
}
