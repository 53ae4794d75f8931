package store

import (
	"context"
	"time"

	"github.com/google/uuid"

	"galaxy/backend/galaxy"
)

// accountRow is an account with its entitlement.
type accountRow struct {
	ID                                             uuid.UUID
	Version                                        int64
	Email                                          *string
	UserName, DisplayName, Language, Zone, Country string
	EmailOff                                       []string
	CreatedAt, UpdatedAt                           time.Time
	DeletedAt                                      *time.Time
	Deletion                                       string
	DeletionSince                                  *time.Time
	entitlementColumns
}

type entitlementColumns struct {
	Tier, Source                         string
	StartsAt                             time.Time
	EndsAt                               *time.Time
	RaceNames, PrivateGames, Memberships int
}

const (
	entitlementFields = `e.tier, e.source, e.starts_at, e.ends_at, e.max_registered_race_names, e.max_owned_private_games, e.max_active_memberships`
	accountFields     = `a.user_id, a.version, a.email, a.user_name, a.display_name, a.preferred_language, a.time_zone, a.declared_country, a.email_off,
	a.created_at, a.updated_at, a.deleted_at, a.deletion, a.deletion_since, ` + entitlementFields
	accountQuery = `SELECT ` + accountFields + ` FROM accounts a JOIN entitlement_snapshots e USING (user_id)`
)

func (r accountRow) account() galaxy.Account {
	a := galaxy.Account{ID: galaxy.UserID{UUID: r.ID}, Version: r.Version, Email: deref(r.Email), UserName: r.UserName, DisplayName: r.DisplayName,
		Language: r.Language, TimeZone: r.Zone, Country: r.Country, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, DeletedAt: r.DeletedAt,
		Deletion: galaxy.DeletionStep(r.Deletion), DeletionSince: r.DeletionSince, Rights: galaxy.Rights{Entitlement: r.entitlement()}}
	for _, kind := range r.EmailOff {
		a.EmailOff = append(a.EmailOff, galaxy.Kind(kind))
	}
	return a
}

func (r entitlementColumns) entitlement() galaxy.Entitlement {
	return galaxy.Entitlement{Tier: galaxy.Tier(r.Tier), Paid: galaxy.Tier(r.Tier) != galaxy.TierFree, Source: r.Source, StartsAt: r.StartsAt, EndsAt: r.EndsAt,
		Numbers: galaxy.Numbers{MaxRegisteredRaceNames: r.RaceNames, MaxOwnedPrivateGames: r.PrivateGames, MaxActiveMemberships: r.Memberships}}
}

type sanctionRow struct {
	User                              uuid.UUID
	ID                                uuid.UUID
	Kind, ReasonCode, Note, AppliedBy string
	AppliedAt                         time.Time
	ExpiresAt                         *time.Time
	LiftedBy                          string
	LiftedAt                          *time.Time
	LiftReason                        string
	IdempotencyKey                    *string
	IdempotencyDigest                 *[]byte
}

const sanctionQuery = `SELECT user_id, sanction_id, kind, reason_code, note, applied_by, applied_at, expires_at, lifted_by, lifted_at, lift_reason,
	idempotency_key, idempotency_digest FROM sanctions`

func (r sanctionRow) sanction() galaxy.Sanction {
	return galaxy.Sanction{ID: galaxy.SanctionID{UUID: r.ID}, Kind: galaxy.SanctionKind(r.Kind), ReasonCode: r.ReasonCode, Note: r.Note, AppliedBy: r.AppliedBy,
		AppliedAt: r.AppliedAt, ExpiresAt: r.ExpiresAt, LiftedBy: r.LiftedBy, LiftedAt: r.LiftedAt, LiftReason: r.LiftReason,
		Idempotency: idempotency(r.IdempotencyKey, r.IdempotencyDigest)}
}

type limitRow struct {
	User      uuid.UUID
	Name      string
	Value     int
	ExpiresAt *time.Time
	SetAt     time.Time
	SetBy     string
}

const limitQuery = `SELECT user_id, name, value, expires_at, set_at, set_by FROM user_limits`

func (r limitRow) limit() galaxy.Limit {
	return galaxy.Limit{Name: galaxy.LimitName(r.Name), Value: r.Value, ExpiresAt: r.ExpiresAt, SetAt: r.SetAt, SetBy: r.SetBy}
}

