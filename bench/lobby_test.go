package bench

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/game"
	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/enginetest"
	"galaxy/backend/store/storetest"
)

// clients is how many join games at once.
const clients = 16

// manySeats lets a player sit in as many games as a bench needs.
const manySeats = `INSERT INTO user_limits (user_id, name, value, set_at, set_by) SELECT user_id, 'max_active_memberships', 1000000, now(), 'bench' FROM accounts`

// crowd makes players who may sit in any number of games, by the names of their races.
func crowd(w *world, n int) (users []galaxy.UserID, races []string) {
	for i := range n {
		a, _ := storetest.SignIn(w.T, w.st, fmt.Sprintf("crowd%d@example.com", i))
		users, races = append(users, a.ID), append(races, fmt.Sprintf("Crowd-%d", i))
	}
	w.exec(manySeats)
	for _, id := range users {
		a, err := w.st.Account(w.Context(), id)
		require.NoError(w, err)
		w.system.Rights.Add(a)
	}
	return users, races
}

func (w *world) exec(sql string, args ...any) {
	pool, err := pgxpool.New(w.Context(), w.dsn)
	require.NoError(w, err)
	defer pool.Close()
	_, err = pool.Exec(w.Context(), sql, args...)
	require.NoError(w, err)
}

// opened makes a game with open enrolment, changed as the bench wants it.
func (w *world) opened(change func(*galaxy.GameChange)) galaxy.Game {
	by := galaxy.By{Principal: galaxy.Admin("root"), At: storetest.Now()}
	c, err := galaxy.NewGame(galaxy.GameID{UUID: galaxy.NewID()}, galaxy.Public, galaxy.GameSpec{Name: "Bench", MinPlayers: 2, MaxPlayers: 64,
		Schedule: galaxy.Schedule{Cron: "0 21 * * *"}}, galaxy.Idempotency{}, by, time.Minute)
	require.NoError(w, err)
	c, err = c.Next.OpenEnrollment(new(by.At.Add(24*time.Hour)), by)
	require.NoError(w, err)
	change(&c)
	return storetest.Commit(w.T, w.st, c)
}

// benchJoin: applications and approvals in distinct games, beside a loop that runs the same statements. Neither side
// delivers the notices that it stores: that is other workers' work.
func benchJoin(t *testing.T) {
	const seats = 60
	games := 40
	if !*full {
		games = 2
	}
	w := newWorld(t, enginetest.New(t))
	require.NoError(t, w.system.DrainPush(t.Context()))
	users, races := crowd(w, clients*seats)
	pool := handPool(t, w.dsn)
	stage := func() (ids [clients][]galaxy.GameID) {
		for c := range clients {
			for range games {
				ids[c] = append(ids[c], w.opened(func(*galaxy.GameChange) {}).ID)
			}
		}
		return ids
	}
	root := game.By{Principal: galaxy.Admin("root")}
	ours, byHand := stage(), stage()
	oursAt, byHandAt := [clients]int{}, [clients]int{}
	seat := func(c, n int) (int, int) { // game and player of a client's n-th join
		require.Less(t, n/seats, games, "there are too few games for so many joins")
		return n / seats, c*seats + n%seats
	}
	comparison{name: "lobby/join", unit: "joins/s",
		ours: joins(t, &oursAt, func(c, n int) error {
			g, u := seat(c, n)
			ref := w.system.Games.Ref(ours[c][g])
			a, err := kit.Ask(t.Context(), ref, game.Apply{User: users[u], Race: races[u]})
			if err == nil {
				_, err = kit.Ask(t.Context(), ref, game.Approve{By: root, Application: a.ID})
			}
			return err
		}),
		limit: joins(t, &byHandAt, func(c, n int) error {
			g, u := seat(c, n)
			return joinByHand(t.Context(), pool, byHand[c][g], users[u], races[u])
		})}.run(t)
}

// joins has every client join as often as it can for one sample's time.
func joins(t *testing.T, at *[clients]int, join func(client, n int) error) func() float64 {
	return func() float64 {
		var done atomic.Int64
		var wg sync.WaitGroup
		began := time.Now()
		for c := range clients {
			wg.Go(func() {
				for time.Since(began) < sample() {
					if err := join(c, at[c]); err != nil {
						t.Errorf("a join failed: %v", err)
						return
					}
					at[c]++
					done.Add(1)
				}
			})
		}
		wg.Wait()
		return float64(done.Load()) / time.Since(began).Seconds()
	}
}

