package actors_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"galaxy/backend/actors"
	"galaxy/backend/actors/game"
	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/kit/kittest"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/enginetest"
	"galaxy/backend/internal/postgres/pgtest"
	"galaxy/backend/store"
	"galaxy/backend/store/storetest"
	"galaxy/backend/test/actorstest"
)

// outage is how long the service is away. The games are due half a minute after its beginning, and every minute from
// then on.
const outage = 110 * time.Second

// grace is what their players have then.
const grace = 20 * time.Second

// host is a service on a host whose clock the test moves, with a database whose clock is that of the machine.
type host struct {
	*testing.T
	engines *enginetest.Engines
	clock   *kittest.Clock
	dsn     string
	lease   *store.Lease
	system  *actors.System
	games   map[galaxy.CatchUp]galaxy.Game
}

// newHost makes a host behind whose database's clock it is by about so much, half a minute before the games are due.
// There is one for each way to catch up.
func newHost(t *testing.T, ahead time.Duration) *host {
	h := &host{T: t, engines: enginetest.New(t), dsn: pgtest.Database(t, storetest.Migrate), games: map[galaxy.CatchUp]galaxy.Game{},
		clock: kittest.NewClock(storetest.Now().Add(-ahead).Truncate(time.Minute).Add(30 * time.Second))}
	st := h.begin()
	t.Cleanup(func() { actorstest.Stop(t, h.system) })
	for _, how := range []galaxy.CatchUp{galaxy.CatchUpRunOnce, galaxy.CatchUpSkip, galaxy.CatchUpShift} {
		g, _ := storetest.Game(t, st, 2)
		do(h, g.ID, game.ForceStart{By: operator})
		require.Eventually(t, func() bool {
			g, err := kit.Ask(t.Context(), h.system.Games.Ref(g.ID), game.Get{})
			return err == nil && g.Status == galaxy.Running && g.Runtime.Reports == 0
		}, 20*time.Second, time.Millisecond)
		g = do(h, g.ID, game.Edit{By: operator, Edit: galaxy.GameEdit{Cron: new("* * * * *"), CatchUp: &how, OrderGrace: new(grace)}})
		require.Equal(t, h.clock.Now().Add(30*time.Second), *g.Runtime.Deadline)
		h.games[how] = g
	}
	return h
}

var operator = game.By{Principal: galaxy.Admin("root")}

// do has a game do something as soon as it can.
func do(h *host, id galaxy.GameID, what kit.Command[galaxy.Game]) (g galaxy.Game) {
	h.Helper()
	require.Eventually(h, func() (done bool) {
		var err error
		g, err = kit.Ask(h.Context(), h.system.Games.Ref(id), what)
		return err == nil
	}, 30*time.Second, time.Millisecond)
	return g
}

// begin starts the service.
func (h *host) begin() *store.Store {
	st := storetest.OpenBare(h, h.dsn, store.WithClock(h.clock))
	lease, err := st.AcquireLease(h.Context(), store.Pulse{Check: time.Second, Retry: 20 * time.Millisecond, Frozen: 4 * time.Second, Stale: time.Minute})
	require.NoError(h, err)
	h.Cleanup(lease.Release)
	if lease.Epoch() == 1 {
		require.NoError(h, st.AddEngineVersion(h.Context(), galaxy.EngineVersion{Version: "1.0.0", ImageRef: "engine:1.0.0", Enabled: true, ExpectedTurn: true,
			CreatedAt: storetest.Now()}, galaxy.Audit{By: galaxy.Admin("root"), Action: "test"}))
	}
	d := actorstest.On(actorstest.Deps(st, h.engines), h.clock)
	d.Serving, d.Outages, d.Generation = lease.Held, lease.Outages, lease.Generation
	h.lease, h.system = lease, actorstest.Start(h, d)
	return st
}

// killed is the service killed, and started again after the outage.
func (h *host) killed() {
	actorstest.Stop(h, h.system)
	h.lease.Release()
	storetest.Age(h, h.dsn, outage)
	h.clock.Advance(outage)
	h.begin()
}

// frozen is the service with its machine asleep: its lease's connection survives, and its timers do not fire. Right
// after it wakes the games want their turns.
func (h *host) frozen() {
	conn, err := pgx.Connect(h.Context(), h.dsn)
	require.NoError(h, err)
	defer func() { _ = conn.Close(context.Background()) }()
	// The service finds out when it is let.
	_, err = conn.Exec(h.Context(), "BEGIN; UPDATE lease SET heartbeat_at = heartbeat_at - interval '110 s'")
	require.NoError(h, err)
	h.clock.Set(h.clock.Now().Add(outage))
	require.False(h, h.lease.Held())
	for _, g := range h.games {
		kit.Tell(h.system.Games.Ref(g.ID), game.Wake{})
		_, err := kit.Ask(h.Context(), h.system.Games.Ref(g.ID), game.ForceNextTurn{By: operator, Turn: 1})
		require.Error(h, err, "nothing is decided before the outage is known")
	}
	_, err = conn.Exec(h.Context(), "COMMIT")
	require.NoError(h, err)
	select {
	case <-h.lease.Noted():
		h.system.CatchUp()
	case <-time.After(20 * time.Second):
		require.Fail(h, "the outage is not noted")
	}
}

