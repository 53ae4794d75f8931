package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	. "github.com/go-jet/jet/v2/postgres"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"galaxy/backend/galaxy"
	"galaxy/backend/store/jet/backend/model"
	. "galaxy/backend/store/jet/backend/table"
)

// Secret gives the named key, made by fresh when there is none yet. Of two backends that start at once, both get one key.
func (s *Store) Secret(ctx context.Context, name string, fresh func() []byte) ([]byte, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	var value []byte
	err := s.pool.QueryRow(ctx, "WITH made AS (INSERT INTO secrets (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING value) "+
		"SELECT value FROM made UNION ALL SELECT value FROM secrets WHERE name = $1", name, fresh()).Scan(&value)
	return value, translate(err)
}

// Challenges gives the challenges of an address that were made since then, whatever became of them, newest first.
func (s *Store) Challenges(ctx context.Context, email string, since time.Time) ([]galaxy.Challenge, error) {
	found, err := rows[model.AuthChallenges](ctx, s, SELECT(AuthChallenges.AllColumns).FROM(AuthChallenges).
		WHERE(AuthChallenges.Email.EQ(String(email)).AND(AuthChallenges.CreatedAt.GT(TimestampzT(since)))).
		ORDER_BY(AuthChallenges.CreatedAt.DESC()))
	var out []galaxy.Challenge
	for _, m := range found {
		out = append(out, challenge(m))
	}
	return out, err
}

// Challenge gives one challenge, whatever became of it.
func (s *Store) Challenge(ctx context.Context, id galaxy.ChallengeID) (galaxy.Challenge, error) {
	m, err := row[model.AuthChallenges](ctx, s, SELECT(AuthChallenges.AllColumns).FROM(AuthChallenges).
		WHERE(AuthChallenges.ChallengeID.EQ(UUID(id.UUID))))
	return challenge(m), err
}

func challenge(m model.AuthChallenges) galaxy.Challenge {
	ch := galaxy.Challenge{ID: galaxy.ChallengeID{UUID: m.ChallengeID}, Email: m.Email, Blocked: m.Blocked, CodeHash: m.CodeHash, CreatedAt: m.CreatedAt,
		ExpiresAt: m.ExpiresAt, Attempts: int(m.Attempts), ConsumedAt: m.ConsumedAt}
	if m.UserID != nil {
		ch.User = &galaxy.UserID{UUID: *m.UserID}
	}
	return ch
}

// AddChallenge stores a challenge together with the mail that carries its code. Whether the address belongs to a player who
// may not sign in is found out by the same statements for every address; then the challenge is blocked, the mail's
// delivery is recorded as suppressed, and its code is not kept.
func (s *Store) AddChallenge(ctx context.Context, n galaxy.NewChallenge) (blocked bool, err error) {
	t := &tx{}
	var found []struct{ Blocked bool }
	scanAll(t.raw(`INSERT INTO auth_challenges (challenge_id, email, code_hash, created_at, expires_at, user_id, blocked)
		VALUES ($1, $2, $3, $4, $5, $6, EXISTS (SELECT FROM accounts a WHERE a.email = $2 AND a.deleted_at IS NULL AND `+shutOut("a", "$4")+`)) RETURNING blocked`,
		n.ID.UUID, n.Email, n.CodeHash, n.CreatedAt, n.ExpiresAt, uuidOf(n.User)), &found)
	d := n.Delivery
	t.raw(`WITH made AS (INSERT INTO mail_deliveries (delivery_id, template_id, idempotency_key, status, priority, next_attempt_at, expires_at, created_at, settled_at)
			SELECT $1::uuid, $2, $3, CASE WHEN blocked THEN 'suppressed' ELSE 'pending' END, $4::int, $5::timestamptz, $6::timestamptz, $5, CASE WHEN blocked THEN $5::timestamptz END
			FROM auth_challenges WHERE challenge_id = $9 RETURNING delivery_id, status),
		addressed AS (INSERT INTO mail_recipients (delivery_id, address) SELECT delivery_id, $7 FROM made)
		INSERT INTO mail_payloads (delivery_id, payload) SELECT delivery_id, $8 FROM made WHERE status = 'pending'`,
		d.ID.UUID, d.Template, d.Key, d.Priority, n.CreatedAt, d.ExpiresAt, d.To, []byte(d.Payload), n.ID.UUID)
	if n.User != nil {
		t.address(n.User.UUID, n.Email)
	}
	if err := s.commit(ctx, t); err != nil {
		return false, err
	}
	return found[0].Blocked, nil
}

// address notes that an address is, or was, about a player.
func (t *tx) address(user uuid.UUID, address string) {
	t.raw(`INSERT INTO account_addresses (user_id, address) VALUES ($1, $2) ON CONFLICT DO NOTHING`, user, address)
}

// shutOut is the condition that the owner of an account row may not sign in.
func shutOut(account, now string) string {
	return `(` + account + `.deletion <> '' OR ` + sanctioned(account, now, galaxy.LoginBlock) + `)`
}

