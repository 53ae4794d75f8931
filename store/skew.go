package store

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"

	"galaxy/backend/galaxy"
)

// skew is by how much the database's clock is ahead of the host's. Each round trip gives a sample: the database's
// clock was read somewhere within it. Of the newest samples the one of the shortest trip is the most exact.
type skew struct {
	mu      sync.Mutex
	samples [8]sample
	next    int
}

type sample struct {
	ahead, trip time.Duration
	taken       bool
}

// add takes a sample: the database's clock has shown a time between two moments.
func (s *skew) add(before, after moment, shown time.Time) {
	trip := after.lasted(before)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.samples[s.next] = sample{ahead: shown.Sub(before.wall.Add(trip / 2)), trip: trip, taken: true}
	s.next = (s.next + 1) % len(s.samples)
}

// forget drops the samples: what they show may be over.
func (s *skew) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.samples = [len(s.samples)]sample{}
}

func (s *skew) best() (best sample) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.samples {
		if one.taken && (!best.taken || one.trip < best.trip) {
			best = one
		}
	}
	return best
}

func (s *skew) ahead() time.Duration { return s.best().ahead }

// ClockSkew is by how much the database's clock is ahead of this host's, as it was measured lately. It reports false
// while that is not known: before the lease is held, or when the database answers too slowly to tell.
func (s *Store) ClockSkew() (time.Duration, bool) {
	best := s.skew.best()
	return best.ahead, best.taken && best.trip < galaxy.SkewLimit
}

// ClocksAgree gives an error when the database's clock differs from this host's by more than operators are to accept.
func (s *Store) ClocksAgree(context.Context) error {
	if ahead, known := s.ClockSkew(); known && ahead.Abs() > galaxy.SkewLimit {
		return galaxy.Errorf(galaxy.ServiceUnavailable, "%s", galaxy.DescribeSkew(ahead))
	}
	return nil
}

// measureClock measures the skew anew.
func (s *Store) measureClock(ctx context.Context, conn *pgx.Conn) error {
	s.skew.forget()
	for range 3 {
		before := s.moment()
		var shown time.Time
		if err := conn.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&shown); err != nil {
			return err
		}
		s.skew.add(before, s.moment(), shown)
	}
	return nil
}

// tellClock writes to the log how the clocks compare.
func (s *Store) tellClock() {
	ahead, known := s.ClockSkew()
	if known && ahead.Abs() > galaxy.SkewLimit {
		s.log.Warn("the clocks of the database and of this host differ: set them right",
			zap.Duration("database_ahead", ahead))
		return
	}
	s.log.Info("the clocks of the database and of this host were compared",
		zap.Duration("database_ahead", ahead), zap.Bool("known", known))
}
