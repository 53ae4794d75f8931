package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"galaxy/backend/galaxy"
	"galaxy/backend/internal/postgres/pgtest"
	"galaxy/backend/store"
	"galaxy/backend/store/storetest"
)

// opened gives a store and a connection beside it, of the same role.
func opened(t *testing.T) (*store.Store, *pgx.Conn, string) {
	dsn := pgtest.Database(t, storetest.Migrate)
	st, _ := storetest.OpenLeased(t, dsn)
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return st, conn, dsn
}

func TestNobodyChangesTheAudit(t *testing.T) {
	st, conn, _ := opened(t)
	storetest.Game(t, st, 1)
	var partition string
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT tableoid::regclass::text FROM audit LIMIT 1").Scan(&partition))
	require.Regexp(t, `audit_[0-9]{6}$`, partition, "a line stands in its month")
	for _, table := range []string{"audit", partition} {
		for _, sql := range []string{"UPDATE " + table + " SET actor_id = 'nobody'", "DELETE FROM " + table, "TRUNCATE " + table} {
			_, err := conn.Exec(t.Context(), sql)
			var pg *pgconn.PgError
			require.ErrorAs(t, err, &pg, sql)
			require.Equal(t, "GX003", pg.Code, sql)
		}
	}
}

func TestTheAuditIsDroppedByWholeMonths(t *testing.T) {
	st, conn, _ := opened(t)
	now := storetest.Now()
	months := func() (names []string) {
		rows, err := conn.Query(t.Context(), "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'audit'::regclass ORDER BY 1")
		require.NoError(t, err)
		names, err = pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		return names
	}
	before := len(months())
	later := now.AddDate(0, 14, 0)
	dropped, err := st.KeepAudit(t.Context(), later, now.AddDate(0, -1, 0))
	require.NoError(t, err)
	require.Zero(t, dropped)
	require.Greater(t, len(months()), before, "months are made ahead")
	storetest.SignIn(t, st, "ann@example.com")
	c, err := mustAccount(t, st, "ann@example.com").UpdateProfile("Ann", galaxy.By{Principal: galaxy.System("test"), At: now})
	require.NoError(t, err)
	_, _, err = st.CommitAccount(t.Context(), c)
	require.NoError(t, err)
	dropped, err = st.KeepAudit(t.Context(), later, now.AddDate(0, 0, -now.Day()+1))
	require.NoError(t, err)
	require.Zero(t, dropped, "a month that has younger lines stays")
	lines, _, err := st.ListAudit(t.Context(), galaxy.AuditFilter{}, galaxy.Page{Limit: 10})
	require.NoError(t, err)
	require.NotEmpty(t, lines)
	dropped, err = st.KeepAudit(t.Context(), later, now.AddDate(0, 2, 0))
	require.NoError(t, err)
	require.Positive(t, dropped)
	lines, _, err = st.ListAudit(t.Context(), galaxy.AuditFilter{}, galaxy.Page{Limit: 10})
	require.NoError(t, err)
	require.Empty(t, lines)
}

func mustAccount(t *testing.T, st *store.Store, email string) galaxy.Account {
	t.Helper()
	id, err := st.FindUser(t.Context(), email, "")
	require.NoError(t, err)
	a, err := st.AnyAccount(t.Context(), id)
	require.NoError(t, err)
	return a
}

func TestTheAuditIsFilteredAndPaged(t *testing.T) {
	st, _, _ := opened(t)
	g, accounts := storetest.Game(t, st, 3)
	for name, c := range map[string]struct {
		filter galaxy.AuditFilter
		want   bool
	}{
		"everything":             {galaxy.AuditFilter{}, true},
		"by operators":           {galaxy.AuditFilter{Actor: galaxy.Principal{Kind: galaxy.ByAdmin}}, true},
		"by one":                 {galaxy.AuditFilter{Actor: galaxy.Admin("root")}, true},
		"by another":             {galaxy.AuditFilter{Actor: galaxy.Admin("nobody")}, false},
		"of an action":           {galaxy.AuditFilter{Action: "game.approve"}, true},
		"about a game":           {galaxy.AuditFilter{Subject: "game:" + g.ID.String()}, true},
		"about a player":         {galaxy.AuditFilter{Subject: "user:" + accounts[0].ID.String()}, false},
		"of the last minute":     {galaxy.AuditFilter{From: ago(time.Minute)}, true},
		"of before that":         {galaxy.AuditFilter{Until: ago(time.Minute)}, false},
		"of an action, long ago": {galaxy.AuditFilter{Action: "game.approve", From: ago(2 * time.Hour), Until: ago(time.Hour)}, false},
	} {
		lines, _, err := st.ListAudit(t.Context(), c.filter, galaxy.Page{Limit: 5})
		require.NoError(t, err)
		require.Equal(t, c.want, len(lines) > 0, name)
	}
	seen, page := map[string]bool{}, galaxy.Page{Limit: 2}
	for {
		lines, next, err := st.ListAudit(t.Context(), galaxy.AuditFilter{}, page)
		require.NoError(t, err)
		for _, l := range lines {
			require.False(t, seen[l.ID.String()])
			seen[l.ID.String()] = true
		}
		if page.Cursor = next; next == "" {
			break
		}
	}
	require.Greater(t, len(seen), 5)
}

