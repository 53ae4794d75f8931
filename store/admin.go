package store

import (
	"context"
	"time"

	. "github.com/go-jet/jet/v2/postgres"

	"galaxy/backend/galaxy"
	"galaxy/backend/store/jet/backend/model"
	. "galaxy/backend/store/jet/backend/table"
)

// AdminAccounts gives all operators, by user name.
func (s *Store) AdminAccounts(ctx context.Context) ([]galaxy.AdminAccount, error) {
	found, err := rows[model.AdminAccounts](ctx, s, SELECT(AdminAccounts.AllColumns).FROM(AdminAccounts).ORDER_BY(AdminAccounts.Username))
	var out []galaxy.AdminAccount
	for _, m := range found {
		out = append(out, galaxy.AdminAccount{Username: m.Username, Version: m.Version, PasswordHash: m.PasswordHash, Enabled: m.Enabled,
			CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt, CreatedBy: m.CreatedBy, Idempotency: idempotency(m.IdempotencyKey, m.IdempotencyDigest)})
	}
	return out, err
}

// BootstrapAdmin makes an operator's account unless one of that name is there, whatever its password.
func (s *Store) BootstrapAdmin(ctx context.Context, a galaxy.AdminAccount) (made bool, err error) {
	t := &tx{}
	var hits []struct{ N int64 }
	scanAll(t.raw(`WITH made AS (INSERT INTO admin_accounts (username, password_hash, enabled, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $4) ON CONFLICT DO NOTHING RETURNING 1), noted AS (
			INSERT INTO audit (audit_id, at, actor_kind, actor_id, action, subject) SELECT $5, $4, 'system', 'bootstrap', 'admin.bootstrap', $6 FROM made)
		SELECT count(*) FROM made`, a.Username, a.PasswordHash, a.Enabled, a.CreatedAt, galaxy.NewID(), "admin:"+a.Username), &hits)
	if err := s.commit(ctx, t); err != nil {
		return false, err
	}
	return hits[0].N == 1, nil
}

// AddAdmin makes an operator's account.
func (s *Store) AddAdmin(ctx context.Context, a galaxy.AdminAccount, audit galaxy.Audit) error {
	t := &tx{}
	key, digest := idempotencyColumns(a.Idempotency)
	t.add(AdminAccounts.INSERT(AdminAccounts.AllColumns).MODEL(model.AdminAccounts{Username: a.Username, Version: 1, PasswordHash: a.PasswordHash, Enabled: a.Enabled,
		CreatedAt: a.CreatedAt, UpdatedAt: a.CreatedAt, CreatedBy: a.CreatedBy, IdempotencyKey: key, IdempotencyDigest: digest}))
	t.audit(a.CreatedAt, audit)
	return s.commit(ctx, t)
}

// UpdateAdmin stores an operator's password and whether the account is enabled. It never leaves nobody enabled.
func (s *Store) UpdateAdmin(ctx context.Context, a galaxy.AdminAccount, audit galaxy.Audit) error {
	t := &tx{}
	t.guardedRaw(`UPDATE admin_accounts SET version = version + 1, password_hash = $3, enabled = $4, updated_at = $5 WHERE username = $1 AND version = $2
		AND ($4 OR EXISTS (SELECT FROM admin_accounts o WHERE o.enabled AND o.username <> $1)) RETURNING 1`, a.Username, a.Version, a.PasswordHash, a.Enabled, a.UpdatedAt)
	t.audit(a.UpdatedAt, audit)
	return s.commit(ctx, t)
}

// CountCountries adds requests of players by country, in one statement. What belongs to an account that is gone is left
// out.
func (s *Store) CountCountries(ctx context.Context, counts map[galaxy.CountryKey]int64, at time.Time) error {
	users, countries, n := make([]string, 0, len(counts)), make([]string, 0, len(counts)), make([]int64, 0, len(counts))
	for key, count := range counts {
		users, countries, n = append(users, key.User.String()), append(countries, key.Country), append(n, count)
	}
	t := &tx{}
	t.raw(`INSERT INTO user_country_counters (user_id, country, count, first_seen_at, last_seen_at)
		SELECT n.usr::uuid, n.country, n.count, $4, $4 FROM unnest($1::text[], $2::text[], $3::bigint[]) n (usr, country, count)
			JOIN accounts a ON a.user_id = n.usr::uuid AND a.deletion = ''
		ON CONFLICT (user_id, country) DO UPDATE SET count = user_country_counters.count + excluded.count, last_seen_at = excluded.last_seen_at`,
		users, countries, n, at)
	return s.commit(ctx, t)
}
