package bench

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"galaxy/backend/engineapi"
	"galaxy/backend/galaxy"
)

// handmade is a game whose turns are made by hand: the same calls to its engine, and the same statements in as many transactions,
// each of them in one round trip.
type handmade struct {
	pool    *pgxpool.Pool
	client  *http.Client
	engine  string // address; of a game without one only the database's part can be done
	id      uuid.UUID
	users   []uuid.UUID
	races   []string
	version int64
	turn    int
	pushes  chan uuid.UUID // by player
}

// handZips are kept, as the service keeps its own.
var handZips = sync.Pool{New: func() any {
	zip, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	return zip
}}

// handPool is a pool like the service's.
func handPool(t *testing.T, dsn string) *pgxpool.Pool {
	pool, err := pgxpool.New(t.Context(), dsn+"&pool_max_conns=25")
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

// handmadeGames gives the games of a league for that.
func handmadeGames(t *testing.T, pool *pgxpool.Pool, ids ...galaxy.GameID) []*handmade {
	of := map[uuid.UUID]*handmade{}
	games := make([]*handmade, len(ids))
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 5, DisableCompression: true}}
	for i, id := range ids {
		games[i] = &handmade{pool: pool, client: client, id: id.UUID, version: 1}
		of[id.UUID] = games[i]
	}
	rows, err := pool.Query(t.Context(), `SELECT game_id, user_id, race_name FROM memberships`)
	require.NoError(t, err)
	var game, user uuid.UUID
	var race string
	_, err = pgx.ForEachRow(rows, []any{&game, &user, &race}, func() error {
		if g := of[game]; g != nil {
			g.users, g.races = append(g.users, user), append(g.races, race)
		}
		return nil
	})
	require.NoError(t, err)
	return games
}

// play makes a turn that is due, and gives the time at which its reports were stored and everybody's push was received. The routes
// of the pushes are recorded when it returns.
func (g *handmade) play(ctx context.Context, due time.Time) (done time.Time, err error) {
	if g.pushes == nil {
		g.pushes = make(chan uuid.UUID, queueSize)
	}
	time.Sleep(time.Until(due))
	if err := g.make(ctx, due); err != nil {
		return done, err
	}
	received := make(chan time.Time, 1)
	go func() {
		for range g.users {
			<-g.pushes
		}
		received <- time.Now()
	}()
	var stored time.Time
	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() error {
		_, err := g.tell(ctx)
		return err
	})
	work.Go(func() (err error) {
		err = g.report(ctx)
		stored = time.Now()
		return err
	})
	if err := work.Wait(); err != nil {
		return done, err
	}
	if done = <-received; done.Before(stored) {
		done = stored
	}
	return done, nil
}

// make has the engine make a turn, and records it.
func (g *handmade) make(ctx context.Context, due time.Time) error {
	if err := g.claim(ctx, due); err != nil {
		return err
	}
	if err := g.orders(ctx); err != nil {
		return err
	}
	var status engineapi.Status
	if err := g.call(ctx, http.MethodGet, "/api/v1/admin/status", nil, &status); err != nil {
		return err
	}
	if status.CurrentTurn != g.turn {
		return fmt.Errorf("the engine shows turn %d in place of %d", status.CurrentTurn, g.turn)
	}
	var made engineapi.TurnResult
	if err := g.call(ctx, http.MethodPut, "/api/v1/admin/turn", engineapi.TurnRequest{ExpectedTurn: &g.turn}, &made); err != nil {
		return err
	}
	return g.record(ctx, due, made.Status)
}

// store makes the database's part of a turn, until it is made.
func (g *handmade) store(ctx context.Context, due time.Time) error {
	if err := g.claim(ctx, due); err != nil {
		return err
	}
	if err := g.orders(ctx); err != nil {
		return err
	}
	return g.record(ctx, due, g.shows())
}

// shows is what an engine would show that has made the next turn.
func (g *handmade) shows() engineapi.Status {
	s := engineapi.Status{StateDigest: fmt.Sprintf("%s@%d", g.id, g.turn+1)}
	for _, race := range g.races {
		s.Players = append(s.Players, engineapi.Player{RaceName: race, Planets: 1, Population: 100})
	}
	return s
}

// commit sends a transaction of the game.
func (g *handmade) commit(ctx context.Context, fill func(b *pgx.Batch, now time.Time)) error {
	b, now := fenced(), time.Now()
	b.Queue(`WITH hit AS (UPDATE games SET version = $2 + 1, updated_at = $3 WHERE game_id = $1 AND version = $2 RETURNING game_id) SELECT fence(count(*), 'row') FROM hit`, g.id, g.version, now)
	fill(b, now)
	g.version++
	return g.pool.SendBatch(ctx, b).Close()
}

