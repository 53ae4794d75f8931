package game_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"

	"galaxy/backend/actors/engine"
	"galaxy/backend/actors/game"
	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/kit/kittest"
	"galaxy/backend/actors/races"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/containertest"
	"galaxy/backend/internal/enginehttp"
	"galaxy/backend/internal/postgres/pgtest"
	"galaxy/backend/internal/process"
	"galaxy/backend/store"
	"galaxy/backend/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

// world is a game in a real store, played by a real engine.
type world struct {
	t        *testing.T
	st       *store.Store
	refuse   atomic.Pointer[func(galaxy.GameChange) error] // what the store does not take; nil: it takes everything
	saves    atomic.Pointer[func(save func() error) error] // how orders are saved; nil: as they should be
	sys      *kit.System
	driver   *process.Driver
	client   engine.Client
	games    *kit.Family[galaxy.GameID]
	names    *races.Names
	id       galaxy.GameID
	accounts []galaxy.Account
	limit    time.Duration // on making a turn
	outages  []galaxy.Outage
	away     atomic.Bool  // the lease is held by another
	asked    atomic.Int64 // how often it was asked whether this backend serves
	full     atomic.Bool  // there is no space for another game

	mu    sync.Mutex
	ahead time.Duration
}

var admin = game.By{Principal: galaxy.Admin("root"), RequestID: "test"}

// refusing is a store that does not take some changes.
type refusing struct {
	*store.Store
	w *world
}

func (r refusing) CommitGame(ctx context.Context, c galaxy.GameChange) (galaxy.Game, error) {
	if refuse := r.w.refuse.Load(); refuse != nil {
		if err := (*refuse)(c); err != nil {
			return galaxy.Game{}, err
		}
	}
	return r.Store.CommitGame(ctx, c)
}

func (r refusing) SaveOrders(ctx context.Context, o galaxy.StoredOrders) error {
	return r.w.save(func() error { return r.Store.SaveOrders(ctx, o) })
}

func (r refusing) SaveBatch(ctx context.Context, b galaxy.StoredBatch) error {
	return r.w.save(func() error { return r.Store.SaveBatch(ctx, b) })
}

func (w *world) save(do func() error) error {
	if saves := w.saves.Load(); saves != nil {
		return (*saves)(do)
	}
	return do()
}

func newWorld(t *testing.T, players int) *world {
	w := &world{t: t, st: storetest.Open(t), sys: kittest.System(t), limit: 30 * time.Second}
	image := "file://" + containertest.BuildEngine(t)
	require.NoError(t, w.st.AddEngineVersion(t.Context(), galaxy.EngineVersion{Version: "1.0.0", ImageRef: image, Enabled: true, ExpectedTurn: true, CreatedAt: storetest.Now()}, galaxy.Audit{By: admin.Principal, Action: "test"}))
	var err error
	w.driver, err = process.New(t.TempDir())
	require.NoError(t, err)
	w.client = enginehttp.New(enginehttp.Config{CallTimeout: 10 * time.Second, ProbeTimeout: 2 * time.Second}, tracenoop.NewTracerProvider())
	g, accounts := storetest.Game(t, w.st, players)
	w.id, w.accounts = g.ID, accounts
	t.Cleanup(func() { _ = w.driver.Stop(context.Background(), w.id, time.Second) })
	w.begin(w.driver)
	return w
}

var quick = engine.Pace{Probe: 100 * time.Millisecond, Retry: 50 * time.Millisecond, Settle: 20 * time.Millisecond, Health: 5 * time.Second,
	Restarts: kit.Backoff{Min: 50 * time.Millisecond, Max: time.Second, Retries: 5, Within: time.Minute}}

// may gives the rights that a player has in the store.
func (w *world) may(id galaxy.UserID) (galaxy.Rights, bool) {
	a, err := w.st.Account(context.Background(), id)
	return a.Rights, err == nil
}

func (w *world) begin(driver engine.Containers) {
	d, err := engine.New(engine.Deps{Config: engine.Config{WorkerPool: 4, JobQueue: 64, StopGrace: time.Second, StartTimeout: time.Minute, GenerationLimit: w.limit, TurnConcurrency: 64},
		Serving: func() bool { w.asked.Add(1); return !w.away.Load() }, Containers: driver, Client: w.client, Log: zap.NewNop(), Pace: quick}, noop.Meter{})
	require.NoError(w.t, err)
	w.names, err = races.Warm(w.t.Context(), w.st)
	require.NoError(w.t, err)
	w.games, err = game.Start(w.sys, game.Deps{Config: game.Config{MinTurnInterval: time.Minute, InviteTTL: time.Hour}, Store: refusing{w.st, w}, Engine: d, Names: w.names, NameTTL: time.Hour, Now: w.now, Log: zap.NewNop(), Rights: w.may,
		Outages: func() []galaxy.Outage { return w.outages }, DiskLow: w.full.Load, WakeNotify: func() {}, Retry: 50 * time.Millisecond, Refetch: 50 * time.Millisecond}, kittest.Never)
	require.NoError(w.t, err)
	games := w.games
	w.t.Cleanup(func() {
		if w.games == games {
			kittest.Stop(w.t, w.sys, games.Root())
		}
	})
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return storetest.Now().Add(w.ahead)
}

