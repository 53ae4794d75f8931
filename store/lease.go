package store

import (
	"cmp"
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
	// Stale is how old a heartbeat may be before nothing is committed any more: the time since is a gap in the
	// service, which must be noted first. Zero is ten beats, and ten seconds at least.
	Stale time.Duration
	// Silent is how long a standby must see no heartbeat before it ends the holder's session and takes over. Zero is
	// fifteen beats, and fifteen seconds at least.
	Silent time.Duration
}

// DefaultPulse notices a server that has fallen silent within six seconds; a connection that ends is noticed at once.
var DefaultPulse = Pulse{Check: time.Second, Retry: 200 * time.Millisecond, Frozen: 400 * time.Millisecond}

func (p Pulse) complete() Pulse {
	p.Stale = cmp.Or(p.Stale, max(10*p.Check, 10*time.Second))
	p.Silent = cmp.Or(p.Silent, max(15*p.Check, 15*time.Second))
	return p
}

// patience bounds one beat. Without an answer by then the connection is given up.
func (p Pulse) patience() time.Duration { return 5 * p.Check }

// attention is how far apart a standby's looks at the heartbeat may be: after a longer time it begins to count anew.
func (p Pulse) attention() time.Duration { return max(3*p.Check, p.Silent/5) }

// Lease is the right to serve a database: an advisory lock on a connection of its own, which falls with that
// connection, and an epoch that each take-over raises. Within an epoch, a generation begins whenever the holder
// resumes after a time in which it has served nobody.
type Lease struct {
	store *Store
	pulse Pulse
	epoch int64
	held  atomic.Bool
	taken time.Time              // when the lock was got
	alive atomic.Pointer[moment] // when this process was last seen to run, …
	stops atomic.Int64           // how often it has stood still, …
	asked atomic.Int64           // … and after how many of these Postgres was asked
	sure  atomic.Pointer[moment] // when the newest heartbeat was sent that Postgres has confirmed
	known atomic.Pointer[generation]
	lost  chan struct{} // closed for good when another backend has taken over
	noted chan struct{} // has an element when an outage was noted and nobody was notified yet
	end   context.CancelFunc
	wg    sync.WaitGroup

	session uint32 // process id of the server that has the lock for us, or had it
}

// generation is an unbroken time of service, with the outages before it.
type generation struct {
	number  int64
	outages []galaxy.Outage
}

// AcquireLease waits until no other backend serves the database, and then serves it: the store's commits are fenced
// by the new epoch. It ends early only with ctx, or with a database that is away from the start or refuses for good.
func (s *Store) AcquireLease(ctx context.Context, pulse Pulse) (*Lease, error) {
	conn, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	l := &Lease{store: s, pulse: pulse.complete(), lost: make(chan struct{}), noted: make(chan struct{}, 1)}
	if conn, err = l.acquire(ctx, conn); err != nil {
		return nil, fmt.Errorf("take the lease over: %w", err)
	}
	s.tellClock()
	l.held.Store(true)
	s.lease.Store(l)
	keep, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l.end = cancel
	l.wg.Go(func() { l.keep(keep, conn) })
	l.wg.Go(func() { l.feel(keep) })
	return l, nil
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
		l.alive.Store(new(l.store.moment()))
	}
}

// stood is how long ago the process was last seen to run. It goes on while the process is stopped, or the machine
// sleeps.
func (l *Lease) stood() time.Duration { return l.store.moment().since(*l.alive.Load()) }

// doubtful reports whether the process has stood still and Postgres has not been asked since. The time is looked at first:
// when it has been noted anew, the stop has been counted.
func (l *Lease) doubtful() bool {
	return l.stood() > l.pulse.Frozen || l.stops.Load() != l.asked.Load()
}

// doubt has Postgres asked before this backend believes again that it serves.
func (l *Lease) doubt() { l.stops.Add(1) }

// unknown is how long no heartbeat of this process is known to have been written; 0 before the first one.
func (l *Lease) unknown() time.Duration {
	if sure := l.sure.Load(); sure != nil {
		return l.store.moment().lasted(*sure)
	}
	return 0
}

