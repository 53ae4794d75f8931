package versions

import (
	"context"
	"time"

	"galaxy/backend/galaxy"
)

// Store holds the registry.
type Store interface {
	EngineVersions(ctx context.Context) ([]galaxy.EngineVersion, error)
	AddEngineVersion(ctx context.Context, v galaxy.EngineVersion, audit galaxy.Audit) error
	EditEngineVersion(ctx context.Context, v galaxy.EngineVersion, at time.Time, audit galaxy.Audit) error
}

// Deps are what the registry needs.
type Deps struct {
	Store Store
	Now   func() time.Time
}