// Account gives an account that is not deleted, with its rights as stored. One whose deletion is under way is given too.
func (s *Store) Account(ctx context.Context, id galaxy.UserID) (galaxy.Account, error) {
	a, err := s.AnyAccount(ctx, id)
	if err == nil && a.DeletedAt != nil {
		err = errNoAccount
	}
	return a, err
}

var errNoAccount = galaxy.Errorf(galaxy.NotFound, "this player has no account")

// AnyAccount gives an account, also a deleted one.
func (s *Store) AnyAccount(ctx context.Context, id galaxy.UserID) (galaxy.Account, error) {
	var accounts []accountRow
	var sanctions []sanctionRow
	var limits []limitRow
	t := &tx{}
	scanAll(t.raw(accountQuery+" WHERE a.user_id = $1", id.UUID), &accounts)
	scanAll(t.raw(sanctionQuery+" WHERE user_id = $1 AND lifted_at IS NULL ORDER BY sanction_id", id.UUID), &sanctions)
	scanAll(t.raw(limitQuery+" WHERE user_id = $1 ORDER BY name", id.UUID), &limits)
	if err := s.read(ctx, t); err != nil {
		return galaxy.Account{}, err
	}
	if len(accounts) == 0 {
		return galaxy.Account{}, errNoAccount
	}
	a := accounts[0].account()
	for _, r := range sanctions {
		a.Sanctions = append(a.Sanctions, r.sanction())
	}
	for _, r := range limits {
		a.Limits = append(a.Limits, r.limit())
	}
	return a, nil
}

// CommitAccount stores a decision about an account, and gives the account as it is now and the sessions that it ended.
func (s *Store) CommitAccount(ctx context.Context, c galaxy.AccountChange) (galaxy.Account, []galaxy.SessionID, error) {
	t := &tx{}
	a := c.Next
	if a.DeletedAt != nil {
		// What came in since the steps before, such as a code asked for meanwhile, goes with the address.
		t.raw(`SELECT 1 FROM accounts WHERE user_id = $1 FOR NO KEY UPDATE`, a.ID.UUID)
		t.eraseMails(a.ID, a.UpdatedAt)
		t.eraseTraces(a.ID)
		t.raw(`DELETE FROM account_addresses WHERE user_id = $1`, a.ID.UUID)
	}
	// This locks the row, before a session could be made beside what is decided here.
	t.guardedRaw(`UPDATE accounts SET version = version + 1, email = $3, display_name = $4, preferred_language = $5, time_zone = $6, declared_country = $7,
		email_off = $8, updated_at = $9, deleted_at = $10, deletion = $11, deletion_since = $12 WHERE user_id = $1 AND version = $2 RETURNING 1`,
		a.ID.UUID, a.Version, nullable(a.Email), a.DisplayName, a.Language, a.TimeZone, a.Country, texts(a.EmailOff), a.UpdatedAt, a.DeletedAt,
		string(a.Deletion), a.DeletionSince)
	if c.Tier != nil {
		t.tier(a.ID, *c.Tier, a.Entitlement)
	}
	t.sanctions(a.ID, c.Sanctions)
	t.limits(a.ID, c.Limits, c.ClearLimits)
	var ended []struct{ ID uuid.UUID }
	if c.Revoke != "" {
		scanAll(t.raw(`UPDATE device_sessions SET version = version + 1, revoked_at = $2, revoke_reason = $3 WHERE user_id = $1 AND revoked_at IS NULL
			RETURNING device_session_id`, a.ID.UUID, a.UpdatedAt, string(c.Revoke)), &ended)
	}
	for _, d := range c.Mails {
		t.queueMail(d, a.UpdatedAt)
		t.address(a.ID.UUID, d.To)
	}
	t.audit(a.UpdatedAt, c.Audit...)
	if err := s.commit(ctx, t); err != nil {
		return galaxy.Account{}, nil, err
	}
	a.Version++
	var sessions []galaxy.SessionID
	for _, e := range ended {
		sessions = append(sessions, galaxy.SessionID{UUID: e.ID})
	}
	return a, sessions, nil
}