// fenced begins a transaction as the service does.
func fenced() *pgx.Batch {
	b := &pgx.Batch{}
	b.Queue(`SELECT pg_advisory_xact_lock_shared(1)`)
	b.Queue(`SELECT fence(count(*), 'lease') FROM lease WHERE epoch = 0`)
	return b
}

func (g *handmade) audit(b *pgx.Batch, now time.Time, action string) {
	b.Queue(`INSERT INTO audit (audit_id, at, actor_kind, actor_id, action, subject) VALUES ($1, $2, 'system', 'schedule', $3, $4)`, galaxy.NewID(), now, action, "game:"+g.id.String())
}

func (g *handmade) claim(ctx context.Context, due time.Time) error {
	return g.commit(ctx, func(b *pgx.Batch, now time.Time) {
		b.Queue(`UPDATE runtimes SET status = 'generation_in_progress', early_at = NULL, op_kind = 'turn', op_number = op_number + 1, op_attempt = 1, op_since = $2, op_turn = $3, op_cause = 'schedule',
			op_by_kind = 'system', op_by = 'schedule', op_due = $4, why = 'generating', why_text = $5, why_since = $2 WHERE game_id = $1`, g.id, now, g.turn+1, due, fmt.Sprintf("turn %d is being made", g.turn+1))
		g.audit(b, now, "game.turn_claimed")
	})
}

// orders reads the lists and batches of the turn, of which there are none.
func (g *handmade) orders(ctx context.Context) error {
	b := &pgx.Batch{}
	for _, table := range []string{"orders", "order_batches"} {
		b.Queue(`SELECT * FROM `+table+` WHERE game_id = $1 AND epoch = 0 AND turn = $2 ORDER BY race_name`, g.id, g.turn+1)
	}
	return g.pool.SendBatch(ctx, b).Close()
}

func (g *handmade) record(ctx context.Context, due time.Time, s engineapi.Status) error {
	g.turn++
	n := len(s.Players)
	races, planets, ships, extinct := make([]string, n), make([]int32, n), make([]int32, n), make([]bool, n)
	population, industry, votes := make([]float64, n), make([]float64, n), make([]float64, n)
	for i, p := range s.Players {
		races[i], planets[i], ships[i], population[i], industry[i], votes[i] = p.RaceName, int32(p.Planets), int32(p.Ships), p.Population, p.Industry, p.Votes
	}
	routes, channels := make([]uuid.UUID, len(g.users)), make([]string, len(g.users))
	for i := range routes {
		routes[i], channels[i] = galaxy.NewID(), "push"
	}
	return g.commit(ctx, func(b *pgx.Batch, now time.Time) {
		b.Queue(`UPDATE runtimes SET status = 'running', turn = $2, digest = $3, deadline = $4, deadline_set_at = $5, op_kind = NULL, op_attempt = 0, op_since = NULL, op_turn = NULL, op_cause = NULL,
			op_by_kind = NULL, op_by = NULL, op_due = NULL, why = 'waiting_deadline', why_text = 'orders are open until the deadline', why_since = $5 WHERE game_id = $1`,
			g.id, g.turn, s.StateDigest, now.Add(24*time.Hour), now)
		b.Queue(`INSERT INTO game_turns (game_id, epoch, turn, digest, made_at) VALUES ($1, 0, $2, $3, $4)`, g.id, g.turn, s.StateDigest, now)
		b.Queue(`INSERT INTO player_stats (game_id, epoch, turn, race_name, planets, population, industry, ships, votes, extinct, banished)
			SELECT $1, 0, $2, * FROM unnest($3::text[], $4::int[], $5::float8[], $6::float8[], $7::int[], $8::float8[], $9::bool[], $9::bool[])`,
			g.id, g.turn, races, planets, population, industry, ships, votes, extinct)
		b.Queue(`INSERT INTO game_timeline (entry_id, game_id, epoch, turn, outcome, cause, by_kind, by_id, deadline, at, lateness_ms) VALUES ($1, $2, 0, $3, 'ran', 'schedule', 'system', 'schedule', $4, $5, $6)`,
			galaxy.NewID(), g.id, g.turn, due, now, now.Sub(due).Milliseconds())
		g.audit(b, now, "game.turn_made")
		notice := galaxy.NewID()
		b.Queue(`INSERT INTO notifications (notice_id, kind, dedupe_key, payload, created_at) VALUES ($1, 'game.turn.ready', $2, $3, $4) ON CONFLICT (kind, dedupe_key) DO NOTHING`,
			notice, fmt.Sprintf("turn-ready:%s:%d", g.id, g.turn), fmt.Sprintf(`{"game_id":%q,"turn":%d}`, g.id, g.turn), now)
		b.Queue(`INSERT INTO notification_routes (route_id, notice_id, channel, user_id, status, next_attempt_at, created_at)
			SELECT r.id, $2, r.channel, r.usr, 'pending', $5, $5 FROM unnest($1::uuid[], $3::text[], $4::uuid[]) r (id, channel, usr) WHERE EXISTS (SELECT FROM notifications n WHERE n.notice_id = $2)`,
			routes, notice, channels, g.users, now)
	})
}

