package actors_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"galaxy/backend/actors"
	"galaxy/backend/actors/engine"
	"galaxy/backend/actors/game"
	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/enginetest"
	"galaxy/backend/internal/postgres/pgtest"
	"galaxy/backend/store"
	"galaxy/backend/store/storetest"
	"galaxy/backend/test/actorstest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

const (
	modelSteps = 2000 // in each run
	modelTTL   = 100 * time.Hour
	players    = 7
)

// raceNames are few, and some could be mistaken for others, so that players get in each other's way.
var raceNames = []string{"Terran", "TERRAN", "Vulcan", "Vu1can", "Aeon", "Аeon", "Modern", "Modem", "Zarquon", "Magrathea", "Vogon", "Dolphin"}

// world is the real actors over the real store beside the model.
type world struct {
	t       *testing.T
	conn    *pgx.Conn
	st      *store.Store
	lease   *store.Lease
	engines *enginetest.Engines
	system  *actors.System
	users   []galaxy.UserID
	games   []galaxy.GameID
	model   *model
	clock   atomic.Pointer[time.Time] // stands still until it is moved
	done    map[string]int            // commands by kind, accepted and refused
}

// TestTheLobbyDoesWhatItsModelDoes drives random sequences of all operations by many users, and compares what is answered
// and what is then true with the model. A seed is given by -rapid.seed.
func TestTheLobbyDoesWhatItsModelDoes(t *testing.T) {
	seed := uint64(time.Now().Unix()/86400) * 1000 // another one every day, so that what one day finds is found again until it is mended
	if f := flag.Lookup("rapid.seed"); f.Value.String() != "0" {
		parsed, err := strconv.ParseUint(f.Value.String(), 10, 64)
		require.NoError(t, err)
		seed = parsed
	}
	want, checks := modelSteps, "1"
	if testing.Short() {
		want, checks = want/10, "5" // rapid divides by five
	}
	require.NoError(t, flag.Set("rapid.nofailfile", "true")) // the seed is enough
	require.NoError(t, flag.Set("rapid.shrinktime", "10s"))  // what differs is waited for each time
	require.NoError(t, flag.Set("rapid.checks", checks))
	require.NoError(t, flag.Set("rapid.steps", "400"))
	steps, done := 0, map[string]int{}
	for run := 0; steps < want; run++ {
		t.Logf("-rapid.seed=%d", seed+uint64(run))
		require.NoError(t, flag.Set("rapid.seed", strconv.FormatUint(seed+uint64(run), 10)))
		rapid.Check(t, func(rt *rapid.T) {
			w := newWorld(t, rt)
			w.done = done
			defer w.close()
			actions := w.actions()
			actions[""] = func(rt *rapid.T) { w.check(rt) }
			for name, do := range actions {
				if name != "" {
					actions[name] = func(rt *rapid.T) { do(rt); steps++ }
				}
			}
			rt.Repeat(actions)
			w.rebuild(rt)
			w.check(rt)
		})
		if t.Failed() {
			return
		}
	}
	t.Logf("%d steps: %v", steps, done)
}

func newWorld(t *testing.T, rt *rapid.T) *world {
	dsn := pgtest.Database(t, storetest.Migrate)
	w := &world{t: t, engines: enginetest.New(t), model: &model{now: storetest.Now(), pending: map[string]mWon{}, kept: map[string]int{}}}
	w.st, w.lease = storetest.OpenLeased(t, dsn)
	var err error
	w.conn, err = pgx.Connect(t.Context(), dsn)
	require.NoError(rt, err)
	by := galaxy.By{Principal: galaxy.Admin("root"), At: w.model.now}
	require.NoError(rt, w.st.AddEngineVersion(t.Context(), galaxy.EngineVersion{Version: "1.0.0", ImageRef: "engine:1.0.0", Enabled: true, ExpectedTurn: true, CreatedAt: by.At},
		galaxy.Audit{By: by.Principal, Action: "test"}))
	for i := range players {
		a, _ := storetest.SignIn(t, w.st, fmt.Sprintf("p%d@example.com", i))
		u := &mUser{owns: 0, seats: 3, names: 1}
		if i < players/2 { // the others have not paid
			c, err := a.SetTier(galaxy.TierMonthly, new(by.At.Add(1e6*time.Hour)), by)
			require.NoError(rt, err)
			_, _, err = w.st.CommitAccount(t.Context(), c)
			require.NoError(rt, err)
			u = &mUser{owns: 3, seats: 20, names: 2}
		}
		w.users, w.model.users = append(w.users, a.ID), append(w.model.users, u)
	}
	w.start()
	return w
}

