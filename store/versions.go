package store

import (
	"context"
	"time"

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
		out = append(out, galaxy.EngineVersion{Version: m.Version, Number: m.VersionNumber, ImageRef: m.ImageRef, Enabled: m.Enabled, ExpectedTurn: m.ExpectedTurn,
			CreatedAt: m.CreatedAt, Idempotency: idempotency(m.IdempotencyKey, m.IdempotencyDigest)})
	}
	return out, err
}

// AddEngineVersion registers a version.
func (s *Store) AddEngineVersion(ctx context.Context, v galaxy.EngineVersion, audit galaxy.Audit) error {
	t := &tx{}
	key, digest := idempotencyColumns(v.Idempotency)
	t.add(EngineVersions.INSERT(EngineVersions.AllColumns).MODEL(model.EngineVersions{Version: v.Version, ImageRef: v.ImageRef, Enabled: v.Enabled,
		ExpectedTurn: v.ExpectedTurn, CreatedAt: v.CreatedAt, CreatedBy: audit.By.ID, IdempotencyKey: key, IdempotencyDigest: digest, VersionNumber: 1}))
	t.audit(v.CreatedAt, audit)
	return s.commit(ctx, t)
}

// EditEngineVersion stores an entry that was decided on at v.Number; galaxy.ErrStale when it is another one now.
func (s *Store) EditEngineVersion(ctx context.Context, v galaxy.EngineVersion, at time.Time, audit galaxy.Audit) error {
	t := &tx{}
	t.guardedRaw(`UPDATE engine_versions SET image_ref = $3, enabled = $4, expected_turn = $5, version_number = version_number + 1
		WHERE version = $1 AND version_number = $2 RETURNING 1`, v.Version, v.Number, v.ImageRef, v.Enabled, v.ExpectedTurn)
	t.audit(at, audit)
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