func (w *world) later(d time.Duration) {
	w.mu.Lock()
	w.ahead += d
	w.mu.Unlock()
	kit.Tell(w.games.Ref(w.id), game.Wake{})
}

func ask[R any](w *world, cmd kit.Command[R]) (R, error) {
	return kit.Ask(w.t.Context(), w.games.Ref(w.id), cmd)
}

func (w *world) game() galaxy.Game {
	w.t.Helper()
	g, err := ask(w, game.Get{})
	require.NoError(w.t, err)
	return g
}

// until waits for a fact about the game.
func (w *world) until(what string, fact func(galaxy.Game) bool) galaxy.Game {
	w.t.Helper()
	var last galaxy.Game
	require.Eventually(w.t, func() bool {
		g, err := ask(w, game.Get{})
		last = g
		return err == nil && fact(g)
	}, 30*time.Second, 5*time.Millisecond, "%s: %+v", what, &last)
	return last
}

func (w *world) start() {
	w.t.Helper()
	g, err := ask(w, game.ForceStart{By: admin})
	require.NoError(w.t, err)
	require.Equal(w.t, galaxy.Starting, g.Status)
	g = w.until("the game runs", func(g galaxy.Game) bool { return g.Status == galaxy.Running })
	require.Zero(w.t, g.Runtime.Turn)
	require.NotNil(w.t, g.Runtime.Deadline)
}

func (w *world) order(player, turn int, list string) (game.Ordered, error) {
	commands, err := galaxy.SplitCommands([]byte(list))
	require.NoError(w.t, err)
	return ask(w, game.PutOrders{User: w.accounts[player].ID, Turn: turn, Commands: commands, Raw: []byte(list)})
}

func (w *world) turnMade(turn int) galaxy.Game {
	w.t.Helper()
	return w.until(fmt.Sprintf("turn %d is made", turn), func(g galaxy.Game) bool { return g.Runtime.Turn == turn && g.Runtime.Op == nil })
}

const peace = `[{"type":"planet.rename", "planet":1, "name":"Home"}]`

func TestAGameIsPlayed(t *testing.T) {
	w := newWorld(t, 3)
	w.start()
	done, err := w.order(0, 1, peace)
	require.NoError(t, err)
	require.EqualValues(t, 1, done.Revision)
	require.Len(t, done.Result.Results, 1)
	held, err := ask(w, game.GetOrders{User: w.accounts[0].ID})
	require.NoError(t, err)
	require.Equal(t, peace, string(held.Commands), "byte for byte")

	_, err = ask(w, game.ForceNextTurn{By: admin, Turn: 2})
	require.Equal(t, galaxy.Conflict, galaxy.CodeOf(err))
	g, err := ask(w, game.ForceNextTurn{By: admin, Turn: 1})
	require.NoError(t, err)
	require.Equal(t, galaxy.RuntimeGenerating, g.Runtime.Status)
	w.turnMade(1)
	_, err = w.order(0, 1, peace)
	require.Equal(t, galaxy.TurnAlreadyClosed, galaxy.CodeOf(err))

	report, err := ask(w, game.GetReport{User: w.accounts[0].ID, Turn: 1})
	require.NoError(t, err)
	if report.Raw == nil {
		report.Raw, err = w.st.Report(t.Context(), w.id, report.Epoch, 1, report.Race)
		require.NoError(t, err)
	}
	require.True(t, json.Valid(report.Raw))
	_, err = ask(w, game.GetReport{User: w.accounts[0].ID, Turn: 2})
	require.Equal(t, galaxy.NotFound, galaxy.CodeOf(err))
	seen, err := ask(w, game.View{User: w.accounts[1].ID})
	require.NoError(t, err)
	require.Len(t, seen.Players, 3)
	_, err = ask(w, game.View{User: galaxy.UserID{UUID: galaxy.NewID()}})
	require.Equal(t, galaxy.Forbidden, galaxy.CodeOf(err))
}

func TestTheDeadlineMakesTheTurnOnce(t *testing.T) {
	w := newWorld(t, 2)
	w.start()
	_, err := w.order(1, 1, peace)
	require.NoError(t, err)
	w.later(25 * time.Hour)
	w.later(0)
	g := w.turnMade(1)
	require.True(t, g.Runtime.Deadline.After(w.now()))
	w.later(0)
	require.Equal(t, 1, w.game().Runtime.Turn)
}

