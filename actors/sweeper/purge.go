package sweeper

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"
)

// Config says how long is kept what grows by use.
type Config struct {
	AuditRetention time.Duration `env:"BACKEND_AUDIT_RETENTION" envDefault:"8760h" help:"How long the audit is kept; it is dropped by whole months."`
}

// Validate reports every problem of the settings.
func (c Config) Validate() error {
	if c.AuditRetention < 31*24*time.Hour {
		return errors.New("BACKEND_AUDIT_RETENTION must be at least 744h")
	}
	return nil
}

const (
	// challengeRetention is longer than the day over which codes are counted.
	challengeRetention = 48 * time.Hour
	purgeBatch         = 1000
	purgeTimeout       = 5 * time.Minute
)

// purge deletes what is no longer kept, in batches, and prepares the audit for the months to come.
func (s *sweeper) purge(ctx context.Context) error {
	now := s.Now()
	dropped, err := s.Store.KeepAudit(ctx, now, now.Add(-s.Config.AuditRetention))
	if dropped > 0 {
		s.Log.Info("months of the audit were dropped", zap.Int("months", dropped))
	}
	return errors.Join(err, batches(ctx, s.Store.PurgeChallenges, now.Add(-challengeRetention)),
		batches(ctx, s.Store.PurgeSessions, now.Add(-s.SessionRetention)),
		batches(ctx, s.Store.PurgeNameHistory, now.Add(-s.NameRetention)))
}

func batches(ctx context.Context, purge func(context.Context, time.Time, int) (int, error), before time.Time) error {
	for {
		if n, err := purge(ctx, before, purgeBatch); err != nil || n < purgeBatch {
			return err
		}
	}
}
