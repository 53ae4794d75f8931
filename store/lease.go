package store

import (
	"context"
	"errors"
	"fmt"
	"os"
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
)

// Pulse says how a lease is kept.
type Pulse struct {
	// Check is how often the lease's connection is tried, and the heartbeat written.
	Check time.Duration
	// Retry is how long to wait between attempts to get a lost connection back.
	Retry time.Duration
}

// DefaultPulse notices a lost connection within a second.
var DefaultPulse = Pulse{Check: time.Second, Retry: 200 * time.Millisecond}

// Lease is the right to serve a database: an advisory lock on a connection of its own, which falls with that
// connection, and an epoch that each take-over raises.
type Lease struct {
	store *Store
	pulse Pulse
	epoch int64
	held  atomic.Bool
	lost  chan struct{} // closed for good when another backend has taken over
	end   context.CancelFunc
	wg    sync.WaitGroup
}

// AcquireLease waits until no other backend serves the database, and then serves it: the store's commits are fenced
// by the new epoch. It ends early only with ctx, or with a database that is away.
func (s *Store) AcquireLease(ctx context.Context, pulse Pulse) (*Lease, error) {
	conn, err := s.lockConnection(ctx)
	if err != nil {
		return nil, err
	}
	l := &Lease{store: s, pulse: pulse, lost: make(chan struct{})}
	if l.epoch, err = takeOver(ctx, conn); err != nil {
		_ = conn.Close(context.WithoutCancel(ctx))
		return nil, fmt.Errorf("take the lease over: %w", translate(err))
	}
	l.held.Store(true)
	s.lease.Store(l)
	keep, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l.end = cancel
	l.wg.Go(func() { l.keep(keep, conn) })
	return l, nil
}

// lockConnection opens a connection of its own and waits on it for the lock.
func (s *Store) lockConnection(ctx context.Context) (*pgx.Conn, error) {
	conf := s.pool.Config().ConnConfig.Copy()
	conf.Tracer = nil
	// A server on a lost host is noticed within 15 s, and so is a client by the server.
	for name, value := range map[string]string{"tcp_keepalives_idle": "5", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "2", "application_name": "galaxy-backend-lease"} {
		conf.RuntimeParams[name] = value
	}
	conn, err := pgx.ConnectConfig(ctx, conf)
	if err != nil {
		return nil, translate(err)
	}
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", leaseLock); err != nil {
		_ = conn.Close(context.WithoutCancel(ctx))
		return nil, translate(err)
	}
	return conn, nil
}

// takeOver raises the epoch, after the commits of the one before have ended.
func takeOver(ctx context.Context, conn *pgx.Conn) (epoch int64, err error) {
	host, _ := os.Hostname()
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", commitLock); err != nil {
			return err
		}
		return tx.QueryRow(ctx, "UPDATE lease SET epoch = epoch + 1, holder = $1, taken_at = now(), heartbeat_at = now() RETURNING epoch",
			fmt.Sprintf("%s/%d", host, os.Getpid())).Scan(&epoch)
	})
	return epoch, err
}

// Held reports whether this backend serves right now. It does not while the lease's connection is lost.
func (l *Lease) Held() bool { return l.held.Load() }

// Epoch is the number of this backend's take-over.
func (l *Lease) Epoch() int64 { return l.epoch }

// Lost is closed when another backend has taken over: there is no way back but a new start.
func (l *Lease) Lost() <-chan struct{} { return l.lost }

// Release gives the lease up, so that the next backend serves at once.
func (l *Lease) Release() {
	l.held.Store(false)
	l.end()
	l.wg.Wait()
}

func (l *Lease) keep(ctx context.Context, conn *pgx.Conn) {
	for conn != nil && ctx.Err() == nil {
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

// watch tries the connection until it fails.
func (l *Lease) watch(ctx context.Context, conn *pgx.Conn) error {
	tick := time.NewTicker(l.pulse.Check)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		beat, cancel := context.WithTimeout(ctx, 5*l.pulse.Check)
		_, err := conn.Exec(beat, "UPDATE lease SET heartbeat_at = now() WHERE epoch = $1", l.epoch)
		cancel()
		if err != nil {
			return err
		}
	}
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

func (l *Lease) tryRegain(ctx context.Context) (*pgx.Conn, error) {
	conn, err := l.store.lockConnection(ctx)
	if err != nil {
		return nil, err
	}
	var epoch int64
	if err = conn.QueryRow(ctx, "SELECT epoch FROM lease").Scan(&epoch); err == nil && epoch != l.epoch {
		err = galaxy.ErrLeaseLost
	}
	if err != nil {
		_ = conn.Close(context.WithoutCancel(ctx))
		return nil, err
	}
	return conn, nil
}
