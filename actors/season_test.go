package actors_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/actors"
	"galaxy/backend/actors/engine"
	"galaxy/backend/actors/game"
	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/kit/kittest"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/enginetest"
	"galaxy/backend/store"
	"galaxy/backend/store/storetest"
	"galaxy/backend/test/actorstest"
)

// season is a game that is played every evening, on a clock that the test moves, while everything around it fails.
type season struct {
	*testing.T
	*enginetest.Engines
	rand    *rand.Rand
	clock   *kittest.Clock
	st      *store.Store
	system  *actors.System
	outages []galaxy.Outage
	id      galaxy.GameID
	players []galaxy.Account
	acked   map[int]map[string]string // turn, race: the list that was acknowledged last
	faults  int
	hours   int // how often the clock was set by one, forward or back
}

// TestASeasonOfAHundredTurns: every turn is made once, by the schedule, with every acknowledged order in it, whatever fails in between.
func TestASeasonOfAHundredTurns(t *testing.T) {
	turns := 100
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	s := &season{T: t, Engines: enginetest.New(t), rand: rand.New(rand.NewPCG(seed, 1)), st: storetest.Open(t), acked: map[int]map[string]string{},
		clock: kittest.NewClock(time.Now().UTC().Truncate(time.Microsecond))}
	require.NoError(t, s.st.AddEngineVersion(t.Context(), galaxy.EngineVersion{Version: "1.0.0", ImageRef: "engine:1", Enabled: true, ExpectedTurn: true, CreatedAt: s.now()},
		galaxy.Audit{By: galaxy.Admin("root"), Action: "test"}))
	g, players := storetest.Game(t, s.st, 3)
	s.id, s.players = g.ID, players
	s.begin()
	t.Cleanup(func() { actorstest.Stop(t, s.system) })
	_, err := kit.Ask(t.Context(), s.system.Games.Ref(s.id), game.ForceStart{By: game.By{Principal: galaxy.Admin("root")}})
	require.NoError(t, err)
	s.until("the game runs", func(g galaxy.Game) bool { return g.Status == galaxy.Running && g.Runtime.Reports == 0 })
	for turn := 1; turn <= turns; turn++ {
		s.play(turn)
	}
	s.judge(turns)
}

func (s *season) now() time.Time { return s.clock.Now().UTC().Truncate(time.Microsecond) }

func (s *season) begin() {
	d := actorstest.Deps(s.st, s.Engines)
	d.Now, d.Clock, d.Outages = s.now, s.clock, func() []galaxy.Outage { return s.outages }
	d.Config.Engine.WorkerPool, d.Config.Engine.JobQueue, d.Config.Engine.TurnConcurrency = 4, 64, 64
	d.Pace = engine.Pace{Probe: 15 * time.Second, Retry: 5 * time.Second, Settle: time.Millisecond, Health: 5 * time.Second,
		Restarts: kit.Backoff{Min: time.Second, Max: time.Minute, Retries: 5, Within: 10 * time.Minute}}
	s.system = actorstest.Start(s.T, d)
}

// until waits for a fact about the game, while time passes.
func (s *season) until(what string, fact func(galaxy.Game) bool) galaxy.Game {
	s.Helper()
	var last galaxy.Game
	require.Eventually(s, func() bool {
		g, err := kit.Ask(s.Context(), s.system.Games.Ref(s.id), game.Get{})
		last = g
		if err == nil && fact(g) {
			return true
		}
		s.clock.Advance(time.Second)
		return false
	}, 30*time.Second, time.Millisecond, "%s: %+v", what, &last)
	return last
}

// play has the players order, something fail, and the evening come.
func (s *season) play(turn int) {
	s.order(turn)
	before := s.until("orders are open", func(g galaxy.Game) bool { return g.Runtime.Op == nil })
	s.fail(turn)
	s.order(turn)
	g := s.until("the deadline stands", func(g galaxy.Game) bool { return g.Runtime.Turn == turn || g.Runtime.Deadline != nil })
	if left := g.Runtime.Deadline.Sub(s.now()); g.Runtime.Turn < turn && left > 0 {
		s.clock.Advance(left)
	}
	g = s.until(fmt.Sprintf("turn %d is made", turn), func(g galaxy.Game) bool { return g.Runtime.Turn == turn && g.Runtime.Reports == turn })
	require.Equal(s, galaxy.Running, g.Status)
	require.True(s, g.Runtime.Deadline.After(*before.Runtime.Deadline))
}

