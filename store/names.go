package store

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"galaxy/backend/galaxy"
)

// names moves race names in the directory, in a number of statements that does not grow with them. game is the one that
// a name is reserved in; nil for names that were won.
func (t *tx) names(game *galaxy.GameID, at time.Time, names []galaxy.NameChange) {
	if len(names) == 0 {
		return
	}
	moves := map[galaxy.NameMove]*nameColumns{}
	for _, n := range names {
		if moves[n.Move] == nil {
			moves[n.Move] = &nameColumns{}
		}
		moves[n.Move].add(n)
	}
	// Released keys first: a name may be given from one player to another in one change.
	t.release(game, moves[galaxy.NameRelease])
	t.reserve(game, at, moves[galaxy.NameReserve])
	t.win(game, at, moves[galaxy.NameWin])
	t.expire(at, moves[galaxy.NameExpire])
	t.nameHistory(game, at, names)
}

// nameColumns are the columns of changes that are made together.
type nameColumns struct {
	keys, names []string
	users       []uuid.UUID
	expires     []*time.Time
}

func (n *nameColumns) add(c galaxy.NameChange) {
	n.keys, n.names = append(n.keys, c.Key), append(n.names, c.Name)
	n.users, n.expires = append(n.users, c.User.UUID), append(n.expires, c.Expires)
}

// reserve takes keys. The primary key decides who of two players gets one: the row is only touched when it belongs to the
// same player, and the transaction ends when it does not.
func (t *tx) reserve(game *galaxy.GameID, at time.Time, n *nameColumns) {
	if n == nil {
		return
	}
	t.raw(`WITH hit AS (INSERT INTO race_names (race_key, user_id, race_name, status, since)
			SELECT key, usr, name, 'reserved', $4 FROM unnest($1::text[], $2::uuid[], $3::text[]) n (key, usr, name) ORDER BY key
			ON CONFLICT (race_key) DO UPDATE SET user_id = race_names.user_id WHERE race_names.user_id = EXCLUDED.user_id RETURNING 1)
		SELECT fence((count(*) = $5)::int, 'taken') FROM hit`, n.keys, n.users, n.names, at, len(n.keys))
	t.raw(`INSERT INTO race_name_reservations (game_id, race_key, race_name)
		SELECT $1, key, name FROM unnest($2::text[], $3::text[]) n (key, name) ON CONFLICT DO NOTHING`, game.UUID, n.keys, n.names)
}

// release gives keys back that a game has reserved. The rows are locked first, so that a reservation of the same player in
// another game, made at the same time, is either seen here or finds the key free.
func (t *tx) release(game *galaxy.GameID, n *nameColumns) {
	if n == nil {
		return
	}
	t.raw(lockNames, n.keys)
	t.raw(`DELETE FROM race_name_reservations WHERE game_id = $1 AND race_key = ANY($2)`, game.UUID, n.keys)
	t.raw(dropNames, n.keys)
}

const (
	lockNames = `SELECT 1 FROM race_names WHERE race_key = ANY($1) ORDER BY race_key FOR UPDATE`
	// dropNames forgets keys that nothing holds any more.
	dropNames = `DELETE FROM race_names n WHERE race_key = ANY($1) AND status = 'reserved'
		AND NOT EXISTS (SELECT FROM race_name_reservations r WHERE r.race_key = n.race_key)`
)

// win lets players register the names of a game that is over. A player whose account goes has no use for one: it is
// released. The accounts are locked, so that a deletion that begins meanwhile finds the name.
func (t *tx) win(game *galaxy.GameID, at time.Time, n *nameColumns) {
	if n == nil {
		return
	}
	t.raw(lockNames, n.keys)
	t.raw(`SELECT 1 FROM accounts WHERE user_id = ANY($1) ORDER BY user_id FOR SHARE`, n.users)
	t.raw(`UPDATE race_names r SET status = 'pending_registration', race_name = n.name, since = $5, expires_at = n.expires
		FROM unnest($1::text[], $2::uuid[], $3::text[], $4::timestamptz[]) n (key, usr, name, expires)
		WHERE r.race_key = n.key AND r.user_id = n.usr AND r.status <> 'registered'
			AND EXISTS (SELECT FROM accounts a WHERE a.user_id = n.usr AND a.deletion = '')`, n.keys, n.users, n.names, n.expires, at)
	t.raw(`DELETE FROM race_name_reservations WHERE game_id = $1 AND race_key = ANY($2)`, game.UUID, n.keys)
	t.raw(dropNames, n.keys)
}