// tellAtOnce is how many routes are claimed at once.
const tellAtOnce = 128

// tell claims routes, sends each player's push, and records that. It gives how many there were.
func (g *handmade) tell(ctx context.Context) (told int, err error) {
	b, now := fenced(), time.Now()
	var claimed []handRoute
	b.Queue(`WITH due AS (SELECT route_id FROM notification_routes WHERE status IN ('pending', 'retrying') AND next_attempt_at <= $1
			ORDER BY next_attempt_at, route_id LIMIT $2 FOR UPDATE SKIP LOCKED),
		claimed AS (UPDATE notification_routes r SET attempts = attempts + 1, next_attempt_at = $3 FROM due WHERE r.route_id = due.route_id
			RETURNING r.route_id, r.notice_id, r.channel, r.user_id, r.attempts, r.created_at)
		SELECT c.route_id, c.user_id, c.attempts, n.kind, a.email, coalesce(n.kind = ANY(a.email_off), false), n.payload, n.request_id, n.dedupe_key, c.created_at
		FROM claimed c JOIN notifications n USING (notice_id) LEFT JOIN accounts a USING (user_id) ORDER BY c.route_id`, now, tellAtOnce, now.Add(30*time.Second)).
		Query(func(rows pgx.Rows) (err error) {
			claimed, err = pgx.CollectRows(rows, pgx.RowToStructByPos[handRoute])
			return err
		})
	if err := g.pool.SendBatch(ctx, b).Close(); err != nil {
		return 0, err
	}
	n := len(claimed)
	ids, attempts, states, details, settled := make([]uuid.UUID, n), make([]int, n), make([]string, n), make([]string, n), make([]time.Time, n)
	for i, r := range claimed {
		g.pushes <- r.User
		ids[i], attempts[i], states[i], settled[i] = r.ID, r.Attempt, "delivered", time.Now()
	}
	b = fenced()
	b.Queue(`UPDATE notification_routes r SET status = o.status, detail = o.detail, next_attempt_at = o.next, settled_at = o.settled
		FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[]) o (route_id, attempt, status, detail, next, settled)
		WHERE r.route_id = o.route_id AND r.attempts = o.attempt AND r.status IN ('pending', 'retrying')`, ids, attempts, states, details, settled, settled)
	return n, g.pool.SendBatch(ctx, b).Close()
}

type handRoute struct {
	ID, User        uuid.UUID
	Attempt         int
	Kind, Email     string
	Unwanted        bool
	Payload         []byte
	Request, Dedupe string
	CreatedAt       time.Time
}

// report reads everybody's report, three at a time, and stores them.
func (g *handmade) report(ctx context.Context) error {
	bodies := make([][]byte, len(g.races))
	var mu sync.Mutex
	read, readCtx := errgroup.WithContext(ctx)
	read.SetLimit(3)
	for i, race := range g.races {
		read.Go(func() error {
			var raw json.RawMessage
			if err := g.call(readCtx, http.MethodGet, "/api/v1/report?"+url.Values{"raceName": {race}, "turn": {strconv.Itoa(g.turn)}}.Encode(), nil, &raw); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			bodies[i] = raw
			return nil
		})
	}
	if err := read.Wait(); err != nil {
		return err
	}
	if err := compress(bodies); err != nil {
		return err
	}
	return g.commit(ctx, func(b *pgx.Batch, _ time.Time) {
		b.Queue(`UPDATE runtimes SET reports = $2 WHERE game_id = $1`, g.id, g.turn)
		b.Queue(`INSERT INTO reports (game_id, epoch, turn, race_name, body) SELECT $1, 0, $2, * FROM unnest($3::text[], $4::bytea[]) ON CONFLICT DO NOTHING`, g.id, g.turn, g.races, bodies)
	})
}

// compress puts what is compressed in the place of each.
func compress(bodies [][]byte) error {
	zip, _ := handZips.Get().(*gzip.Writer)
	defer handZips.Put(zip)
	for i, body := range bodies {
		var out bytes.Buffer
		zip.Reset(&out)
		if _, err := zip.Write(body); err != nil {
			return err
		}
		if err := zip.Close(); err != nil {
			return err
		}
		bodies[i] = out.Bytes()
	}
	return nil
}

// call asks the engine; nobody looks at an answer that goes into nil.
func (g *handmade) call(ctx context.Context, method, path string, body, into any) error {
	var in io.Reader = http.NoBody
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return err
		}
		in = bytes.NewReader(raw)
	}
	r, err := http.NewRequestWithContext(ctx, method, g.engine+path, in)
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(engineapi.GameHeader, g.id.String())
	res, err := g.client.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode >= 300 {
		err = &refused{res.Status, string(raw)}
	}
	if err != nil {
		return err
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(raw, into)
}