// order has every player give a list of its own; what is not acknowledged may be in the turn or not.
func (s *season) order(turn int) {
	for i, p := range s.players {
		list := fmt.Sprintf(`[{"type":"turn %d of player %d, %d"}]`, turn, i, s.rand.Uint64())
		var done bool
		require.Eventually(s, func() bool {
			_, err := kit.Ask(s.Context(), s.system.Games.Ref(s.id), game.PutOrders{User: p.ID, Turn: turn, Commands: []json.RawMessage{json.RawMessage(list[1 : len(list)-1])}, Raw: []byte(list)})
			if galaxy.Is(err, galaxy.TurnAlreadyClosed) {
				return true
			}
			if done = err == nil; !done {
				s.clock.Advance(time.Second)
			}
			return done
		}, 30*time.Second, time.Millisecond)
		if done {
			g, err := kit.Ask(s.Context(), s.system.Games.Ref(s.id), game.Get{})
			require.NoError(s, err)
			seat, _ := g.SeatOf(p.ID)
			if s.acked[turn] == nil {
				s.acked[turn] = map[string]string{}
			}
			s.acked[turn][seat.Race] = list
		}
	}
}

// fail breaks something.
func (s *season) fail(turn int) {
	s.faults++
	cut := enginetest.Fault{Cut: true}
	switch s.rand.IntN(10) {
	case 0:
		s.Fail(enginetest.Turn, cut)
	case 1:
		s.Fail(enginetest.Turn, enginetest.Fault{Cut: true, After: true})
	case 2:
		s.Fail(enginetest.Put, cut, cut)
	case 3:
		s.Fail(enginetest.Report, enginetest.Fault{Status: 503})
	case 4:
		s.Kill(s.id, galaxy.Container{ExitKnown: true, ExitCode: 137, OOMKilled: true})
	case 5: // it forgets what was ordered
		s.Change(s.id, func(g *enginetest.Game) { clear(g.Lists) })
	case 6:
		s.Away(true)
		s.clock.Advance(time.Minute)
		s.Away(false)
	case 7: // the service is away for a while
		from := s.now()
		actorstest.Stop(s.T, s.system)
		s.clock.Advance(time.Duration(s.rand.IntN(40)) * time.Hour)
		s.outages = append(s.outages, galaxy.Outage{From: from, To: s.now()})
		s.begin()
	case 8: // it ends while the turn is made
		hold := make(chan struct{})
		s.Fail(enginetest.Turn, enginetest.Fault{Hold: hold})
		_, err := kit.Ask(s.Context(), s.system.Games.Ref(s.id), game.ForceNextTurn{By: game.By{Principal: galaxy.Admin("root")}, Turn: turn})
		if err == nil {
			actorstest.Stop(s.T, s.system)
			s.begin()
		}
		close(hold)
	case 9: // somebody sets the clock of the machine
		s.hours++
		s.clock.Set(s.clock.Now().Add(time.Duration(1-2*s.rand.IntN(2)) * time.Hour))
	}
}

// judge compares what the engine has made with what was recorded and acknowledged, and counts what is wrong as the crash drill does.
func (s *season) judge(turns int) {
	var lost, doubled, ordersLost int
	s.Change(s.id, func(g *enginetest.Game) {
		lost, doubled = max(0, turns-g.Turn), max(0, g.Turn-turns)
		for turn, lists := range s.acked {
			for race, list := range lists {
				made, err := json.Marshal(g.Made[turn-1][race].Commands)
				require.NoError(s, err)
				if list != string(made) {
					s.Logf("turn %d of %s: acknowledged %s, made with %s", turn, race, list, made)
					ordersLost++
				}
			}
		}
	})
	made := map[int]int{}
	for _, l := range s.timeline() {
		switch l.Outcome {
		case galaxy.TimelineRan, galaxy.TimelineForced:
			made[l.Turn]++
		case galaxy.TimelineSkipped:
		default:
			s.Errorf("an unexpected line: %+v", l)
		}
	}
	for turn := 1; turn <= turns; turn++ {
		lost, doubled = lost+max(0, 1-made[turn]), doubled+max(0, made[turn]-1)
	}
	fmt.Printf("SEASON rounds=%d turns=%d lost=%d doubled=%d orders_lost=%d clock_steps=%d\n", s.faults, turns, lost, doubled, ordersLost, s.hours)
	require.Zero(s, lost+doubled+ordersLost)
}

func (s *season) timeline() (lines []galaxy.TimelineEntry) {
	for cursor := ""; ; {
		page, next, err := s.st.Timeline(context.Background(), s.id, galaxy.Page{Limit: 200, Cursor: cursor})
		require.NoError(s, err)
		if lines = append(lines, page...); next == "" {
			return lines
		}
		cursor = next
	}
}
