package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/zap"

	"galaxy/backend/galaxy"
)

// acquire waits for the lock and takes over. It outlives a Postgres that goes away meanwhile: a standby that ended with it
// would be missing when it is needed.
func (l *Lease) acquire(ctx context.Context, conn *pgx.Conn) (_ *pgx.Conn, err error) {
	for {
		if err == nil {
			if err = l.tryAcquire(ctx, conn); err == nil {
				return conn, nil
			}
			_ = conn.Close(context.WithoutCancel(ctx))
			l.store.log.Warn("the connection that waits for the lease is lost", zap.Error(err))
		}
		if ctx.Err() != nil || !galaxy.Is(err, galaxy.ServiceUnavailable) && !galaxy.Is(err, galaxy.Timeout) {
			return nil, err
		}
		select {
		case <-ctx.Done():
		case <-time.After(l.pulse.Retry):
		}
		conn, err = l.store.connect(ctx)
	}
}

func (l *Lease) tryAcquire(ctx context.Context, conn *pgx.Conn) (err error) {
	if err = l.awaitLock(ctx, conn); err != nil {
		return translate(err)
	}
	l.taken, l.session = time.Now(), conn.PgConn().PID()
	if err = l.store.measureClock(ctx, conn); err != nil {
		return translate(err)
	}
	var number int64
	if l.epoch, number, err = l.takeOver(ctx, conn); err == nil {
		err = l.learn(ctx, number)
	}
	if err == nil {
		err = l.confirm(ctx, conn)
	}
	return translate(err)
}

// confirm has Postgres say once more that this backend has the lease: it may have stood still since it took over.
// After a slow answer it asks again, since it would not believe one.
func (l *Lease) confirm(ctx context.Context, conn *pgx.Conn) error {
	const attempts = 5
	for range attempts {
		l.alive.Store(new(l.store.moment()))
		switch fresh, err := l.renew(ctx, conn); {
		case err != nil:
			return err
		case !fresh:
			return errAway.Because(errors.New("the lease was lost as soon as it was taken over"))
		case l.stood() < l.pulse.Frozen/2:
			return nil
		}
	}
	return nil
}

// connect opens a connection of its own, for the lease.
func (s *Store) connect(ctx context.Context) (*pgx.Conn, error) {
	conf := s.pool.Config().ConnConfig.Copy()
	if err := s.files.renew(ctx, conf); err != nil {
		return nil, err
	}
	conf.Tracer = nil
	conf.RuntimeParams["application_name"] = "galaxy-backend-lease"
	conn, err := pgx.ConnectConfig(ctx, conf)
	if err != nil {
		return nil, translate(err)
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	// A session that waits does not read from its client: without this it would outlive one that is killed, or has
	// given it up. Not every server knows the setting.
	if _, err := conn.Exec(ctx, "SET client_connection_check_interval = '1s'"); err != nil {
		if conn.IsClosed() {
			return nil, translate(err)
		}
		s.log.Debug("sessions of backends that are killed stay until the lease is free", zap.Error(err))
	}
	return conn, nil
}

// takeOver raises the epoch, after the commits of the one before have ended. A commit that does not end is ended: its backend
// may have been frozen, or lost with its host, after it had sent half of it.
func (l *Lease) takeOver(ctx context.Context, conn *pgx.Conn) (epoch, generation int64, err error) {
	for {
		epoch, generation, err = l.begin(ctx, conn, true, awaitCommits(ctx))
		var pg *pgconn.PgError
		if !errors.As(err, &pg) || pg.Code != lockNotAvailable {
			return epoch, generation, err
		}
		ended, err := conn.Exec(ctx, endHolders, commitLock)
		if err != nil {
			return 0, 0, err
		}
		l.store.log.Warn("ended commits that kept this backend from taking over", zap.Int64("commits", ended.RowsAffected()))
	}
}

// awaitCommits waits for the commits of the backend before. A commit takes a few milliseconds.
func awaitCommits(ctx context.Context) func(pgx.Tx) error {
	return func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL lock_timeout = '2s'"); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", commitLock)
		return err
	}
}

const lockNotAvailable = "55P03"

// heldBy finds the sessions that have the lock $1. A lock on a bigint is listed by its halves.
const heldBy = `FROM pg_locks WHERE locktype = 'advisory' AND granted
	AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
	AND (classid::bigint << 32) + objid::bigint = $1 AND objsubid = 1`

// endHolders ends the sessions that have a lock.
const endHolders = `SELECT pg_terminate_backend(pid) ` + heldBy + ` AND pid <> pg_backend_pid()`
