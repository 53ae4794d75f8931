package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"

	"galaxy/backend/galaxy"
)

// The advisory locks of the service. They are per database.
const (
	leaseLock  int64 = 0x67616c617879 // held by the backend that serves
	commitLock int64 = leaseLock + 1  // shared by every commit, taken alone by a take-over
	auditLock  int64 = leaseLock + 2  // taken by whoever makes the audit's partitions
)

// Pulse says how a lease is kept.
type Pulse struct {
	// Check is how often the lease's connection is tried, and the heartbeat written.
	Check time.Duration
	// Retry is how long to wait between attempts to get a lost connection back.
	Retry time.Duration
	// Frozen is how long this process may have stood still before it no longer believes that it serves: another may have taken
	// over. It then asks Postgres first.
	Frozen time.Duration
}

// DefaultPulse notices a server that has fallen silent within six seconds; a connection that ends is noticed at once.
var DefaultPulse = Pulse{Check: time.Second, Retry: 200 * time.Millisecond, Frozen: 400 * time.Millisecond}

// Lease is the right to serve a database: an advisory lock on a connection of its own, which falls with that
// connection, and an epoch that each take-over raises.
type Lease struct {
	store *Store
	pulse Pulse
	epoch int64
	held  atomic.Bool
	began time.Time
	taken time.Time     // when the lock was got
	alive atomic.Int64  // when this process was last seen to run, in nanoseconds after began
	stops atomic.Int64  // how often it has stood still, …
	asked atomic.Int64  // … and after how many of these Postgres was asked
	lost  chan struct{} // closed for good when another backend has taken over
	gaps  atomic.Pointer[[]galaxy.Outage]
	end   context.CancelFunc
	wg    sync.WaitGroup
}

// AcquireLease waits until no other backend serves the database, and then serves it: the store's commits are fenced
// by the new epoch. It ends early only with ctx, or with a database that is away from the start or refuses for good.
func (s *Store) AcquireLease(ctx context.Context, pulse Pulse) (*Lease, error) {
	conn, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	l := &Lease{store: s, pulse: pulse, began: time.Now(), lost: make(chan struct{})}
	if conn, err = l.acquire(ctx, conn); err != nil {
		return nil, fmt.Errorf("take the lease over: %w", err)
	}
	l.hold()
	s.lease.Store(l)
	keep, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l.end = cancel
	l.wg.Go(func() { l.keep(keep, conn) })
	l.wg.Go(func() { l.feel(keep) })
	return l, nil
}

// hold notes that the lease is known to be held now.
func (l *Lease) hold() {
	l.alive.Store(int64(time.Since(l.began)))
	l.held.Store(true)
}

// feel notices that the process has stood still, as one does that is stopped and continued by a signal.
func (l *Lease) feel(ctx context.Context) {
	tick := time.NewTicker(l.pulse.Frozen / 10)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if l.stood() > l.pulse.Frozen {
			l.stops.Add(1)
		}
		l.alive.Store(int64(time.Since(l.began)))
	}
}

// stood is how long ago the process was last seen to run. It goes on while the process is stopped.
func (l *Lease) stood() time.Duration { return time.Since(l.began) - time.Duration(l.alive.Load()) }

// doubtful reports whether the process has stood still and Postgres has not been asked since. The time is looked at first:
// when it has been noted anew, the stop has been counted.
func (l *Lease) doubtful() bool {
	return l.stood() > l.pulse.Frozen || l.stops.Load() != l.asked.Load()
}

// Outages gives the newest times in which no backend served this database, in the order of time.
func (l *Lease) Outages() []galaxy.Outage { return *l.gaps.Load() }

func (l *Lease) readGaps(ctx context.Context) error {
	gaps, err := l.store.Outages(ctx)
	if err == nil {
		l.gaps.Store(&gaps)
	}
	return err
}

// Held reports whether this backend serves right now. It does not while the lease's connection is lost, nor when the process
// has stood still and Postgres has not been asked since.
func (l *Lease) Held() bool { return l.held.Load() && !l.doubtful() }

// Undisputed waits until no earlier holder believes any more that it serves. One that was frozen when its connection was cut may,
// once it goes on, until it has stood still for as long as Frozen; whoever answers before that may be contradicted.
func (l *Lease) Undisputed(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(time.Until(l.taken.Add(l.pulse.Frozen))):
		return nil
	}
}

