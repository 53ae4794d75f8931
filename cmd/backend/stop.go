package main

import (
	"context"
	"time"

	"go.uber.org/zap"
)

// stop is how one part that was started is ended, and how long that may take.
type stop struct {
	what  string
	limit time.Duration
	do    func(context.Context) error
}

func (s *service) started(what string, limit time.Duration, do func(context.Context) error) {
	s.stops = append(s.stops, stop{what, min(limit, s.conf.Service.ShutdownTimeout), do})
}

// stop ends what was started, the last first: requests, mails, push, the other actors, lease, Docker client, pool.
// Engines keep running. A part that does not end in its time is left behind.
func (s *service) stop() {
	for i := len(s.stops) - 1; i >= 0; i-- {
		part := s.stops[i]
		began := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), part.limit)
		ended := make(chan error, 1)
		go func() { ended <- part.do(ctx) }()
		select {
		case err := <-ended:
			if err != nil {
				s.log.Warn("a part did not stop cleanly", zap.String("part", part.what), zap.Error(err))
			}
		case <-time.After(part.limit + time.Second):
			s.log.Warn("a part did not stop in its time", zap.String("part", part.what), zap.Duration("after", time.Since(began)))
		}
		cancel()
	}
	s.log.Info("stopped")
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = s.tel.Shutdown(ctx)
}

// stopPush takes no new streams, lets the open ones have what is queued for them, and ends them.
func (s *service) stopPush(ctx context.Context) error {
	drained := s.actors.DrainPush(ctx)
	if err := s.push.Stop(ctx); err != nil {
		return err
	}
	return drained
}