func ago(d time.Duration) *time.Time {
	at := storetest.Now().Add(-d)
	return &at
}

func TestPlayersAreFoundByWordsAndFilters(t *testing.T) {
	st, conn, _ := opened(t)
	now := storetest.Now()
	by := galaxy.By{Principal: galaxy.Admin("root"), At: now}
	commit := func(c galaxy.AccountChange, err error) galaxy.Account {
		require.NoError(t, err)
		a, _, err := st.CommitAccount(t.Context(), c)
		require.NoError(t, err)
		return a
	}
	ann, _ := storetest.SignIn(t, st, "ann.lee@example.com")
	ann = commit(ann.UpdateProfile("Captain Änn", by))
	bob, _ := storetest.SignIn(t, st, "bob@sample.org")
	ends := now.Add(time.Hour)
	bob = commit(bob.SetTier(galaxy.TierMonthly, &ends, by))
	c, _, err := bob.Sanction(galaxy.Sanction{ID: galaxy.SanctionID{UUID: galaxy.NewID()}, Kind: galaxy.LoginBlock, ReasonCode: "abuse"}, by)
	bob = commit(c, err)
	gone, _ := storetest.SignIn(t, st, "gone@example.com")
	gone = commit(gone.Delete(by), nil)
	find := func(f galaxy.UserFilter) (ids []galaxy.UserID) {
		if f.Now.IsZero() {
			f.Now = now
		}
		found, _, err := st.ListUsers(t.Context(), f, galaxy.Page{Limit: 10})
		require.NoError(t, err)
		for _, a := range found {
			ids = append(ids, a.ID)
		}
		return ids
	}
	for name, c := range map[string]struct {
		filter galaxy.UserFilter
		want   []galaxy.UserID
	}{
		"everybody, newest first":  {galaxy.UserFilter{}, []galaxy.UserID{gone.ID, bob.ID, ann.ID}},
		"part of an address":       {galaxy.UserFilter{Text: "LEE"}, []galaxy.UserID{ann.ID}},
		"an address":               {galaxy.UserFilter{Text: "bob@sample.org"}, []galaxy.UserID{bob.ID}},
		"the beginnings of words":  {galaxy.UserFilter{Text: "capt än"}, []galaxy.UserID{ann.ID}},
		"a user name":              {galaxy.UserFilter{Text: ann.UserName}, []galaxy.UserID{ann.ID}},
		"words of two players":     {galaxy.UserFilter{Text: "ann bob"}, nil},
		"no words at all":          {galaxy.UserFilter{Text: "!&|:*"}, nil},
		"query language":           {galaxy.UserFilter{Text: "ann | bob"}, nil},
		"those who are active":     {galaxy.UserFilter{Status: galaxy.UserActive}, []galaxy.UserID{ann.ID}},
		"those who are blocked":    {galaxy.UserFilter{Status: galaxy.UserBlocked}, []galaxy.UserID{bob.ID}},
		"those who are deleted":    {galaxy.UserFilter{Status: galaxy.UserDeleted}, []galaxy.UserID{gone.ID}},
		"by sanction":              {galaxy.UserFilter{Sanction: galaxy.LoginBlock}, []galaxy.UserID{bob.ID}},
		"by another sanction":      {galaxy.UserFilter{Sanction: galaxy.DiplomailBlock}, nil},
		"by tier":                  {galaxy.UserFilter{Tier: galaxy.TierMonthly}, []galaxy.UserID{bob.ID}},
		"by a tier that has ended": {galaxy.UserFilter{Tier: galaxy.TierMonthly, Now: now.Add(2 * time.Hour)}, nil},
		"free ones, then":          {galaxy.UserFilter{Tier: galaxy.TierFree, Text: "bob", Now: now.Add(2 * time.Hour)}, []galaxy.UserID{bob.ID}},
		"by country":               {galaxy.UserFilter{Country: "DE", Text: "ann"}, []galaxy.UserID{ann.ID}},
		"by another country":       {galaxy.UserFilter{Country: "FR"}, nil},
	} {
		require.Equal(t, c.want, find(c.filter), name)
	}
	// By index: a table this small is scanned unless that is forbidden.
	_, err = conn.Exec(t.Context(), "SET enable_seqscan = off")
	require.NoError(t, err)
	rows, err := conn.Query(t.Context(), "EXPLAIN SELECT user_id FROM accounts a WHERE account_words(a.email, a.user_name, a.display_name) @@ to_tsquery('simple', 'lee:*')")
	require.NoError(t, err)
	plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Contains(t, strings.Join(plan, "\n"), "accounts_words_idx")
	_, err = st.FindUser(t.Context(), "nobody@example.com", "")
	require.True(t, galaxy.Is(err, galaxy.NotFound))
	found, err := st.FindUser(t.Context(), "", bob.UserName)
	require.NoError(t, err)
	require.Equal(t, bob.ID, found)
}