func (w *world) start() {
	d := actorstest.Deps(w.st, w.engines)
	d.Config.Races.NameTTL, d.Config.Races.Interval = modelTTL, 10*time.Millisecond
	d.Config.Engine.WorkerPool, d.Config.Engine.JobQueue = 4, 64
	d.Pace = engine.Pace{Probe: time.Hour, Retry: 10 * time.Millisecond, Settle: 5 * time.Millisecond, Health: 5 * time.Second, Restarts: engine.DefaultPace.Restarts}
	now := w.model.now
	w.clock.Store(&now)
	d.Now = func() time.Time { return *w.clock.Load() }
	w.system = actorstest.Start(w.t, d)
}

func (w *world) close() {
	actorstest.Stop(w.t, w.system)
	_ = w.conn.Close(context.Background())
	w.lease.Release()
	w.st.Close()
}

// rebuild throws the actors away and makes them anew from the database.
func (w *world) rebuild(*rapid.T) {
	actorstest.Stop(w.t, w.system)
	w.start()
}

// tell sends a command to a game, and holds its answer against what the model allows.
func tell[R any](w *world, rt *rapid.T, g int, allowed bool, cmd kit.Command[R]) (R, bool) {
	v, err := kit.Ask(context.Background(), w.system.Games.Ref(w.games[g]), cmd)
	w.judge(rt, fmt.Sprintf("%T %+v", cmd, cmd), allowed, err)
	return v, err == nil
}

func (w *world) judge(rt *rapid.T, what string, allowed bool, err error) {
	rt.Logf("%s: %v", what, err)
	kind, _, _ := strings.Cut(what, " ")
	if err != nil {
		kind = "refused " + kind
	}
	w.done[kind]++
	if (err == nil) != allowed {
		rt.Fatalf("%s: the model says %v, the answer is %v", what, allowed, err)
	}
	var e *galaxy.Error
	if err != nil && (!errors.As(err, &e) || slices.Contains([]galaxy.Code{galaxy.Internal, galaxy.ServiceUnavailable, galaxy.Timeout}, e.Code)) {
		rt.Fatalf("%s: %v", what, err)
	}
}

