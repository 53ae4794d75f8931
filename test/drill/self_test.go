package drill

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"galaxy/backend/internal/postgres/pgtest"
)

func TestTheJudgeOfOrders(t *testing.T) {
	at := func(second int) time.Time { return time.Unix(int64(second), 0) }
	given := func(label string, began, ended int, f fate, revision int64) *list {
		l := &list{label: label, began: at(began), fate: f, revision: revision}
		if ended > 0 {
			l.ended = at(ended)
		}
		return l
	}
	for name, c := range map[string]struct {
		lists  []*list
		played string
		want   verdict
	}{
		"none were given":                                 {nil, "", orderRight},
		"the accepted one is played":                      {[]*list{given("a", 1, 2, accepted, 1)}, "a", orderRight},
		"the accepted one is missing":                     {[]*list{given("a", 1, 2, accepted, 1)}, "", orderLost},
		"an older one is played":                          {[]*list{given("a", 1, 2, accepted, 1), given("b", 3, 4, accepted, 2)}, "a", orderLost},
		"the greater revision counts, not the end":        {[]*list{given("a", 1, 5, accepted, 1), given("b", 1, 2, accepted, 2)}, "b", orderRight},
		"one without an answer is played":                 {[]*list{given("a", 1, 2, unknown, 0)}, "a", orderRight},
		"one without an answer is not played":             {[]*list{given("a", 1, 2, unknown, 0)}, "", orderRight},
		"a later one without an answer is played":         {[]*list{given("a", 1, 2, accepted, 1), given("b", 3, 4, unknown, 0)}, "b", orderRight},
		"one that never ended is played":                  {[]*list{given("b", 1, 0, unknown, 0), given("a", 2, 3, accepted, 1)}, "b", orderRight},
		"an earlier one without an answer comes too late": {[]*list{given("b", 1, 2, unknown, 0), given("a", 3, 4, accepted, 1)}, "b", orderLost},
		"a refused one is played":                         {[]*list{given("a", 1, 2, refused, 0)}, "a", orderWrong},
		"a refused one replaces an accepted one":          {[]*list{given("a", 1, 2, accepted, 1), given("b", 3, 4, refused, 0)}, "b", orderLost},
		"one of another turn is played":                   {nil, "x", orderWrong},
	} {
		t.Run(name, func(t *testing.T) {
			got, text := fit(c.lists, c.played)
			require.Equal(t, c.want, got, text)
		})
	}
}

func TestATransactionIsNamedByWhatItWrites(t *testing.T) {
	for sql, want := range map[string]string{
		"SELECT 1 FROM accounts WHERE user_id = $1 FOR NO KEY UPDATE":                                                  "",
		"WITH hit AS (UPDATE backend.games SET (a) = (1) RETURNING 1) SELECT 1 FROM hit":                               "games",
		"INSERT INTO orders (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 2":                                        "orders",
		"WITH due AS (SELECT 1 FROM x FOR UPDATE SKIP LOCKED), c AS (UPDATE notification_routes r SET a = 1) SELECT 1": "notification_routes",
		"WITH m AS (INSERT INTO b (a) VALUES (1)), n AS (DELETE FROM a), o AS (INSERT INTO b (a) VALUES (2)) SELECT 1": "a+b",
	} {
		require.Equal(t, want, tables(written(sql)), sql)
	}
}

// The service is a connection here that breaks when it is killed.
func TestATrapIsSprungBeforeOrAfterTheCommit(t *testing.T) {
	dsn := pgtest.Empty(t)
	judge, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer judge.Close(t.Context())
	_, err = judge.Exec(t.Context(), "CREATE SCHEMA backend; CREATE TABLE notes (n int); CREATE TABLE others (n int)")
	require.NoError(t, err)
	w, over, err := lay(dsn)
	require.NoError(t, err)
	defer w.l.Close()
	write := func(n int) error {
		service, err := pgx.Connect(t.Context(), over)
		require.NoError(t, err)
		defer service.Close(t.Context())
		batch := &pgx.Batch{}
		batch.Queue("INSERT INTO notes (n) VALUES ($1)", n)
		batch.Queue("INSERT INTO others (n) VALUES ($1)", n)
		return service.SendBatch(t.Context(), batch).Close()
	}
	w.listen(true)
	require.NoError(t, write(1))
	require.Equal(t, []string{"notes+others"}, w.listen(false))
	for _, after := range []bool{false, true} {
		n, killed := 2, false
		if after {
			n = 4
		}
		trap := newTrap(func(commit string) bool { return commit == "notes+others" }, 2, after, func() { killed = true })
		w.arm(trap)
		require.NoError(t, write(n), "the first is let through")
		require.Error(t, write(n+1))
		<-trap.sprung
		require.True(t, killed)
		require.True(t, w.arm(nil))
		var stored int
		require.Eventually(t, func() bool { // the one that was cut off is rolled back, or was committed
			require.NoError(t, judge.QueryRow(t.Context(), "SELECT count(*) FROM notes WHERE n = $1", n+1).Scan(&stored))
			return after == (stored == 1)
		}, 10*time.Second, 5*time.Millisecond)
	}
}