// judge checks that each game has caught up as if there were one clock.
func (h *host) judge() {
	now := h.clock.Now()
	for how, before := range h.games {
		change := before.CatchUpWith([]galaxy.Outage{{From: now.Add(-outage), To: now}}, galaxy.By{Principal: galaxy.System("schedule"), At: now})
		require.False(h, change.Nothing())
		want := change.Next.Runtime
		var got galaxy.Runtime
		require.Eventually(h, func() bool {
			g, err := kit.Ask(h.Context(), h.system.Games.Ref(before.ID), game.Get{})
			got = g.Runtime
			return err == nil && !got.Deadline.Equal(*before.Runtime.Deadline)
		}, 20*time.Second, time.Millisecond, "%s: the game does not catch up", how)
		require.Zero(h, got.Turn, how)
		exact := time.Second
		if how == galaxy.CatchUpShift {
			exact = 30 * time.Second // what the database says of the outage's length is more by as long as all this takes
		}
		require.WithinDuration(h, *want.Deadline, *got.Deadline, exact, how)
		require.Equal(h, want.Makeup, got.Makeup, how)
		require.False(h, got.Deadline.Before(now.Add(grace)), how)
		var skipped int
		conn, err := pgx.Connect(h.Context(), h.dsn)
		require.NoError(h, err)
		require.NoError(h, conn.QueryRow(h.Context(), "SELECT count(*) FROM game_timeline WHERE game_id = $1 AND outcome = 'skipped'", before.ID.UUID).Scan(&skipped))
		require.NoError(h, conn.Close(h.Context()))
		require.Len(h, change.Timeline, skipped, how)
	}
	all := h.lease.Outages()
	require.Len(h, all, 1)
	require.WithinDuration(h, now, all[0].To, time.Second)
	require.InDelta(h, outage.Seconds(), all[0].To.Sub(all[0].From).Seconds(), 30)
}

// TestTheDatabasesClockDecidesNothing but how long an outage has lasted, and a service that was frozen decides as one
// that was killed.
func TestTheDatabasesClockDecidesNothing(t *testing.T) {
	for name, ahead := range map[string]time.Duration{"the clocks agree": 0, "ahead by five minutes": 5 * time.Minute, "ahead by half a minute": 30 * time.Second,
		"behind by half a minute": -30 * time.Second, "behind by five minutes": -5 * time.Minute} {
		t.Run(name+", killed", func(t *testing.T) {
			h := newHost(t, ahead)
			h.killed()
			h.judge()
		})
		t.Run(name+", frozen", func(t *testing.T) {
			h := newHost(t, ahead)
			h.frozen()
			h.judge()
		})
	}
}

// TestAnOutageCountsOnceWhateverTheClocks: it was noted by a host whose clock is ahead, or the clock was set back
// since.
func TestAnOutageCountsOnceWhateverTheClocks(t *testing.T) {
	h := newHost(t, 0)
	h.killed()
	h.judge()
	g, err := kit.Ask(t.Context(), h.system.Games.Ref(h.games[galaxy.CatchUpShift].ID), game.Get{})
	require.NoError(t, err)
	again := func() {
		moved, err := kit.Ask(t.Context(), h.system.Games.Ref(g.ID), game.MoveDeadline{By: operator, Turn: 1, At: h.clock.Now().Add(time.Hour)})
		require.NoError(t, err)
		kit.Tell(h.system.Games.Ref(g.ID), game.Wake{})
		after, err := kit.Ask(t.Context(), h.system.Games.Ref(g.ID), game.Get{})
		require.NoError(t, err)
		require.Equal(t, *moved.Runtime.Deadline, *after.Runtime.Deadline, "the outage is counted again")
	}
	h.clock.Set(h.clock.Now().Add(-5 * time.Minute))
	require.Eventually(t, h.lease.Held, 10*time.Second, time.Millisecond)
	again()
	actorstest.Stop(t, h.system)
	h.lease.Release()
	h.begin()
	again()
	require.Len(t, h.lease.Outages(), 1)
	require.False(t, h.lease.Outages()[0].To.After(h.clock.Now()))
}
