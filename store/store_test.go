package store_test

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/galaxy"
	"galaxy/backend/internal/postgres/pgtest"
	"galaxy/backend/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

var admin = galaxy.By{Principal: galaxy.Admin("root"), At: storetest.Now()}

func TestAGameComesBackAsItWasCommitted(t *testing.T) {
	st := storetest.Open(t)
	g, accounts := storetest.Game(t, st, 3)
	c, _, err := g.Apply(galaxy.ApplicationID{UUID: galaxy.NewID()}, func() galaxy.UserID { a, _ := storetest.SignIn(t, st, "late@example.com"); return a.ID }(),
		"Latecomers", galaxy.Idempotency{Key: "k", Digest: [32]byte{1}}, admin)
	require.NoError(t, err)
	g = storetest.Commit(t, st, c)
	back, err := st.Game(t.Context(), g.ID)
	require.NoError(t, err)
	require.Equal(t, g, back)

	c, err = g.ForceStart(galaxy.EngineVersion{Version: "1.0.0", ImageRef: "engine:1", ExpectedTurn: true}, admin)
	require.NoError(t, err)
	g = storetest.Commit(t, st, c)
	back, err = st.Game(t.Context(), g.ID)
	require.NoError(t, err)
	require.Equal(t, g.Runtime, back.Runtime, "an open operation comes back whole")
	require.Empty(t, back.Applications)

	status := galaxy.EngineStatus{Game: g.ID, Turn: 0, Digest: "d0"}
	for i := range accounts {
		status.Players = append(status.Players, galaxy.EnginePlayer{Race: g.Members[i].Race, Planets: 1, Population: 1000})
	}
	g = storetest.Commit(t, st, g.EngineUp(status, admin))
	require.Equal(t, galaxy.Running, g.Status)
	players, err := st.PlayerStats(t.Context(), g.ID, 0, 0)
	require.NoError(t, err)
	require.Equal(t, status.Players, players)
	live, err := st.LiveGames(t.Context())
	require.NoError(t, err)
	require.Equal(t, []galaxy.GameID{g.ID}, live)
	due, err := st.DueGames(t.Context(), g.Runtime.Deadline.Add(-time.Second), 10)
	require.NoError(t, err)
	require.Equal(t, []galaxy.GameID{g.ID}, due, "the reports of turn 0 are not stored")
	report := []byte(`{"turn":0}`)
	packed, err := galaxy.PackReport(g.Members[0].Race, report)
	require.NoError(t, err)
	g = storetest.Commit(t, st, g.ReportsFetched(0, []galaxy.Report{packed}, admin))
	again, err := st.Game(t.Context(), g.ID)
	require.NoError(t, err)
	require.Equal(t, g, again)
	kept, err := st.Report(t.Context(), g.ID, 0, 0, g.Members[0].Race)
	require.NoError(t, err)
	require.Equal(t, report, kept)
	due, err = st.DueGames(t.Context(), g.Runtime.Deadline.Add(-time.Second), 10)
	require.NoError(t, err)
	require.Empty(t, due)
	due, err = st.DueGames(t.Context(), *g.Runtime.Deadline, 10)
	require.NoError(t, err)
	require.Equal(t, []galaxy.GameID{g.ID}, due)
}

func TestACommitOnAnOldVersionIsRefusedWhole(t *testing.T) {
	st := storetest.Open(t)
	g, _ := storetest.Game(t, st, 2)
	c, err := g.ReadyToStart(admin)
	require.NoError(t, err)
	storetest.Commit(t, st, c)
	c.Next.Name = "overwritten"
	_, err = st.CommitGame(t.Context(), c)
	require.ErrorIs(t, err, galaxy.ErrStale)
	back, err := st.Game(t.Context(), g.ID)
	require.NoError(t, err)
	require.Equal(t, "Andromeda", back.Name)
}

func TestOfTwoPlayersWhoReserveOneNameOneGetsIt(t *testing.T) {
	st := storetest.Open(t)
	var changes []galaxy.GameChange
	for i := range 8 {
		g, _ := storetest.Game(t, st, 0)
		a, _ := storetest.SignIn(t, st, fmt.Sprintf("rival%d@example.com", i))
		applied, app, err := g.Apply(galaxy.ApplicationID{UUID: galaxy.NewID()}, a.ID, "Terrans", galaxy.Idempotency{}, admin)
		require.NoError(t, err)
		g = storetest.Commit(t, st, applied)
		c, _, err := g.Approve(app.ID, galaxy.MembershipID{UUID: galaxy.NewID()}, admin)
		require.NoError(t, err)
		changes = append(changes, c)
	}
	var wg sync.WaitGroup
	errs := make([]error, len(changes))
	for i, c := range changes {
		wg.Go(func() { _, errs[i] = st.CommitGame(t.Context(), c) })
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else {
			require.True(t, galaxy.Is(err, galaxy.NameTaken), err)
		}
	}
	require.Equal(t, 1, won)
}