func TestRequestsAreCountedByCountry(t *testing.T) {
	st, _, _ := opened(t)
	ann, _ := storetest.SignIn(t, st, "ann@example.com")
	gone, _ := storetest.SignIn(t, st, "gone@example.com")
	_, _, err := st.CommitAccount(t.Context(), gone.Delete(galaxy.By{At: storetest.Now()}))
	require.NoError(t, err)
	first := storetest.Now()
	before := st.Statements()
	require.NoError(t, st.CountCountries(t.Context(), map[galaxy.CountryKey]int64{{User: ann.ID, Country: "DE"}: 2, {User: ann.ID, Country: "FR"}: 1, {User: gone.ID, Country: "DE"}: 1,
		{User: galaxy.UserID{UUID: galaxy.NewID()}, Country: "DE"}: 1}, first))
	require.EqualValues(t, 3, st.Statements()-before, "the lease's two checks and one for all")
	second := first.Add(time.Minute)
	require.NoError(t, st.CountCountries(t.Context(), map[galaxy.CountryKey]int64{{User: ann.ID, Country: "DE"}: 5}, second))
	h, err := st.UserHistory(t.Context(), ann.ID)
	require.NoError(t, err)
	require.Equal(t, []galaxy.CountryCount{{Country: "DE", Count: 7, FirstSeenAt: first, LastSeenAt: second}, {Country: "FR", Count: 1, FirstSeenAt: first, LastSeenAt: first}}, h.Countries)
	h, err = st.UserHistory(t.Context(), gone.ID)
	require.NoError(t, err)
	require.Empty(t, h.Countries, "whoever is being deleted is not counted any more")
}

func TestWhatIsOldIsPurgedInBatches(t *testing.T) {
	st, conn, _ := opened(t)
	for n := range 5 {
		a, s := storetest.SignIn(t, st, fmt.Sprintf("p%d@example.com", n))
		_, err := st.RevokeSessions(t.Context(), galaxy.Revocation{User: a.ID, Only: &s.ID, Reason: galaxy.RevokedByUser, At: storetest.Now()})
		require.NoError(t, err)
	}
	_, alive := storetest.SignIn(t, st, "p0@example.com")
	_, err := conn.Exec(t.Context(), "UPDATE auth_challenges SET created_at = created_at - interval '3 days'; UPDATE device_sessions SET revoked_at = revoked_at - interval '100 days'")
	require.NoError(t, err)
	storetest.AddChallenge(t, st, "fresh@example.com")
	before := storetest.Now().Add(-48 * time.Hour)
	for _, c := range []struct {
		purge func(context.Context, time.Time, int) (int, error)
		want  []int
	}{{st.PurgeChallenges, []int{4, 2, 0}}, {st.PurgeSessions, []int{4, 1, 0}}} {
		for _, want := range c.want {
			n, err := c.purge(t.Context(), before, 4)
			require.NoError(t, err)
			require.Equal(t, want, n)
		}
	}
	_, err = st.Session(t.Context(), alive.ID)
	require.NoError(t, err)
	left, err := st.Challenges(t.Context(), "fresh@example.com", before)
	require.NoError(t, err)
	require.Len(t, left, 1)
}

