package sweeper

import (
	"context"
	"time"

	"go.uber.org/zap"

	"galaxy/backend/galaxy"
)

const alertTimeout = 10 * time.Second

// compareClocks notifies operators, once for each time that it lasts, that the clocks of the database and of the host
// differ. What cannot be stored is tried again with the next look.
func (s *sweeper) compareClocks(ctx context.Context) {
	ahead, known := s.Skew()
	if !known {
		return
	}
	now, before := s.Now(), s.skew
	s.skew = before.See(ahead, now)
	switch {
	case before.Key == "" && s.skew.Key != "":
		s.Log.Error("the clocks of the database and of this host differ: set the wrong one right",
			zap.Duration("database_ahead", ahead))
	case before.Key != "" && s.skew.Key == "":
		s.Log.Info("the clocks of the database and of this host agree again", zap.Duration("database_ahead", ahead))
	}
	if s.skew == (galaxy.SkewEpisode{}) || s.skew.Notified {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, alertTimeout)
	defer cancel()
	if err := s.Alert(ctx, now, s.skew.Notice(ahead)); err != nil {
		s.Log.Warn("operators could not be notified that the clocks differ; it is tried again", zap.Error(err))
		return
	}
	s.skew.Notified = true
	s.WakeNotify()
}