func TestOrdersOfTwoDevices(t *testing.T) {
	w := newWorld(t, 2)
	w.start()
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			_, err := w.order(0, 1, peace)
			require.NoError(t, err)
		})
	}
	wg.Wait()
	held, err := ask(w, game.GetOrders{User: w.accounts[0].ID})
	require.NoError(t, err)
	require.EqualValues(t, 20, held.Revision, "one after the other")
	stale := int64(19)
	_, err = ask(w, game.PutOrders{User: w.accounts[0].ID, Turn: 1, Expected: &stale, Raw: []byte("[]")})
	require.Equal(t, galaxy.Conflict, galaxy.CodeOf(err))
	stale = 20
	_, err = ask(w, game.PutOrders{User: w.accounts[0].ID, Turn: 1, Expected: &stale, Raw: []byte("[]")})
	require.NoError(t, err)
}

func (w *world) kill() {
	w.t.Helper()
	c, err := w.driver.Inspect(w.t.Context(), w.id)
	require.NoError(w.t, err)
	var pid int
	_, err = fmt.Sscanf(c.ID, "%d", &pid)
	require.NoError(w.t, err, c.ID)
	require.NoError(w.t, syscall.Kill(pid, syscall.SIGKILL))
}

func TestAKilledEngineIsRestartedAtTheSameTurnWithItsOrders(t *testing.T) {
	w := newWorld(t, 2)
	w.start()
	_, err := ask(w, game.ForceNextTurn{By: admin, Turn: 1})
	require.NoError(t, err)
	before := w.turnMade(1)
	_, err = w.order(0, 2, peace)
	require.NoError(t, err)
	w.kill()
	w.until("the death is noticed", func(g galaxy.Game) bool { return g.Runtime.Why == galaxy.WhyRestarting })
	after := w.until("the engine is back", func(g galaxy.Game) bool { return g.Runtime.Why == galaxy.WhyDeadline })
	require.Equal(t, before.Runtime.Turn, after.Runtime.Turn)
	require.Equal(t, before.Runtime.Digest, after.Runtime.Digest)
	require.Equal(t, galaxy.Running, after.Status)
	done, err := w.order(0, 2, peace)
	require.NoError(t, err)
	require.EqualValues(t, 2, done.Revision)
}

func TestARestartOfTheServiceAdoptsTheEngine(t *testing.T) {
	w := newWorld(t, 2)
	w.start()
	c, err := w.driver.Inspect(t.Context(), w.id)
	require.NoError(t, err)
	old := w.games
	kittest.Stop(t, w.sys, old.Root())
	w.begin(w.driver)
	kit.Tell(w.games.Ref(w.id), game.Wake{})
	require.Eventually(t, func() bool {
		_, err = w.order(0, 1, peace)
		return err == nil
	}, 20*time.Second, 20*time.Millisecond)
	require.NoError(t, err)
	again, err := w.driver.Inspect(t.Context(), w.id)
	require.NoError(t, err)
	require.Equal(t, c.ID, again.ID, "the same process")
}

func TestForceStopAndANewStart(t *testing.T) {
	w := newWorld(t, 2)
	w.start()
	g, err := ask(w, game.ForceStop{By: admin})
	require.NoError(t, err)
	require.Equal(t, galaxy.Paused, g.Status)
	w.until("the engine is stopped", func(g galaxy.Game) bool { return g.Runtime.Status == galaxy.RuntimeStopped })
	c, err := w.driver.Inspect(t.Context(), w.id)
	require.NoError(t, err)
	require.NotEqual(t, galaxy.ContainerRunning, c.State)
	_, err = w.order(0, 1, peace)
	require.Equal(t, galaxy.Conflict, galaxy.CodeOf(err))
}

func TestAnEngineThatCannotBeStartedFailsTheStart(t *testing.T) {
	w := newWorld(t, 2)
	require.NoError(t, w.st.AddEngineVersion(t.Context(), galaxy.EngineVersion{Version: "2.0.0", ImageRef: "file:///no/such/engine", Enabled: true, CreatedAt: storetest.Now()}, galaxy.Audit{By: admin.Principal, Action: "test"}))
	_, err := ask(w, game.ForceStart{By: admin})
	require.NoError(t, err)
	g := w.until("the start has failed", func(g galaxy.Game) bool { return g.Status == galaxy.StartFailed && g.Runtime.Op == nil })
	require.NotEmpty(t, g.Reason)
	_, err = ask(w, game.ReadyToStart{By: admin})
	require.NoError(t, err)
}

func TestAGameThatIsNotThereStaysNowhere(t *testing.T) {
	w := newWorld(t, 2)
	_, err := kit.Ask(t.Context(), w.games.Ref(galaxy.GameID{UUID: galaxy.NewID()}), game.Get{})
	require.Equal(t, galaxy.NotFound, galaxy.CodeOf(err))
	require.Eventually(t, func() bool { return w.games.Live() <= 1 }, 10*time.Second, time.Millisecond)
}
