package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	. "github.com/go-jet/jet/v2/postgres"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
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

// LiveChallenges gives the challenges of an address that can still be confirmed, newest first.
func (s *Store) LiveChallenges(ctx context.Context, email string, now time.Time) ([]galaxy.Challenge, error) {
	found, err := rows[model.AuthChallenges](ctx, s, SELECT(AuthChallenges.AllColumns).FROM(AuthChallenges).
		WHERE(AuthChallenges.Email.EQ(String(email)).AND(AuthChallenges.ConsumedAt.IS_NULL()).AND(AuthChallenges.ExpiresAt.GT(TimestampzT(now)))).
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
	return galaxy.Challenge{ID: galaxy.ChallengeID{UUID: m.ChallengeID}, Email: m.Email, CodeHash: m.CodeHash, CreatedAt: m.CreatedAt,
		ExpiresAt: m.ExpiresAt, Attempts: int(m.Attempts), ConsumedAt: m.ConsumedAt}
}

// AddChallenge stores a challenge together with the mail that carries its code.
func (s *Store) AddChallenge(ctx context.Context, n galaxy.NewChallenge) error {
	t := &tx{}
	t.add(AuthChallenges.INSERT(AuthChallenges.ChallengeID, AuthChallenges.Email, AuthChallenges.CodeHash, AuthChallenges.CreatedAt, AuthChallenges.ExpiresAt).
		VALUES(n.ID.UUID, n.Email, n.CodeHash, n.CreatedAt, n.ExpiresAt))
	t.queueMail(n.Delivery, n.CreatedAt)
	return s.commit(ctx, t)
}

// CountWrongTry counts a wrong code against a challenge, unless it has changed since it was read.
func (s *Store) CountWrongTry(ctx context.Context, ch galaxy.Challenge) error {
	t := &tx{}
	t.guarded(AuthChallenges.UPDATE(AuthChallenges.Attempts).SET(AuthChallenges.Attempts.ADD(Int(1))).
		WHERE(unchanged(ch)).RETURNING(AuthChallenges.ChallengeID))
	return s.commit(ctx, t)
}

func unchanged(ch galaxy.Challenge) BoolExpression {
	return AuthChallenges.ChallengeID.EQ(UUID(ch.ID.UUID)).AND(AuthChallenges.Attempts.EQ(Int(int64(ch.Attempts)))).AND(AuthChallenges.ConsumedAt.IS_NULL())
}

// SignIn consumes a challenge, finds or makes its account, and makes the session, all or nothing.
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
	t.guarded(AuthChallenges.UPDATE(AuthChallenges.ConsumedAt).SET(TimestampzT(in.At)).WHERE(unchanged(in.Challenge)).RETURNING(AuthChallenges.ChallengeID))
	t.raw(`INSERT INTO accounts (user_id, email, user_name, display_name, preferred_language, time_zone, declared_country, created_at, updated_at)
		VALUES ($1, $2, $3, '', $4, $5, $6, $7, $7) ON CONFLICT (email) WHERE deleted_at IS NULL DO UPDATE SET email = excluded.email`,
		made.ID.UUID, in.Challenge.Email, made.UserName, made.Language, made.TimeZone, made.Country, in.At)
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

// accountRow is an account with its entitlement.
type accountRow struct {
	ID                                             uuid.UUID
	Version                                        int64
	Email                                          *string
	UserName, DisplayName, Language, Zone, Country string
	CreatedAt, UpdatedAt                           time.Time
	DeletedAt                                      *time.Time
	Tier, Source                                   string
	StartsAt                                       time.Time
	EndsAt                                         *time.Time
	RaceNames, PrivateGames, Memberships           int
}

const accountQuery = `SELECT a.user_id, a.version, a.email, a.user_name, a.display_name, a.preferred_language, a.time_zone, a.declared_country,
	a.created_at, a.updated_at, a.deleted_at, e.tier, e.source, e.starts_at, e.ends_at,
	e.max_registered_race_names, e.max_owned_private_games, e.max_active_memberships
	FROM accounts a JOIN entitlement_snapshots e USING (user_id)`

func (r accountRow) account() galaxy.Account {
	return galaxy.Account{ID: galaxy.UserID{UUID: r.ID}, Version: r.Version, Email: deref(r.Email), UserName: r.UserName, DisplayName: r.DisplayName,
		Language: r.Language, TimeZone: r.Zone, Country: r.Country, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, DeletedAt: r.DeletedAt,
		Entitlement: galaxy.Entitlement{Tier: galaxy.Tier(r.Tier), Paid: galaxy.Tier(r.Tier) != galaxy.TierFree, Source: r.Source, StartsAt: r.StartsAt,
			EndsAt: r.EndsAt, MaxRegisteredRaceNames: r.RaceNames, MaxOwnedPrivateGames: r.PrivateGames, MaxActiveMemberships: r.Memberships}}
}

// Account gives a live account with its entitlement as stored.
func (s *Store) Account(ctx context.Context, id galaxy.UserID) (galaxy.Account, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	r, err := s.pool.Query(ctx, accountQuery+" WHERE a.user_id = $1 AND a.deleted_at IS NULL", id.UUID)
	if err != nil {
		return galaxy.Account{}, translate(err)
	}
	found, err := pgx.CollectExactlyOneRow(r, pgx.RowToStructByPos[accountRow])
	if errors.Is(err, pgx.ErrNoRows) {
		return galaxy.Account{}, galaxy.Errorf(galaxy.NotFound, "this player has no account")
	}
	return found.account(), translate(err)
}

// LiveSessions hands every session that is not revoked to each, in one query.
func (s *Store) LiveSessions(ctx context.Context, each func(galaxy.Session)) error {
	sql, args := SELECT(DeviceSessions.AllColumns).FROM(DeviceSessions).WHERE(DeviceSessions.RevokedAt.IS_NULL()).Sql()
	r, err := s.pool.Query(ctx, sql, args...)
	if err != nil {
		return translate(err)
	}
	defer r.Close()
	for r.Next() {
		m, err := pgx.RowToStructByPos[model.DeviceSessions](r)
		if err != nil {
			return translate(err)
		}
		each(galaxy.Session{ID: galaxy.SessionID{UUID: m.DeviceSessionID}, User: galaxy.UserID{UUID: m.UserID}, Key: galaxy.PublicKey(m.ClientPublicKey),
			DeviceName: m.DeviceName, CreatedAt: m.CreatedAt, LastSeenAt: m.LastSeenAt})
	}
	return translate(r.Err())
}

// TouchSession stores when a session's device was last seen.
func (s *Store) TouchSession(ctx context.Context, id galaxy.SessionID, seen time.Time) error {
	t := &tx{}
	t.add(DeviceSessions.UPDATE(DeviceSessions.LastSeenAt).SET(TimestampzT(seen)).
		WHERE(DeviceSessions.DeviceSessionID.EQ(UUID(id.UUID)).AND(DeviceSessions.LastSeenAt.LT(TimestampzT(seen)))))
	return s.commit(ctx, t)
}