// Epoch is the number of this backend's take-over.
func (l *Lease) Epoch() int64 { return l.epoch }

// Lost is closed when another backend has taken over: there is no way back but a new start.
func (l *Lease) Lost() <-chan struct{} { return l.lost }

// Release gives the lease up, so that the next backend takes over at once.
func (l *Lease) Release() {
	l.held.Store(false)
	l.end()
	l.wg.Wait()
	l.held.Store(false) // it may have been got back meanwhile
}

func (l *Lease) keep(ctx context.Context, conn *pgx.Conn) {
	for conn != nil {
		err := l.watch(ctx, conn)
		l.held.Store(false)
		_ = conn.Close(context.WithoutCancel(ctx))
		if ctx.Err() != nil {
			return
		}
		l.store.log.Error("the connection that holds the lease is lost; not serving until it is back", zap.Error(err))
		conn = l.regain(ctx)
	}
}

// watch waits for the end of the connection, and tries it now and then, until it fails.
func (l *Lease) watch(ctx context.Context, conn *pgx.Conn) error {
	for {
		if err := l.idle(ctx, conn); err != nil {
			return err
		}
		stops := l.stops.Load()
		beat, cancel := context.WithTimeout(ctx, 5*l.pulse.Check)
		_, err := conn.Exec(beat, "UPDATE lease SET heartbeat_at = now() WHERE epoch = $1", l.epoch)
		cancel()
		if err != nil {
			return err
		}
		l.asked.Store(stops)
	}
}

// idle reads from the connection, on which nothing but its end can come, until the next beat is due or the process has stood
// still.
func (l *Lease) idle(ctx context.Context, conn *pgx.Conn) error {
	for due := time.Now().Add(l.pulse.Check); time.Now().Before(due) && !l.doubtful(); {
		wait, cancel := context.WithTimeout(ctx, min(time.Until(due), l.pulse.Frozen/4))
		_, err := conn.WaitForNotification(wait)
		cancel()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case conn.IsClosed():
			return err
		}
	}
	return nil
}

// regain gets the lock back on a new connection. If the epoch has risen meanwhile, the lease is lost for good.
func (l *Lease) regain(ctx context.Context) *pgx.Conn {
	for ctx.Err() == nil {
		conn, err := l.tryRegain(ctx)
		switch {
		case err == nil:
			l.hold()
			l.store.log.Info("the lease is held again")
			return conn
		case errors.Is(err, galaxy.ErrLeaseLost):
			l.store.log.Error("another backend has taken over")
			close(l.lost)
			return nil
		}
		select {
		case <-ctx.Done():
		case <-time.After(l.pulse.Retry):
		}
	}
	return nil
}

// errHeld: somebody has the lock, but has not taken over: a session of ours that the server has not missed yet, or another
// backend that is about to.
var errHeld = errors.New("the lock is held")

func (l *Lease) tryRegain(ctx context.Context) (*pgx.Conn, error) {
	stops := l.stops.Load()
	conn, err := l.store.connect(ctx)
	if err != nil {
		return nil, err
	}
	if err := l.retake(ctx, conn); err != nil {
		_ = conn.Close(context.WithoutCancel(ctx))
		return nil, err
	}
	l.asked.Store(stops)
	return conn, nil
}

// retake takes the lock if it is free, and never waits for it: one who has taken over may hold it for days. Only then is the
// epoch read, so that it is the one under which the lock was got.
func (l *Lease) retake(ctx context.Context, conn *pgx.Conn) error {
	var free bool
	if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", leaseLock).Scan(&free); err != nil {
		return err
	}
	var epoch int64
	if err := conn.QueryRow(ctx, "SELECT epoch FROM lease").Scan(&epoch); err != nil {
		return err
	}
	switch {
	case epoch != l.epoch:
		return galaxy.ErrLeaseLost
	case !free:
		return errHeld
	}
	if _, err := conn.Exec(ctx, noteOutage, l.epoch, galaxy.Interruption.Seconds()); err != nil {
		return err
	}
	return l.readGaps(ctx)
}