// Outages gives the newest times in which no backend served this database, in the order of time.
func (l *Lease) Outages() []galaxy.Outage { return l.known.Load().outages }

// setBack reports whether an outage seems to end later than now, since the host's clock was set back after it was
// noted: it would count for deadlines that are set from now on.
func (l *Lease) setBack() bool { return newest(l.Outages()).After(l.store.clock.Now()) }

// Generation numbers the times that a backend has begun to serve, or has resumed after a gap. What is decided with the
// outages of one is not committed in another. Read it before Outages.
func (l *Lease) Generation() int64 { return l.known.Load().number }

// Noted gives an element when an outage was noted while this backend has kept the lease: games are to catch up on it.
func (l *Lease) Noted() <-chan struct{} { return l.noted }

// learn reads the outages of a generation that has begun.
func (l *Lease) learn(ctx context.Context, number int64) error {
	outages, err := l.store.Outages(ctx)
	if err != nil {
		return err
	}
	before := l.known.Swap(&generation{number, outages})
	if before != nil && newest(outages).After(newest(before.outages)) {
		select {
		case l.noted <- struct{}{}:
		default:
		}
	}
	return nil
}

// newest is when the newest of outages ended; the zero time when there is none.
func newest(outages []galaxy.Outage) (at time.Time) {
	if n := len(outages); n > 0 {
		at = outages[n-1].To
	}
	return at
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
		if err := l.beat(ctx, conn); err != nil {
			return err
		}
		l.asked.Store(stops)
	}
}

// beat renews the heartbeat. One that is stale it leaves as it is: then nobody was served for a while, although the
// connection has survived, and a new generation begins before this backend serves again. So it does when the host's
// clock was set back behind an outage.
func (l *Lease) beat(ctx context.Context, conn *pgx.Conn) error {
	if l.unknown() <= l.pulse.Stale && !l.setBack() {
		fresh, err := l.renew(ctx, conn)
		if err != nil || fresh {
			return err
		}
	}
	l.held.Store(false)
	l.store.log.Warn("this backend has stood still, or a clock was set; it serves again once that is noted",
		zap.Duration("since_heartbeat", l.unknown().Round(time.Millisecond)))
	err := l.resume(ctx, conn)
	l.held.Store(err == nil)
	return err
}

// renew writes the heartbeat unless it is stale. The time is judged by the statement itself: it may reach a server
// that has stood still, and long after it was sent.
func (l *Lease) renew(ctx context.Context, conn *pgx.Conn) (fresh bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, l.pulse.patience())
	defer cancel()
	sent := l.store.moment()
	var shown time.Time
	err = conn.QueryRow(ctx, `UPDATE lease SET heartbeat_at = clock_timestamp(), beats = beats + 1, ahead_us = $3
		WHERE epoch = $1 AND generation = $2 AND heartbeat_at > clock_timestamp() - make_interval(secs => $4)
		RETURNING clock_timestamp()`,
		l.epoch, l.Generation(), l.store.skew.ahead().Microseconds(), l.pulse.Stale.Seconds()).Scan(&shown)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err == nil {
		l.store.skew.add(sent, l.store.moment(), shown)
		l.sure.Store(&sent)
	}
	return err == nil, err
}

// resume begins a generation on a connection that has the lock.
func (l *Lease) resume(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, max(l.pulse.patience(), 5*time.Second))
	defer cancel()
	if err := l.store.measureClock(ctx, conn); err != nil {
		return err
	}
	sent := l.store.moment()
	_, number, err := l.begin(ctx, conn, false, func(pgx.Tx) error { return nil })
	if err != nil {
		return err
	}
	if err := l.learn(ctx, number); err != nil {
		return err
	}
	l.sure.Store(&sent)
	return nil
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
			l.held.Store(true)
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
	ctx, cancel := context.WithTimeout(ctx, connectTimeout+l.pulse.patience())
	defer cancel()
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
		return l.endOwn(ctx, conn)
	}
	l.session = conn.PgConn().PID()
	return l.resume(ctx, conn)
}