// sanctioned is the condition that the owner of an account row is under a sanction of a kind, or under the one that
// implies it.
func sanctioned(account, now string, kind galaxy.SanctionKind) string {
	return `EXISTS (SELECT FROM sanctions x WHERE x.user_id = ` + account + `.user_id AND x.kind IN ('` + string(kind) + `', '` + string(galaxy.PermanentBlock) + `')
		AND x.lifted_at IS NULL AND (x.expires_at IS NULL OR x.expires_at > ` + now + `))`
}

func uuidOf(user *galaxy.UserID) *uuid.UUID {
	if user == nil {
		return nil
	}
	return &user.UUID
}

// CountWrongTry counts a wrong code against a challenge, unless it has changed since it was read.
func (s *Store) CountWrongTry(ctx context.Context, ch galaxy.Challenge) error {
	t := &tx{}
	t.guarded(AuthChallenges.UPDATE(AuthChallenges.Attempts).SET(AuthChallenges.Attempts.ADD(Int(1))).
		WHERE(unchanged(ch)).RETURNING(AuthChallenges.ChallengeID))
	return s.commit(ctx, t)
}

// consume spends a challenge, unless it has changed since it was read.
func consume(ch galaxy.Challenge, at time.Time) statement {
	return AuthChallenges.UPDATE(AuthChallenges.ConsumedAt).SET(TimestampzT(at)).WHERE(unchanged(ch)).RETURNING(AuthChallenges.ChallengeID)
}

func unchanged(ch galaxy.Challenge) BoolExpression {
	return AuthChallenges.ChallengeID.EQ(UUID(ch.ID.UUID)).AND(AuthChallenges.Attempts.EQ(Int(int64(ch.Attempts)))).AND(AuthChallenges.ConsumedAt.IS_NULL())
}

// SignIn consumes a challenge, finds or makes its account, and makes the session, all or nothing. It is
// galaxy.ErrBlocked when the account's owner may not sign in.
func (s *Store) SignIn(ctx context.Context, in galaxy.SignIn) (galaxy.Account, galaxy.Session, error) {
	var err error
	for _, name := range in.UserNames {
		in.Account.UserName = name
		var a galaxy.Account
		var session galaxy.Session
		a, session, err = s.signIn(ctx, in)
		var pg *pgconn.PgError
		if !errors.As(err, &pg) || pg.ConstraintName != "accounts_user_name_key" {
			return a, session, err
		}
	}
	return galaxy.Account{}, galaxy.Session{}, fmt.Errorf("no free user name was found: %w", err)
}

func (s *Store) signIn(ctx context.Context, in galaxy.SignIn) (a galaxy.Account, session galaxy.Session, err error) {
	// The account is found or made first: its row lock orders concurrent sign-ins of one address, and later a block.
	t := &tx{}
	made := in.Account
	t.guarded(consume(in.Challenge, in.At))
	t.raw(`INSERT INTO accounts (user_id, email, user_name, display_name, preferred_language, time_zone, declared_country, created_at, updated_at)
		VALUES ($1, $2, $3, '', $4, $5, $6, $7, $7) ON CONFLICT (email) WHERE deleted_at IS NULL DO UPDATE SET email = excluded.email`,
		made.ID.UUID, in.Challenge.Email, made.UserName, made.Language, made.TimeZone, made.Country, in.At)
	// The row is locked now, so a block is either seen here or comes later and finds the session.
	t.raw(`SELECT fence(count(*), 'blocked') FROM accounts a WHERE a.email = $1 AND a.deleted_at IS NULL AND NOT `+shutOut("a", "$2"), in.Challenge.Email, in.At)
	e := made.Entitlement
	t.raw(`INSERT INTO entitlement_snapshots (user_id, tier, source, starts_at, ends_at, max_registered_race_names, max_owned_private_games, max_active_memberships)
		SELECT user_id, $2, $3, $4, $5, $6, $7, $8 FROM accounts WHERE email = $1 AND deleted_at IS NULL ON CONFLICT DO NOTHING`,
		in.Challenge.Email, string(e.Tier), e.Source, e.StartsAt, e.EndsAt, e.MaxRegisteredRaceNames, e.MaxOwnedPrivateGames, e.MaxActiveMemberships)
	t.raw(`INSERT INTO device_sessions (device_session_id, user_id, client_public_key, device_name, created_at, last_seen_at)
		SELECT $2, user_id, $3, $4, $5, $5 FROM accounts WHERE email = $1 AND deleted_at IS NULL`,
		in.Challenge.Email, in.Session.ID.UUID, in.Session.Key[:], in.Session.DeviceName, in.At)
	t.audit(in.At, in.Audit...)
	var found []accountRow
	scanAll(t.raw(accountQuery+" WHERE a.email = $1 AND a.deleted_at IS NULL", in.Challenge.Email), &found)
	if err = s.commit(ctx, t); err != nil {
		return a, session, err
	}
	if len(found) != 1 {
		return a, session, fmt.Errorf("sign-in found %d accounts of one address", len(found))
	}
	a, session = found[0].account(), in.Session
	session.User, session.CreatedAt, session.LastSeenAt = a.ID, in.At, in.At
	return a, session, nil
}
