package sweeper

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"
)

// Config says how long is kept what grows by use.
type Config struct {
	AuditRetention  time.Duration `env:"BACKEND_AUDIT_RETENTION" envDefault:"8760h" help:"How long the audit is kept; it is dropped by whole months."`
	ReportRetention time.Duration `env:"BACKEND_REPORT_RETENTION" envDefault:"8760h" help:"How long the reports, orders and command batches of a game that is over are kept."`
}

// Validate reports every problem of the settings.
func (c Config) Validate() error {
	var problems []error
	if c.AuditRetention < 31*24*time.Hour {
		problems = append(problems, errors.New("BACKEND_AUDIT_RETENTION must be at least 744h"))
	}
	if c.ReportRetention <= 0 {
		problems = append(problems, errors.New("BACKEND_REPORT_RETENTION must be positive"))
	}
	return errors.Join(problems...)
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
		batches(ctx, s.Store.PurgeNameHistory, now.Add(-s.NameRetention)),
		batches(ctx, s.Store.PurgeReports, now.Add(-s.Config.ReportRetention)))
}

func batches(ctx context.Context, purge func(context.Context, time.Time, int) (int, error), before time.Time) error {
	for {
		if n, err := purge(ctx, before, purgeBatch); err != nil || n < purgeBatch {
			return err
		}
	}
}