// joinByHand is what the service stores of an application and its approval, each in one transaction and one round trip.
func joinByHand(ctx context.Context, pool *pgxpool.Pool, id galaxy.GameID, user galaxy.UserID, race string) error {
	key, err := galaxy.RaceKey(race)
	if err != nil {
		return err
	}
	application, now := galaxy.NewID(), time.Now()
	apply, approve := &pgx.Batch{}, &pgx.Batch{}
	for _, b := range []*pgx.Batch{apply, approve} {
		b.Queue(`SELECT pg_advisory_xact_lock_shared(1)`)
		b.Queue(`SELECT fence(count(*), 'lease') FROM lease WHERE epoch = 1`)
		b.Queue(`WITH hit AS (UPDATE games SET version = version + 1, updated_at = $2, wake_at = enrollment_ends_at WHERE game_id = $1 RETURNING 1) SELECT fence(count(*), 'row') FROM hit`, id.UUID, now)
		b.Queue(`UPDATE runtimes SET why_since = $2 WHERE game_id = $1`, id.UUID, now)
		b.Queue(`SELECT 1 FROM accounts WHERE user_id = $1 FOR NO KEY UPDATE`, user.UUID)
		b.Queue(`SELECT fence(count(*), 'blocked') FROM accounts a WHERE a.user_id = $1 AND a.deletion = '' AND NOT EXISTS (SELECT FROM sanctions s WHERE s.user_id = a.user_id
			AND s.lifted_at IS NULL AND (s.expires_at IS NULL OR s.expires_at > $2) AND s.kind IN ('game_join_block', 'permanent_block'))`, user.UUID, now)
		b.Queue(`SELECT fence((count(*) < 1000000)::int, 'seats') FROM memberships m JOIN games g USING (game_id) WHERE m.user_id = $1 AND m.status = 'active' AND g.status NOT IN ('finished', 'cancelled')`, user.UUID)
	}
	apply.Queue(`INSERT INTO applications (application_id, game_id, user_id, race_name, race_key, status, created_at) VALUES ($1, $2, $3, $4, $5, 'pending', $6)
		ON CONFLICT (application_id) DO UPDATE SET status = excluded.status`, application, id.UUID, user.UUID, race, key, now)
	approve.Queue(`INSERT INTO memberships (membership_id, game_id, user_id, race_name, race_key, status, joined_at, holds_name) VALUES ($1, $2, $3, $4, $5, 'active', $6, true)
		ON CONFLICT (membership_id) DO UPDATE SET status = excluded.status`, galaxy.NewID(), id.UUID, user.UUID, race, key, now)
	approve.Queue(`INSERT INTO applications (application_id, game_id, user_id, race_name, race_key, status, created_at) VALUES ($1, $2, $3, $4, $5, 'approved', $6)
		ON CONFLICT (application_id) DO UPDATE SET status = excluded.status, decided_at = $6`, application, id.UUID, user.UUID, race, key, now)
	approve.Queue(`INSERT INTO race_names (race_key, user_id, race_name, status, since) VALUES ($1, $2, $3, 'reserved', $4)
		ON CONFLICT (race_key) DO UPDATE SET user_id = race_names.user_id WHERE race_names.user_id = excluded.user_id`, key, user.UUID, race, now)
	approve.Queue(`INSERT INTO race_name_reservations (game_id, race_key, race_name) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, id.UUID, key, race)
	approve.Queue(`INSERT INTO race_name_history (entry_id, race_key, race_name, user_id, event, game_id, at) VALUES ($1, $2, $3, $4, 'reserved', $5, $6)`, galaxy.NewID(), key, race, user.UUID, id.UUID, now)
	for i, b := range []*pgx.Batch{apply, approve} {
		kind, notice := []string{"lobby.application.submitted", "lobby.application.approved"}[i], galaxy.NewID()
		b.Queue(`INSERT INTO audit (audit_id, at, actor_kind, actor_id, action, subject) VALUES ($1, $2, 'user', $3, 'game.apply', $4)`, galaxy.NewID(), now, user.String(), "game:"+id.String())
		b.Queue(`INSERT INTO notifications (notice_id, kind, dedupe_key, payload, created_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (kind, dedupe_key) DO NOTHING`,
			notice, kind, application.String(), fmt.Sprintf(`{"game_id":%q}`, id), now)
		for n := range i + 1 { // the second is told by mail too
			b.Queue(`INSERT INTO notification_routes (route_id, notice_id, channel, user_id, status, next_attempt_at, created_at) VALUES ($1, $2, $3, $4, 'delivered', $5, $5)`,
				galaxy.NewID(), notice, []string{"push", "email"}[n], user.UUID, now)
		}
		if err := pool.SendBatch(ctx, b).Close(); err != nil {
			return err
		}
	}
	return nil
}

// rivals is how many want one seat.
const rivals = 64

// benchContended: the last seat of a game, for which all ask at once, beside a loop that locks the game's row.
func benchContended(t *testing.T) {
	w := newWorld(t, enginetest.New(t))
	users, races := crowd(w, rivals)
	pool := handPool(t, w.dsn)
	rounds := 20
	if !*full {
		rounds = 1
	}
	stage := func() (all []galaxy.Game) {
		for range rounds {
			all = append(all, w.opened(func(c *galaxy.GameChange) {
				c.Next.Visibility, c.Next.MinPlayers, c.Next.MaxPlayers, c.Next.StartGapHours = galaxy.Private, 1, 1, 24
				for _, u := range users {
					c.Invites = append(c.Invites, galaxy.Invite{ID: galaxy.InviteID{UUID: galaxy.NewID()}, Game: c.Next.ID, User: u, Inviter: galaxy.Admin("root"),
						Status: galaxy.InvitePending, CreatedAt: c.Next.CreatedAt, ExpiresAt: c.Next.CreatedAt.Add(time.Hour)})
				}
				c.Next.Invites = c.Invites
			}))
		}
		return all
	}
	comparison{name: "lobby/contended", unit: "seats/s",
		ours: func() float64 {
			games := stage()
			return contend(t, rounds, func(round, i int) (bool, error) {
				g := games[round]
				_, err := kit.Ask(t.Context(), w.system.Games.Ref(g.ID), game.Redeem{User: users[i], Invite: g.Invites[i].ID, Race: races[i]})
				if galaxy.Is(err, galaxy.Conflict) {
					return false, nil
				}
				return err == nil, err
			})
		},
		limit: func() float64 {
			games := stage()
			return contend(t, rounds, func(round, i int) (won bool, err error) {
				g := games[round]
				err = pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
					var most, taken int
					if err := tx.QueryRow(t.Context(), `SELECT max_players FROM games WHERE game_id = $1 FOR UPDATE`, g.ID.UUID).Scan(&most); err != nil {
						return err
					}
					err := tx.QueryRow(t.Context(), `SELECT count(*) FROM memberships WHERE game_id = $1 AND status = 'active'`, g.ID.UUID).Scan(&taken)
					if won = taken < most; err != nil || !won {
						return err
					}
					_, err = tx.Exec(t.Context(), `INSERT INTO memberships (membership_id, game_id, user_id, race_name, race_key, status, joined_at) VALUES ($1, $2, $3, $4, $4, 'active', now())`,
						galaxy.NewID(), g.ID.UUID, users[i].UUID, races[i])
					return err
				})
				return won, err
			})
		}}.run(t)
}

// contend has all rivals ask for the seat of each round, and gives the seats that were taken per second.
func contend(t *testing.T, rounds int, ask func(round, rival int) (won bool, err error)) float64 {
	began := time.Now()
	for round := range rounds {
		var winners atomic.Int64
		var wg sync.WaitGroup
		for i := range rivals {
			wg.Go(func() {
				won, err := ask(round, i)
				if err != nil {
					t.Errorf("a rival failed: %v", err)
				}
				if won {
					winners.Add(1)
				}
			})
		}
		wg.Wait()
		if winners.Load() != 1 {
			t.Errorf("%d rivals got the seat", winners.Load())
			return 0
		}
	}
	return float64(rounds) / time.Since(began).Seconds()
}