// check waits until the world is as the model says, and looks for broken invariants.
func (w *world) check(rt *rapid.T) {
	w.model.settle()
	var differs string
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		if differs = w.differs(); differs == "" {
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
	rt.Fatalf("the world is not as the model says: %s", differs)
}

func (w *world) differs() string {
	for i, id := range w.games {
		g, err := kit.Ask(context.Background(), w.system.Games.Ref(id), game.Get{})
		if err != nil {
			return err.Error()
		}
		if d := w.compare(w.model.games[i], g); d != "" {
			return fmt.Sprintf("game %d: %s", i, d)
		}
	}
	want := map[string]galaxy.UserID{}
	for key, u := range w.model.names() {
		want[key] = w.users[u]
	}
	return w.broken(want)
}

func (w *world) compare(m *mGame, g galaxy.Game) string {
	owner := galaxy.UserID{}
	if m.owner != operators {
		owner = w.users[m.owner]
	}
	held := galaxy.UserID{}
	if g.Owner != nil {
		held = *g.Owner
	}
	switch {
	case g.Status != m.status:
		return fmt.Sprintf("it is %s and not %s (%s)", g.Status, m.status, g.Runtime.WhyText)
	case g.Runtime.Op != nil:
		return fmt.Sprintf("it is busy with %+v", *g.Runtime.Op)
	case held != owner:
		return fmt.Sprintf("%s owns it and not %s", held, owner)
	case len(g.Members) != len(m.seats):
		return fmt.Sprintf("it has %d memberships and not %d", len(g.Members), len(m.seats))
	case len(g.Applications) != len(m.apps), len(g.Invites) != len(m.invites):
		return fmt.Sprintf("%d applications and %d invites wait, and not %d and %d", len(g.Applications), len(g.Invites), len(m.apps), len(m.invites))
	case (g.GapSince != nil) != (m.full != nil):
		return fmt.Sprintf("its gap began at %v and not %v", g.GapSince, m.full)
	}
	for i, s := range m.seats {
		if got := g.Members[i]; got.User != w.users[s.user] || got.Race != s.race || got.Status != s.state || got.HoldsName != s.holds {
			return fmt.Sprintf("membership %d is %+v and not %+v", i, got, *s)
		}
	}
	for _, a := range g.Applications {
		if race, ok := m.apps[slices.Index(w.users, a.User)]; !ok || race != a.Race {
			return fmt.Sprintf("application %+v", a)
		}
	}
	for _, i := range g.Invites {
		if _, ok := m.invites[slices.Index(w.users, i.User)]; !ok {
			return fmt.Sprintf("invite %+v", i)
		}
	}
	return ""
}

// invariants are queries that find nothing as long as the rules hold, whatever the model thinks.
var invariants = map[string]string{
	"more players than seats": `SELECT game_id::text FROM games g WHERE (SELECT count(*) FROM memberships m WHERE m.game_id = g.game_id AND m.status = 'active')
		> max_players + start_gap_players`,
	"a seat whose name is not reserved for its player": `SELECT m.game_id::text FROM memberships m JOIN games g USING (game_id) WHERE m.holds_name AND NOT EXISTS (
		SELECT FROM race_name_reservations r JOIN race_names n USING (race_key) WHERE r.game_id = m.game_id AND r.race_key = m.race_key AND n.user_id = m.user_id)`,
	"a reservation without a seat": `SELECT game_id::text FROM race_name_reservations r WHERE NOT EXISTS (
		SELECT FROM memberships m WHERE m.game_id = r.game_id AND m.race_key = r.race_key AND m.holds_name)`,
	"a name that nothing reserves":                  `SELECT race_key FROM race_names n WHERE status = 'reserved' AND NOT EXISTS (SELECT FROM race_name_reservations r WHERE r.race_key = n.race_key)`,
	"a name held in a game that is over":            `SELECT g.game_id::text FROM games g JOIN memberships m USING (game_id) WHERE g.status IN ('finished', 'cancelled') AND m.holds_name`,
	"an active member without a name":               `SELECT game_id::text FROM memberships m JOIN games g USING (game_id) WHERE m.status = 'active' AND NOT holds_name AND g.status NOT IN ('finished', 'cancelled')`,
	"an application to a game that takes none":      `SELECT game_id::text FROM applications a JOIN games g USING (game_id) WHERE a.status = 'pending' AND g.status <> 'enrollment_open'`,
	"an invite to a game that takes none":           `SELECT game_id::text FROM invites i JOIN games g USING (game_id) WHERE i.status = 'pending' AND g.status <> 'enrollment_open'`,
	"a game that nobody who lives owns":             `SELECT game_id::text FROM games g JOIN accounts a ON a.user_id = g.owner_id WHERE a.deletion <> '' AND g.status NOT IN ('finished', 'cancelled')`,
	"a public game with an owner":                   `SELECT game_id::text FROM games WHERE visibility = 'public' AND owner_id IS NOT NULL`,
	"a pending name without an end":                 `SELECT race_key FROM race_names WHERE (status = 'pending_registration') <> (expires_at IS NOT NULL)`,
	"a game that waits for nothing to be looked at": `SELECT game_id::text FROM games WHERE (status = 'enrollment_open') <> (wake_at IS NOT NULL)`,
	"two names alike for two players":               `SELECT a.race_key FROM race_names a JOIN race_names b ON a.race_key = b.race_key AND a.user_id <> b.user_id`,
	"a notice told twice":                           `SELECT dedupe_key FROM notifications GROUP BY kind, dedupe_key HAVING count(*) > 1`,
}
