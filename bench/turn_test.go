package bench

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"galaxy/backend/actors/game"
	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/push"
	"galaxy/backend/galaxy"
	pushv1 "galaxy/backend/proto/push/v1"
	"galaxy/backend/store/storetest"
)

// turnPlayers is how many play the game whose turns are made, and turnLead how long before its deadline a turn is set up: what is
// done for that must be over by then.
const (
	turnPlayers = 10
	turnLead    = 100 * time.Millisecond
)

// benchTurn: from a deadline until the reports are stored and a gateway has every member's push, by an engine that answers at
// once. By hand it is the same statements, the same calls, and a channel for the pushes.
func benchTurn(t *testing.T) {
	e := newEngines(t)
	dsn, handDSN := twoDatabases(t)
	l := league{games: 1, running: 1, accounts: turnPlayers, members: turnPlayers, due: time.Now().Add(24 * time.Hour)}
	require.NoError(t, storetest.Migrate(dsn))
	id, handID := l.fill(t, dsn)[0], l.fill(t, handDSN)[0]
	e.hold(t, dsn, id)
	e.hold(t, handDSN, handID)
	hand := handmadeGames(t, handPool(t, handDSN), handID)[0]
	c, err := e.Inspect(t.Context(), handID)
	require.NoError(t, err)
	hand.engine = c.Address
	ours := newTurns(newWorldOn(t, dsn, e), id)
	comparison{name: "turn/latency", unit: "ms", less: true, ours: sampleOf(ours.turn), limit: sampleOf(func() time.Duration {
		due := time.Now().Add(turnLead)
		done, err := hand.play(t.Context(), due)
		require.NoError(t, err)
		return done.Sub(due)
	})}.run(t)
}

// sampleOf gives the milliseconds that a turn takes, as the median of a few.
func sampleOf(turn func() time.Duration) func() float64 {
	return func() float64 {
		turns := 10
		if !*full {
			turns = 1
		}
		var took []float64
		for range turns {
			took = append(took, turn().Seconds()*1000)
		}
		return median(took)
	}
}

// turns has the turns of one game made by the service.
type turns struct {
	*world
	game   kit.Ref
	next   int
	sub    *push.Subscription
	stored chan time.Time
	routes chan int
}

func newTurns(w *world, id galaxy.GameID) *turns {
	x := &turns{world: w, game: w.system.Games.Ref(id), next: 1, stored: make(chan time.Time, queueSize), routes: make(chan int, queueSize)}
	w.codes.watch(watch{
		committed: func(c galaxy.GameChange) {
			if len(c.Reports) > 0 {
				x.stored <- time.Now()
			}
		},
		recorded: func(r []galaxy.RouteRecord) { x.routes <- len(r) }})
	var err error
	x.sub, err = kit.Ask(w.Context(), w.system.Push, push.Subscribe{Client: "gateway"})
	require.NoError(w, err)
	w.adopted(id)
	return x
}

// turn gives how long the next turn takes. One before which the members have not heard in time that its deadline was moved is
// made, but another is measured.
func (x *turns) turn() time.Duration {
	for lead := turnLead; ; lead *= 2 {
		took, clean := x.try(lead)
		if clean {
			return took
		}
	}
}

func (x *turns) try(lead time.Duration) (took time.Duration, clean bool) {
	ctx, cancel := context.WithTimeout(x.Context(), time.Minute)
	defer cancel()
	due := storetest.Now().Add(lead)
	_, err := kit.Ask(ctx, x.game, game.MoveDeadline{By: operator, Turn: x.next, At: due})
	if galaxy.Is(err, galaxy.InvalidRequest) {
		return 0, false // it has passed already
	}
	require.NoError(x, err)
	x.next++
	got, last := 0, (*push.Frame)(nil)
	var moved, told time.Time
	for got < 2*turnPlayers { // everybody is told of the deadline, and then of the turn
		frames, err := x.sub.Take(ctx)
		require.NoError(x, err)
		told = time.Now()
		if got += len(frames); got >= turnPlayers && moved.IsZero() {
			moved = told
		}
		last = frames[len(frames)-1]
	}
	var event pushv1.PushEvent
	require.NoError(x, proto.Unmarshal(last.Encoded, &event))
	require.Equal(x, string(galaxy.TurnReady), event.GetClientEvent().GetKind())
	require.Equal(x, 2*turnPlayers, got)
	done := <-x.stored
	if done.Before(told) {
		done = told
	}
	for settled := 0; settled < 2*turnPlayers; { // nothing of this turn is under way in the next
		settled += <-x.routes
	}
	return done.Sub(due), moved.Before(due)
}
