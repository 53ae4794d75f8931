package main

import (
	"context"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// stop is how one part that was started is ended.
type stop struct {
	what string
	// limit is the part's own time. Parts without one share BACKEND_SHUTDOWN_TIMEOUT.
	limit time.Duration
	do    func(context.Context) error
}

// started notes a part that shares its time to stop with others.
func (s *service) started(what string, do func(context.Context) error) { s.startedWithin(what, 0, do) }

// startedWithin notes a part with its own time to stop, which is none of the others'.
func (s *service) startedWithin(what string, limit time.Duration, do func(context.Context) error) {
	s.stops = append(s.stops, stop{what, min(limit, s.conf.Service.ShutdownTimeout), do})
}

// stop refuses new requests and streams, and ends what was started, the last first: requests, mails, push, the other
// actors, lease, Docker client, pool, telemetry. Engines keep running. A part that does not end in its time is left
// behind.
//
// Each part that shares the time takes at most half of what is left of it, so that one that hangs leaves time for those
// after it.
func (s *service) stop() {
	s.endInTime()
	if s.front != nil {
		s.front.Refuse()
	}
	if s.push != nil {
		s.push.Refuse()
	}
	shared := s.conf.Service.ShutdownTimeout
	for i := len(s.stops) - 1; i >= 0; i-- {
		part := s.stops[i]
		if part.limit > 0 {
			s.end(part, part.limit)
			continue
		}
		limit := shared
		if i > 0 {
			limit /= 2
		}
		began := time.Now()
		s.end(part, limit)
		shared = max(0, shared-time.Since(began))
	}
}

// end ends one part within limit. A tenth of that is for a part that notices only then that its time is over.
func (s *service) end(part stop, limit time.Duration) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), limit-limit/10)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- part.do(ctx) }()
	select {
	case err := <-ended:
		if err != nil {
			s.log.Warn("a part did not stop in order", zap.String("part", part.what), zap.Error(err))
		}
	case <-time.After(limit):
		s.log.Warn("a part did not stop in its time and is left behind", zap.String("part", part.what),
			zap.Duration("after", time.Since(began)))
	}
}

// deadline is what bounds a stop as a whole, from the moment in which it is asked for.
type deadline struct {
	once sync.Once
	code atomic.Int32 // of the process, when it is ended by it
}

// endInTime ends the process once all times to stop are over, whatever hangs: a start that does not heed its context,
// or a write to the log that blocks. It counts from the first call.
func (s *service) endInTime() {
	s.deadline.once.Do(func() {
		c := s.conf
		whole := min(c.HTTP.ShutdownTimeout, c.Service.ShutdownTimeout) + min(c.Push.ShutdownTimeout,
			c.Service.ShutdownTimeout) + c.Service.ShutdownTimeout
		time.AfterFunc(whole-whole/50, func() { os.Exit(int(s.deadline.code.Load())) })
	})
}

// stopPush takes no new streams, lets the open ones have what is queued for them, and ends them.
func (s *service) stopPush(ctx context.Context) error {
	drained := s.actors.DrainPush(ctx)
	if err := s.push.Stop(ctx); err != nil {
		return err
	}
	return drained
}

// stopTelemetry hands over what was gathered.
func (s *service) stopTelemetry(ctx context.Context) error {
	s.log.Info("stopped")
	return s.tel.Shutdown(ctx)
}