func TestTheStatementsOfATurnDoNotGrowWithThePlayers(t *testing.T) {
	st := storetest.Open(t)
	cost := func(players int) int64 {
		g, _ := storetest.Game(t, st, players)
		c, err := g.ForceStart(galaxy.EngineVersion{Version: "1.0.0"}, admin)
		require.NoError(t, err)
		g = storetest.Commit(t, st, c)
		status := galaxy.EngineStatus{Game: g.ID, Digest: "d"}
		for _, m := range g.Members {
			status.Players = append(status.Players, galaxy.EnginePlayer{Race: m.Race})
		}
		g = storetest.Commit(t, st, g.EngineUp(status, admin))
		c, err = g.ForceTurn(1, admin)
		require.NoError(t, err)
		g = storetest.Commit(t, st, c)
		status.Turn = 1
		before := st.Statements()
		g = storetest.Commit(t, st, g.TurnMade(g.Runtime.Op.Number, 1, status, admin))
		require.Equal(t, 1, g.Runtime.Turn)
		return st.Statements() - before
	}
	require.Equal(t, cost(2), cost(20))
}

func TestConcurrentFirstSignInsOfOneAddressMakeOneAccount(t *testing.T) {
	st := storetest.Open(t)
	const n = 20
	challenges := make([]galaxy.Challenge, n)
	for i := range challenges {
		challenges[i] = storetest.AddChallenge(t, st, "new@example.com")
	}
	var wg sync.WaitGroup
	accounts := make([]galaxy.Account, n)
	for i := range challenges {
		wg.Go(func() {
			var err error
			accounts[i], _, err = st.SignIn(t.Context(), storetest.NewSignIn(challenges[i]))
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, a := range accounts {
		require.Equal(t, accounts[0].ID, a.ID)
	}
	sessions := 0
	require.NoError(t, st.LiveSessions(t.Context(), func(galaxy.SessionID, galaxy.UserID, galaxy.PublicKey) { sessions++ }))
	require.Equal(t, n, sessions)
}

func TestAChallengeIsConsumedOnce(t *testing.T) {
	st := storetest.Open(t)
	ch := storetest.AddChallenge(t, st, "once@example.com")
	var wg sync.WaitGroup
	errs := make([]error, 10)
	for i := range errs {
		wg.Go(func() { _, _, errs[i] = st.SignIn(t.Context(), storetest.NewSignIn(ch)) })
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else {
			require.ErrorIs(t, err, galaxy.ErrStale)
		}
	}
	require.Equal(t, 1, won)

	other := storetest.AddChallenge(t, st, "tries@example.com")
	require.NoError(t, st.CountWrongTry(t.Context(), other))
	require.ErrorIs(t, st.CountWrongTry(t.Context(), other), galaxy.ErrStale, "a try counts against what was read")
	live, err := st.Challenges(t.Context(), "tries@example.com", storetest.Now().Add(-time.Hour))
	require.NoError(t, err)
	require.Len(t, live, 1)
	require.Equal(t, 1, live[0].Attempts)
}

func TestATakenUserNameIsReplacedByTheNext(t *testing.T) {
	st := storetest.Open(t)
	first, _ := storetest.SignIn(t, st, "first@example.com")
	in := storetest.NewSignIn(storetest.AddChallenge(t, st, "second@example.com"))
	in.UserNames = []string{first.UserName, "player-free0000"}
	second, _, err := st.SignIn(t.Context(), in)
	require.NoError(t, err)
	require.Equal(t, "player-free0000", second.UserName)
}

func TestOrdersAreReplacedByNewerRevisionsOnly(t *testing.T) {
	st := storetest.Open(t)
	g, accounts := storetest.Game(t, st, 1)
	o := galaxy.StoredOrders{Game: g.ID, Turn: 1, Race: g.Members[0].Race, User: accounts[0].ID, Revision: 2, EngineRevision: 7, Commands: []byte(`[ {"b":1, "a":2} ]`), StoredAt: storetest.Now()}
	before := st.Statements()
	require.NoError(t, st.SaveOrders(t.Context(), o))
	require.EqualValues(t, 3, st.Statements()-before, "the lease's two checks and the insert")
	require.ErrorIs(t, st.SaveOrders(t.Context(), o), galaxy.ErrStale)
	back, err := st.Orders(t.Context(), g.ID, 0, 1, o.Race)
	require.NoError(t, err)
	require.Equal(t, o, back, "byte for byte")
	none, err := st.Orders(t.Context(), g.ID, 0, 2, o.Race)
	require.NoError(t, err)
	require.Zero(t, none.Revision)
	all, err := st.TurnOrders(t.Context(), g.ID, 0, 1)
	require.NoError(t, err)
	require.Equal(t, []galaxy.StoredOrders{o}, all)
}

func TestSecretsAndBootstrapAreMadeOnce(t *testing.T) {
	st := storetest.Open(t)
	one, err := st.Secret(t.Context(), "code", func() []byte { return []byte("first") })
	require.NoError(t, err)
	two, err := st.Secret(t.Context(), "code", func() []byte { return []byte("second") })
	require.NoError(t, err)
	require.Equal(t, one, two)
	made, err := st.BootstrapAdmin(t.Context(), galaxy.AdminAccount{Username: "root", PasswordHash: []byte("a"), Enabled: true, CreatedAt: storetest.Now()})
	require.NoError(t, err)
	require.True(t, made)
	made, err = st.BootstrapAdmin(t.Context(), galaxy.AdminAccount{Username: "root", PasswordHash: []byte("b"), Enabled: true, CreatedAt: storetest.Now()})
	require.NoError(t, err)
	require.False(t, made)
	all, err := st.AdminAccounts(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.Equal(t, []byte("a"), all[0].PasswordHash)
}

func TestIdempotencyKeysAreUniquePerMaker(t *testing.T) {
	st := storetest.Open(t)
	idem := galaxy.Idempotency{Key: "once", Digest: [32]byte{9}}
	spec := galaxy.GameSpec{Name: "A", MinPlayers: 2, MaxPlayers: 4, Schedule: galaxy.Schedule{Cron: "0 21 * * *"}}
	make := func(by galaxy.By) (galaxy.Game, error) {
		c, err := galaxy.NewGame(galaxy.GameID{UUID: galaxy.NewID()}, galaxy.Public, spec, idem, by, time.Minute)
		require.NoError(t, err)
		return st.CommitGame(t.Context(), c)
	}
	g, err := make(admin)
	require.NoError(t, err)
	_, err = make(admin)
	require.ErrorIs(t, err, galaxy.ErrRepeated)
	found, err := st.GameByKey(t.Context(), admin.Principal, "once")
	require.NoError(t, err)
	require.Equal(t, g, found)
	_, err = make(galaxy.By{Principal: galaxy.Admin("other"), At: admin.At})
	require.NoError(t, err)
	v := galaxy.EngineVersion{Version: "1.0.0", ImageRef: "x", Enabled: true, CreatedAt: storetest.Now(), Idempotency: idem}
	audit := galaxy.Audit{By: admin.Principal, Action: "engine_version.add", Subject: "engine_version:1.0.0"}
	require.NoError(t, st.AddEngineVersion(t.Context(), v, audit))
	require.True(t, galaxy.Is(st.AddEngineVersion(t.Context(), v, audit), galaxy.Conflict))
	all, err := st.EngineVersions(t.Context())
	require.NoError(t, err)
	v.Number = 1
	require.Equal(t, []galaxy.EngineVersion{v}, all)
	edited, err := v.Edit(galaxy.VersionEdit{Enabled: new(false)}, 1)
	require.NoError(t, err)
	require.NoError(t, st.EditEngineVersion(t.Context(), edited, storetest.Now(), audit))
	require.ErrorIs(t, st.EditEngineVersion(t.Context(), edited, storetest.Now(), audit), galaxy.ErrStale)
}

func TestListsPageWithoutGapOrRepeat(t *testing.T) {
	st := storetest.Open(t)
	want := map[galaxy.GameID]bool{}
	for range 7 {
		g, _ := storetest.Game(t, st, 0)
		want[g.ID] = true
	}
	page := galaxy.Page{Limit: 3}
	for pages := 1; ; pages++ {
		items, next, err := st.ListGames(t.Context(), galaxy.GameFilter{Visibility: galaxy.Public, Statuses: []galaxy.GameStatus{galaxy.EnrollmentOpen}}, page)
		require.NoError(t, err)
		for _, g := range items {
			require.True(t, want[g.ID])
			delete(want, g.ID)
		}
		if next == "" {
			require.Equal(t, 3, pages)
			break
		}
		page.Cursor = next
	}
	require.Empty(t, want)
	_, _, err := st.ListGames(t.Context(), galaxy.GameFilter{}, galaxy.Page{Limit: 3, Cursor: "nonsense"})
	require.True(t, galaxy.Is(err, galaxy.InvalidRequest))
	g, accounts := storetest.Game(t, st, 2)
	mine, _, err := st.ListApplications(t.Context(), galaxy.ApplicationFilter{Game: &g.ID, User: &accounts[0].ID}, galaxy.Page{Limit: 10})
	require.NoError(t, err)
	require.Len(t, mine, 1)
	require.Equal(t, galaxy.ApplicationWasApproved, mine[0].Status)
}

func TestNothingIsWrittenWithoutTheLease(t *testing.T) {
	dsn := pgtest.Database(t, storetest.Migrate)
	bare := storetest.OpenBare(t, dsn)
	err := storetest.Write(t.Context(), bare)
	require.True(t, galaxy.Is(err, galaxy.ServiceUnavailable), errors.Unwrap(err))
}