func TestAnExportHoldsWhatIsKept(t *testing.T) {
	st, _, dsn := opened(t)
	g, accounts := storetest.Game(t, st, 2)
	ann := accounts[0]
	require.NoError(t, st.SaveOrders(t.Context(), galaxy.StoredOrders{Game: g.ID, Turn: 1, Race: g.Members[0].Race, User: ann.ID, Revision: 1, Commands: []byte(`[{"type":"peace"}]`), StoredAt: storetest.Now()}))
	c, err := ann.UpdateProfile("Ann", galaxy.By{Principal: galaxy.User(ann.ID), At: storetest.Now()})
	require.NoError(t, err)
	_, _, err = st.CommitAccount(t.Context(), c)
	require.NoError(t, err)
	e, err := st.ExportUser(t.Context(), ann.ID)
	require.NoError(t, err)
	require.Len(t, e.Sessions, 1)
	require.Len(t, e.Games, 1)
	require.Len(t, e.Applications, 1)
	require.Len(t, e.Orders, 1)
	require.NotEmpty(t, e.Routes)
	require.Equal(t, ann.Email, e.Mails[0].To)
	require.Len(t, e.Challenges, 1)
	require.Equal(t, "account.profile", e.Actions[0].Action)
	// Whatever table has a row that names the player, the export has something of it.
	exported, err := json.Marshal(e)
	require.NoError(t, err)
	require.Contains(t, string(exported), ann.Email)
	known := map[string]bool{"accounts": true, "entitlement_snapshots": true, "device_sessions": true, "memberships": true, "applications": true, "orders": true,
		"notification_routes": true, "race_names": true, "audit": true, "games": true, "race_name_history": true, "invites": true}
	for _, column := range storetest.Search(t, dsn, ann.ID.String()) {
		table, _, _ := strings.Cut(column, ".")
		if strings.HasPrefix(table, "audit_") {
			table = "audit"
		}
		require.True(t, known[table], "%s holds something about a player that is not exported", column)
	}
}

func TestAnAddressWithoutAnAccountIsForgottenWithTheAccountThatAskedForIt(t *testing.T) {
	st, _, dsn := opened(t)
	ann, _ := storetest.SignIn(t, st, "ann@example.com")
	bob, _ := storetest.SignIn(t, st, "bob@example.com")
	for _, email := range []string{"nobody@example.com", "bob@example.com"} {
		_, err := st.AddChallenge(t.Context(), galaxy.NewChallenge{Challenge: galaxy.Challenge{ID: galaxy.ChallengeID{UUID: galaxy.NewID()}, Email: email, User: &ann.ID, CodeHash: []byte("x"),
			CreatedAt: storetest.Now(), ExpiresAt: storetest.Now().Add(time.Hour)}, Delivery: galaxy.NewDelivery{ID: galaxy.DeliveryID{UUID: galaxy.NewID()}, Template: "auth.email_code",
			Key: galaxy.NewID().String(), To: email, Payload: []byte(`{}`)}})
		require.NoError(t, err)
	}
	for range 2 {
		require.NoError(t, st.EraseMails(t.Context(), ann.ID, storetest.Now()))
		require.NoError(t, st.EraseTraces(t.Context(), ann.ID))
	}
	require.NotContains(t, strings.Join(storetest.Search(t, dsn, "nobody@example.com"), " "), "mail_")
	mails, err := st.ExportUser(t.Context(), bob.ID)
	require.NoError(t, err)
	require.NotEmpty(t, mails.Mails, "what was mailed to another player is that player's")
	require.NotEmpty(t, mails.Sessions)
}

// TestTwoWhoMakeTheSameMonthAtOnce: a start, and the sweep of the one before.
func TestTwoWhoMakeTheSameMonthAtOnce(t *testing.T) {
	st, _, _ := opened(t)
	for year := range 5 {
		at := storetest.Now().AddDate(year+1, 0, 0)
		var both errgroup.Group
		for range 4 {
			both.Go(func() error {
				_, err := st.KeepAudit(t.Context(), at, at.AddDate(-10, 0, 0))
				return err
			})
		}
		require.NoError(t, both.Wait())
	}
}
