package store

import (
	"context"
	"encoding/json"
	"time"

	. "github.com/go-jet/jet/v2/postgres"

	"galaxy/backend/galaxy"
	"galaxy/backend/store/jet/backend/model"
	. "galaxy/backend/store/jet/backend/table"
)

// AdminAccount gives one operator's account.
func (s *Store) AdminAccount(ctx context.Context, username string) (galaxy.AdminAccount, error) {
	m, err := row[model.AdminAccounts](ctx, s, SELECT(AdminAccounts.AllColumns).FROM(AdminAccounts).WHERE(AdminAccounts.Username.EQ(String(username))))
	return galaxy.AdminAccount{Username: m.Username, PasswordHash: m.PasswordHash, Enabled: m.Enabled, CreatedAt: m.CreatedAt}, err
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

// EngineVersions gives the whole registry.
func (s *Store) EngineVersions(ctx context.Context) ([]galaxy.EngineVersion, error) {
	found, err := rows[model.EngineVersions](ctx, s, SELECT(EngineVersions.AllColumns).FROM(EngineVersions))
	var out []galaxy.EngineVersion
	for _, m := range found {
		out = append(out, galaxy.EngineVersion{Version: m.Version, ImageRef: m.ImageRef, Enabled: m.Enabled, ExpectedTurn: m.ExpectedTurn,
			CreatedAt: m.CreatedAt, Idempotency: idempotency(m.IdempotencyKey, m.IdempotencyDigest)})
	}
	return out, err
}

// AddEngineVersion registers a version.
func (s *Store) AddEngineVersion(ctx context.Context, v galaxy.EngineVersion, audit galaxy.Audit) error {
	t := &tx{}
	key, digest := idempotencyColumns(v.Idempotency)
	t.add(EngineVersions.INSERT(EngineVersions.AllColumns).MODEL(model.EngineVersions{Version: v.Version, ImageRef: v.ImageRef, Enabled: v.Enabled,
		ExpectedTurn: v.ExpectedTurn, CreatedAt: v.CreatedAt, CreatedBy: audit.By.ID, IdempotencyKey: key, IdempotencyDigest: digest}))
	t.audit(v.CreatedAt, audit)
	return s.commit(ctx, t)
}

func idempotencyColumns(i galaxy.Idempotency) (key *string, digest *[]byte) {
	if i.Key == "" {
		return nil, nil
	}
	d := i.Digest[:]
	return &i.Key, &d
}

func idempotency(key *string, digest *[]byte) (i galaxy.Idempotency) {
	if key != nil && digest != nil && len(*digest) == len(i.Digest) {
		i.Key, i.Digest = *key, [32]byte(*digest)
	}
	return i
}

// audit adds lines to the record of who did what, in one statement.
func (t *tx) audit(at time.Time, lines ...galaxy.Audit) {
	if len(lines) == 0 {
		return
	}
	in := Audit.INSERT(Audit.AllColumns)
	for _, l := range lines {
		in = in.MODEL(model.Audit{AuditID: galaxy.NewID(), At: at, ActorKind: string(l.By.Kind), ActorID: l.By.ID, Action: l.Action,
			Subject: l.Subject, RequestID: l.RequestID, Before: small(l.Before), After: small(l.After)})
	}
	t.add(in)
}

func small(m map[string]any) *json.RawMessage {
	if m == nil {
		return nil
	}
	b, err := json.Marshal(m)
	if err != nil {
		panic("audit values must be plain: " + err.Error())
	}
	raw := json.RawMessage(b)
	return &raw
}
