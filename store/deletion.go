package store

import (
	"context"
	"time"

	"github.com/google/uuid"

	"galaxy/backend/galaxy"
)

// DeletingUsers gives the players whose deletion has begun and is not over.
func (s *Store) DeletingUsers(ctx context.Context, limit int) ([]galaxy.UserID, error) {
	return s.userIDs(ctx, `SELECT user_id FROM accounts WHERE deletion NOT IN ('', 'done') ORDER BY user_id LIMIT $1`, limit)
}

// ExpiredUsers gives the players whose paid tier has ended and is still stored.
func (s *Store) ExpiredUsers(ctx context.Context, now time.Time, limit int) ([]galaxy.UserID, error) {
	return s.userIDs(ctx, `SELECT user_id FROM entitlement_snapshots WHERE ends_at <= $1 AND tier <> 'free' LIMIT $2`, now, limit)
}

func (s *Store) userIDs(ctx context.Context, sql string, args ...any) ([]galaxy.UserID, error) {
	found, err := rows[struct{ ID uuid.UUID }](ctx, s, literal{sql, args})
	var out []galaxy.UserID
	for _, f := range found {
		out = append(out, galaxy.UserID{UUID: f.ID})
	}
	return out, err
}

// WaitingGames gives the games that a player whose account goes must be taken out of: with an application, an invite
// or, before the start, a seat; and the player's own that are not over. Heirs may not have room for all: the oldest
// games come first.
func (s *Store) WaitingGames(ctx context.Context, user galaxy.UserID) ([]galaxy.GameID, error) {
	return s.gameIDs(ctx, `SELECT game_id FROM applications WHERE user_id = $1 AND status = 'pending'
		UNION SELECT game_id FROM invites WHERE user_id = $1 AND status = 'pending'
		UNION SELECT game_id FROM games WHERE owner_id = $1 AND status NOT IN ('finished', 'cancelled')
		UNION SELECT m.game_id FROM memberships m JOIN games g USING (game_id) WHERE m.user_id = $1 AND m.status = 'active'
			AND g.status IN ('draft', 'enrollment_open', 'ready_to_start', 'start_failed')
		ORDER BY game_id`, user.UUID)
}

// addresses are those that are, or were, a player's and are nobody else's now.
const addresses = `SELECT address FROM (SELECT email AS address FROM accounts WHERE user_id = $1 AND email IS NOT NULL
		UNION SELECT address FROM account_addresses WHERE user_id = $1) own
	WHERE NOT EXISTS (SELECT FROM accounts o WHERE o.email = own.address AND o.user_id <> $1 AND o.deleted_at IS NULL)`

// EraseMails forgets to whom mails for a player went and what they said; what still waits is not sent. What operators are
// mailed is theirs, though one of them may play under the same address.
func (s *Store) EraseMails(ctx context.Context, user galaxy.UserID, at time.Time) error {
	t := &tx{}
	t.eraseMails(user, at)
	return s.commit(ctx, t)
}

func (t *tx) eraseMails(user galaxy.UserID, at time.Time) {
	alerts := texts(galaxy.OperatorKinds())
	const theirs = `SELECT delivery_id FROM mail_recipients JOIN mail_deliveries d USING (delivery_id) WHERE address IN (` + addresses + `) AND d.template_id <> ALL ($2)
		UNION SELECT d.delivery_id FROM mail_deliveries d JOIN notification_routes r ON d.idempotency_key = r.route_id::text WHERE r.user_id = $1 AND r.channel = 'email'`
	t.raw(`UPDATE notification_routes SET status = 'skipped', detail = 'the account is deleted', settled_at = $2
		WHERE user_id = $1 AND status IN ('pending', 'retrying')`, user.UUID, at)
	t.raw(`UPDATE mail_deliveries SET status = CASE WHEN status IN ('pending', 'retrying') THEN 'skipped' ELSE status END, settled_at = coalesce(settled_at, $3),
		detail = 'the account is deleted' WHERE delivery_id IN (`+theirs+`)`, user.UUID, alerts, at)
	t.raw(`UPDATE mail_dead_letters SET detail = 'the account is deleted' WHERE delivery_id IN (`+theirs+`)`, user.UUID, alerts)
	t.raw(`UPDATE mail_attempts SET detail = '' WHERE delivery_id IN (`+theirs+`)`, user.UUID, alerts)
	t.raw(`DELETE FROM mail_payloads WHERE delivery_id IN (`+theirs+`)`, user.UUID, alerts)
	t.raw(`DELETE FROM mail_recipients WHERE delivery_id IN (`+theirs+`)`, user.UUID, alerts)
}

// EraseTraces forgets a player's devices, codes, countries and limits, what operators noted in words of their own, and
// releases the race names that no game holds.
func (s *Store) EraseTraces(ctx context.Context, user galaxy.UserID) error {
	t := &tx{}
	t.eraseTraces(user)
	return s.commit(ctx, t)
}

func (t *tx) eraseTraces(user galaxy.UserID) {
	for _, sql := range []string{
		`DELETE FROM device_sessions WHERE user_id = $1`,
		`DELETE FROM auth_challenges WHERE user_id = $1 OR email IN (` + addresses + `)`,
		`DELETE FROM user_country_counters WHERE user_id = $1`,
		`DELETE FROM user_limits WHERE user_id = $1`,
		`UPDATE sanctions SET note = '', lift_reason = '' WHERE user_id = $1`,
		`UPDATE race_names SET status = 'reserved', expires_at = NULL, idempotency_key = NULL, idempotency_digest = NULL WHERE user_id = $1`,
		`DELETE FROM race_names n WHERE user_id = $1 AND NOT EXISTS (SELECT FROM race_name_reservations r WHERE r.race_key = n.race_key)`,
	} {
		t.raw(sql, user.UUID)
	}
}

// PurgeChallenges deletes up to n challenges made before a time, and gives how many it deleted.
func (s *Store) PurgeChallenges(ctx context.Context, before time.Time, n int) (int, error) {
	return s.purge(ctx, `DELETE FROM auth_challenges WHERE challenge_id IN (SELECT challenge_id FROM auth_challenges WHERE created_at < $1 LIMIT $2) RETURNING 1`, before, n)
}

// PurgeSessions deletes up to n sessions revoked before a time, and gives how many it deleted.
func (s *Store) PurgeSessions(ctx context.Context, before time.Time, n int) (int, error) {
	return s.purge(ctx, `DELETE FROM device_sessions WHERE device_session_id IN (SELECT device_session_id FROM device_sessions WHERE revoked_at < $1 LIMIT $2) RETURNING 1`, before, n)
}

// PurgeNameHistory deletes up to n lines of the race names' history made before a time, and gives how many it deleted.
func (s *Store) PurgeNameHistory(ctx context.Context, before time.Time, n int) (int, error) {
	return s.purge(ctx, `DELETE FROM race_name_history WHERE entry_id IN (SELECT entry_id FROM race_name_history WHERE at < $1 LIMIT $2) RETURNING 1`, before, n)
}

func (s *Store) purge(ctx context.Context, sql string, before time.Time, n int) (int, error) {
	t := &tx{}
	var gone []struct{ One int }
	scanAll(t.raw(sql, before, n), &gone)
	err := s.commit(ctx, t)
	return len(gone), err
}