// expire takes names back that were not registered in time; all of them must still be what was read. One that a game
// reserves stays its player's.
func (t *tx) expire(at time.Time, n *nameColumns) {
	if n == nil {
		return
	}
	t.raw(lockNames, n.keys)
	t.raw(`WITH hit AS (UPDATE race_names r SET status = 'reserved', expires_at = NULL, since = $3 FROM unnest($1::text[], $2::uuid[]) n (key, usr)
			WHERE r.race_key = n.key AND r.user_id = n.usr AND r.status = 'pending_registration' AND r.expires_at <= $3 RETURNING 1)
		SELECT fence((count(*) = $4)::int, 'row') FROM hit`, n.keys, n.users, at, len(n.keys))
	t.raw(dropNames, n.keys)
}

func (t *tx) nameHistory(game *galaxy.GameID, at time.Time, names []galaxy.NameChange) {
	var ids, users []uuid.UUID
	var keys, spelled, events []string
	for _, n := range names {
		ids, users = append(ids, galaxy.NewID()), append(users, n.User.UUID)
		keys, spelled, events = append(keys, n.Key), append(spelled, n.Name), append(events, string(n.Move))
	}
	var in *uuid.UUID
	if game != nil {
		in = &game.UUID
	}
	t.raw(`INSERT INTO race_name_history (entry_id, race_key, race_name, user_id, event, game_id, at)
		SELECT id, key, name, usr, event, $6, $7 FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::text[]) n (id, key, name, usr, event)`,
		ids, keys, spelled, users, events, in, at)
}

// CommitNames stores a decision about names that no game holds. It answers galaxy.ErrStale when one of them is no longer
// what was decided on, and galaxy.ErrNames when the player has registered as many as is allowed.
func (s *Store) CommitNames(ctx context.Context, c galaxy.DirectoryChange) error {
	t := &tx{}
	if c.Quota != nil {
		t.register(c)
	}
	t.names(nil, c.At, c.Names)
	t.audit(c.At, c.Audit...)
	t.notices(c.At, c.Notices)
	return s.commit(ctx, t)
}

// register locks the player's account, so that two names cannot both be the last that is allowed.
func (t *tx) register(c galaxy.DirectoryChange) {
	n := c.Names[0]
	key, digest := idempotencyColumns(c.Idempotency)
	t.raw(`SELECT 1 FROM accounts WHERE user_id = $1 FOR NO KEY UPDATE`, n.User.UUID)
	t.raw(`SELECT fence(count(*), 'blocked') FROM accounts WHERE user_id = $1 AND deletion = ''`, n.User.UUID)
	if *c.Quota != galaxy.Unlimited {
		t.raw(`SELECT fence((count(*) < $2)::int, 'names') FROM race_names WHERE user_id = $1 AND status = 'registered'`, n.User.UUID, *c.Quota)
	}
	t.guardedRaw(`UPDATE race_names SET status = 'registered', since = $3, expires_at = NULL, idempotency_key = $4, idempotency_digest = $5
		WHERE race_key = $1 AND user_id = $2 AND status = 'pending_registration' AND expires_at > $3 RETURNING 1`, n.Key, n.User.UUID, c.At, key, digest)
}

type nameRow struct {
	Key       string
	User      uuid.UUID
	Name      string
	Status    string
	Since     time.Time
	ExpiresAt *time.Time
	IdemKey   *string
	Digest    *[]byte
	Games     []uuid.UUID
}

func (r nameRow) held() galaxy.HeldName {
	h := galaxy.HeldName{Key: r.Key, User: galaxy.UserID{UUID: r.User}, Name: r.Name, Status: galaxy.NameStatus(r.Status), Since: r.Since, ExpiresAt: r.ExpiresAt,
		Idempotency: idempotency(r.IdemKey, r.Digest)}
	for _, id := range r.Games {
		h.Games = append(h.Games, galaxy.GameID{UUID: id})
	}
	return h
}

const nameQuery = `SELECT n.race_key, n.user_id, n.race_name, n.status, n.since, n.expires_at, n.idempotency_key, n.idempotency_digest,
	ARRAY(SELECT r.game_id FROM race_name_reservations r WHERE r.race_key = n.race_key ORDER BY r.game_id) FROM race_names n `

func (s *Store) heldNames(ctx context.Context, where string, args ...any) ([]galaxy.HeldName, error) {
	found, err := rows[nameRow](ctx, s, literal{nameQuery + where, args})
	out := make([]galaxy.HeldName, 0, len(found))
	for _, r := range found {
		out = append(out, r.held())
	}
	return out, err
}

// Names gives those of some canonical keys that somebody holds.
func (s *Store) Names(ctx context.Context, keys ...string) ([]galaxy.HeldName, error) {
	return s.heldNames(ctx, `WHERE n.race_key = ANY($1)`, keys)
}

