package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"galaxy/backend/migrations"
)

// ErrNewerSchema: the database was migrated by a newer release, whose rows this one may not understand.
var ErrNewerSchema = errors.New("the database's schema is newer than this release: start a release that knows it")

// Migrate brings the schema up to date, under a lock that lets one backend do it at a time. It needs no right on the
// database when the schema is there already: CREATE SCHEMA asks for that right even when it then has nothing to do.
func (s *Store) Migrate(ctx context.Context) error {
	var there bool
	if err := s.pool.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)", Schema).Scan(&there); err != nil {
		return fmt.Errorf("look for schema %s: %w", Schema, err)
	}
	if !there {
		if _, err := s.pool.Exec(ctx, "CREATE SCHEMA IF NOT EXISTS "+Schema); err != nil {
			return fmt.Errorf("create schema %s: %w", Schema, err)
		}
	}
	provider, done, err := s.goose()
	if err != nil {
		return err
	}
	defer done()
	current, target, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	if current > target {
		return fmt.Errorf("%w (schema %d, release %d)", ErrNewerSchema, current, target)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// Migrated reports an error unless every migration is applied. Migrations are never taken back, so a yes is remembered.
func (s *Store) Migrated(ctx context.Context) error {
	if s.migrated.Load() {
		return nil
	}
	provider, done, err := s.goose()
	if err != nil {
		return err
	}
	defer done()
	pending, err := provider.HasPending(ctx)
	if err == nil && pending {
		err = errors.New("migrations are pending")
	}
	s.migrated.Store(err == nil)
	return err
}

func (s *Store) goose() (*goose.Provider, func(), error) {
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return nil, nil, err
	}
	db := stdlib.OpenDBFromPool(s.pool)
	provider, err := goose.NewProvider(goose.DialectPostgres, db, migrations.Files, goose.WithSessionLocker(locker), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		_ = db.Close()
		return nil, nil, err
	}
	return provider, func() { _ = db.Close() }, nil
}
