package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"
)

// awaitLock waits for the lock: the wait is over the moment that the lock is free. Meanwhile the holder's heartbeats
// are watched, for one that is frozen, or whose machine sleeps, keeps the lock and serves nobody.
func (l *Lease) awaitLock(ctx context.Context, conn *pgx.Conn) error {
	watching, cancel := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		l.watchHolder(watching)
	}()
	_, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", leaseLock)
	cancel()
	<-watched
	return err
}

// sign is what a standby sees of the holder. It changes with each heartbeat.
type sign struct {
	Session   uint32 // of the lock
	Epoch     int64
	Beats     int64
	Heartbeat *time.Time // of a holder that counts no beats yet, as the release before
}

func (s sign) same(as sign) bool {
	return s.Session == as.Session && s.Epoch == as.Epoch && s.Beats == as.Beats &&
		(s.Heartbeat == nil) == (as.Heartbeat == nil) && (s.Heartbeat == nil || s.Heartbeat.Equal(*as.Heartbeat))
}

// silence is for how long the same sign was seen. Only time counts that was watched without a break: after one in
// which this process or Postgres has stood still, a living holder needs a moment for its next heartbeat.
type silence struct {
	sign      sign
	since, at moment
	watched   bool
}

// see adds a look, and gives how long the silence has lasted. Looks may be allowed apart.
func (s *silence) see(now sign, at moment, allowed time.Duration) time.Duration {
	if !s.watched || !now.same(s.sign) || at.since(s.at) > allowed {
		*s = silence{sign: now, since: at, watched: true}
	}
	s.at = at
	return at.lasted(s.since)
}

// watchHolder ends the holder's session when it has shown no sign of life for the time of Pulse.Silent.
func (l *Lease) watchHolder(ctx context.Context) {
	tick := time.NewTicker(l.pulse.Check)
	defer tick.Stop()
	var s silence
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		seen, err := l.look(ctx)
		if err != nil {
			s = silence{}
			continue
		}
		if s.see(seen, l.store.moment(), l.pulse.attention()) < l.pulse.Silent {
			continue
		}
		s = silence{}
		if err := l.endHolder(ctx, seen); err != nil && ctx.Err() == nil {
			l.store.log.Error("the session of a holder without heartbeats could not be ended; it is tried again", zap.Error(err))
		}
	}
}

// look reads the holder's sign of life, on a connection of the pool: the standby's own waits for the lock.
func (l *Lease) look(ctx context.Context) (s sign, err error) {
	ctx, cancel := context.WithTimeout(ctx, l.pulse.attention())
	defer cancel()
	err = l.store.pool.QueryRow(ctx, `SELECT k.pid, l.epoch, l.beats, l.heartbeat_at
		FROM lease l, (SELECT pid `+heldBy+`) k`, leaseLock).
		Scan(&s.Session, &s.Epoch, &s.Beats, &s.Heartbeat)
	return s, err
}

// endHolder ends the session that has the lock, unless the holder has given a sign of life since.
func (l *Lease) endHolder(ctx context.Context, seen sign) error {
	ctx, cancel := l.store.bounded(ctx)
	defer cancel()
	var ended bool
	err := l.store.pool.QueryRow(ctx, `SELECT pg_terminate_backend(k.pid)
		FROM lease l, (SELECT pid `+heldBy+` AND pid = $2) k
		WHERE l.epoch = $3 AND l.beats = $4 AND l.heartbeat_at IS NOT DISTINCT FROM $5`,
		leaseLock, int32(seen.Session), seen.Epoch, seen.Beats, seen.Heartbeat).Scan(&ended)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if ended {
		l.store.log.Warn("the backend that has the lease has shown no sign of life: its session was ended, and this one takes over",
			zap.Duration("for", l.pulse.Silent), zap.Int64("epoch", seen.Epoch))
	}
	return err
}

// endOwn ends the session that this backend has given up and that Postgres still keeps the lock for, as after a time
// in which the network has lost everything. It answers errHeld: the lock is tried again.
func (l *Lease) endOwn(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, endHolders+` AND pid = $2`, leaseLock, int32(l.session)); err != nil {
		return err
	}
	return errHeld
}