// NamesOf gives the names that a player holds, by key.
func (s *Store) NamesOf(ctx context.Context, user galaxy.UserID) ([]galaxy.HeldName, error) {
	return s.heldNames(ctx, `WHERE n.user_id = $1 ORDER BY n.race_key`, user.UUID)
}

// NameByKey gives the name that a player registered with an idempotency key.
func (s *Store) NameByKey(ctx context.Context, user galaxy.UserID, key string) (galaxy.HeldName, error) {
	found, err := s.heldNames(ctx, `WHERE n.user_id = $1 AND n.idempotency_key = $2`, user.UUID, key)
	if err == nil && len(found) == 0 {
		return galaxy.HeldName{}, galaxy.Errorf(galaxy.NotFound, "no name was registered with this idempotency key")
	}
	if err != nil {
		return galaxy.HeldName{}, err
	}
	return found[0], nil
}

// ExpiredNames gives names that were won and whose time to be registered is over, the oldest first.
func (s *Store) ExpiredNames(ctx context.Context, now time.Time, limit int) ([]galaxy.HeldName, error) {
	return s.heldNames(ctx, `WHERE n.status = 'pending_registration' AND n.expires_at <= $1 ORDER BY n.expires_at LIMIT $2`, now, limit)
}

// HeldKeys hands every canonical key that is held to each, in one query: by whom, how, and in how many games it is reserved.
func (s *Store) HeldKeys(ctx context.Context, each func(key string, user galaxy.UserID, status galaxy.NameStatus, games int)) error {
	r, err := s.pool.Query(ctx, `SELECT n.race_key, n.user_id, n.status, coalesce(r.games, 0) FROM race_names n
		LEFT JOIN (SELECT race_key, count(*) AS games FROM race_name_reservations GROUP BY race_key) r USING (race_key)`)
	if err != nil {
		return translate(err)
	}
	var key, status string
	var user uuid.UUID
	var games int
	_, err = pgx.ForEachRow(r, []any{&key, &user, &status, &games}, func() error {
		each(key, galaxy.UserID{UUID: user}, galaxy.NameStatus(status), games)
		return nil
	})
	return translate(err)
}

// NameHistory gives a page of what became of a canonical key, newest first, and the cursor of the next page.
func (s *Store) NameHistory(ctx context.Context, key string, p galaxy.Page) ([]galaxy.NameEvent, string, error) {
	before := uuid.Max
	if p.Cursor != "" {
		var err error
		if before, err = keyOf(p.Cursor); err != nil {
			return nil, "", err
		}
	}
	found, err := rows[galaxy.NameEvent](ctx, s, literal{`SELECT entry_id, race_name, user_id, event, game_id, at FROM race_name_history
		WHERE race_key = $1 AND entry_id < $2 ORDER BY entry_id DESC LIMIT $3`, []any{key, before, p.Limit + 1}})
	if err != nil {
		return nil, "", err
	}
	page, next := paged(found, p.Limit, func(e galaxy.NameEvent) uuid.UUID { return e.ID })
	return page, next, nil
}

// Settlement gives what the names of a finished game are settled by: where each race began and its best, and the keys
// that members have registered, and who has no account any more.
func (s *Store) Settlement(ctx context.Context, game galaxy.GameID, epoch int) (galaxy.Settlement, error) {
	var out galaxy.Settlement
	var keys []struct{ Key string }
	var gone []struct{ ID uuid.UUID }
	t := &tx{}
	// A race that did not show where it began cannot be said to have grown: it began beyond what any can come to.
	scanAll(t.raw(`SELECT race_name,
			coalesce(max(CASE WHEN lacks & 1 = 0 THEN planets ELSE 2147483647 END) FILTER (WHERE turn = 0), 0), max(planets),
			coalesce(max(CASE WHEN lacks & 2 = 0 THEN population ELSE 'Infinity' END) FILTER (WHERE turn = 0), 0), max(population)
		FROM player_stats WHERE game_id = $1 AND epoch = $2 GROUP BY race_name`, game.UUID, epoch), &out.Records)
	scanAll(t.raw(`SELECT n.race_key FROM race_names n JOIN memberships m ON m.race_key = n.race_key AND m.user_id = n.user_id
		WHERE m.game_id = $1 AND n.status = 'registered'`, game.UUID), &keys)
	scanAll(t.raw(`SELECT user_id FROM accounts WHERE deletion <> '' AND user_id IN (SELECT user_id FROM memberships WHERE game_id = $1)`, game.UUID), &gone)
	err := s.read(ctx, t)
	for _, k := range keys {
		out.Registered = append(out.Registered, k.Key)
	}
	for _, g := range gone {
		out.Gone = append(out.Gone, galaxy.UserID{UUID: g.ID})
	}
	return out, err
}