func (t *tx) tier(user galaxy.UserID, entry galaxy.TierEntry, e galaxy.Entitlement) {
	t.raw(`INSERT INTO entitlement_history (entry_id, user_id, tier, source, starts_at, ends_at, set_at, set_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		galaxy.NewID(), user.UUID, string(entry.Tier), entry.Source, entry.StartsAt, entry.EndsAt, entry.SetAt, entry.SetBy)
	t.raw(`UPDATE entitlement_snapshots SET tier = $2, source = $3, starts_at = $4, ends_at = $5, max_registered_race_names = $6, max_owned_private_games = $7,
		max_active_memberships = $8 WHERE user_id = $1`,
		user.UUID, string(e.Tier), e.Source, e.StartsAt, e.EndsAt, e.MaxRegisteredRaceNames, e.MaxOwnedPrivateGames, e.MaxActiveMemberships)
}

func (t *tx) sanctions(user galaxy.UserID, sanctions []galaxy.Sanction) {
	for _, s := range sanctions {
		key, digest := idempotencyColumns(s.Idempotency)
		t.raw(`INSERT INTO sanctions (sanction_id, user_id, kind, reason_code, note, applied_by, applied_at, expires_at, lifted_by, lifted_at, lift_reason,
				idempotency_key, idempotency_digest) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
			ON CONFLICT (sanction_id) DO UPDATE SET lifted_by = excluded.lifted_by, lifted_at = excluded.lifted_at, lift_reason = excluded.lift_reason`,
			s.ID.UUID, user.UUID, string(s.Kind), s.ReasonCode, s.Note, s.AppliedBy, s.AppliedAt, s.ExpiresAt, s.LiftedBy, s.LiftedAt, s.LiftReason, key, digest)
	}
}

func (t *tx) limits(user galaxy.UserID, set []galaxy.Limit, cleared []galaxy.LimitName) {
	for _, l := range set {
		t.raw(`INSERT INTO user_limits (user_id, name, value, expires_at, set_at, set_by) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (user_id, name) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at, set_at = excluded.set_at, set_by = excluded.set_by`,
			user.UUID, string(l.Name), l.Value, l.ExpiresAt, l.SetAt, l.SetBy)
	}
	if len(cleared) > 0 {
		t.raw(`DELETE FROM user_limits WHERE user_id = $1 AND name = ANY($2)`, user.UUID, texts(cleared))
	}
}

// texts gives strings of a kind as Postgres takes them; never nil.
func texts[T ~string](values []T) []string {
	out := make([]string, 0, len(values))
	for _, v := range values {
		out = append(out, string(v))
	}
	return out
}

func nullable(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// ChangeEmail consumes a challenge and gives its player the address that it confirms, with a notice to the address
// before. It is galaxy.ErrBlocked when the player may not change the profile.
func (s *Store) ChangeEmail(ctx context.Context, c galaxy.EmailChange) error {
	t := &tx{}
	user, delivery := c.Challenge.User.UUID, galaxy.NewID()
	t.guarded(consume(c.Challenge, c.At))
	t.raw(`WITH old AS (SELECT a.email FROM accounts a WHERE a.user_id = $2 AND a.email IS NOT NULL FOR UPDATE),
		made AS (INSERT INTO mail_deliveries (delivery_id, template_id, idempotency_key, status, next_attempt_at, created_at)
			SELECT $1::uuid, $3, $5, 'pending', $4::timestamptz, $4 FROM old RETURNING delivery_id),
		addressed AS (INSERT INTO mail_recipients (delivery_id, address) SELECT delivery_id, email FROM made, old)
		INSERT INTO mail_payloads (delivery_id, payload) SELECT delivery_id, '{}' FROM made`, delivery, user, string(c.Notice), c.At, delivery.String())
	t.raw(`INSERT INTO account_addresses (user_id, address) SELECT user_id, email FROM accounts WHERE user_id = $1 AND email IS NOT NULL ON CONFLICT DO NOTHING`, user)
	t.raw(`WITH hit AS (UPDATE accounts a SET email = $2, version = version + 1, updated_at = $3 WHERE a.user_id = $1 AND a.deletion = ''
		AND NOT `+sanctioned("a", "$3", galaxy.ProfileUpdateBlock)+` RETURNING 1) SELECT fence(count(*), 'blocked') FROM hit`, user, c.Challenge.Email, c.At)
	t.audit(c.At, c.Audit...)
	return s.commit(ctx, t)
}
