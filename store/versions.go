package store

import (
	"context"

	. "github.com/go-jet/jet/v2/postgres"

	"galaxy/backend/galaxy"
	"galaxy/backend/store/jet/backend/model"
	. "galaxy/backend/store/jet/backend/table"
)

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
