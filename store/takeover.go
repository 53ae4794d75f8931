package store

import (
	"context"
	"errors"
	"fmt"
	"os"
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
	if err = l.store.awaitLock(ctx, conn); err == nil {
		l.taken = time.Now()
		l.epoch, err = l.store.takeOver(ctx, conn)
	}
	if err == nil {
		err = l.readGaps(ctx)
	}
	return translate(err)
}

// noteOutage records that nobody has served since the last heartbeat, if that was long ago.
const noteOutage = `INSERT INTO outages (epoch, began_at, ended_at) SELECT $1, heartbeat_at, now() FROM lease
	WHERE heartbeat_at < now() - make_interval(secs => $2) ON CONFLICT DO NOTHING`

// connect opens a connection of its own, for the lease.
func (s *Store) connect(ctx context.Context) (*pgx.Conn, error) {
	conf := s.pool.Config().ConnConfig.Copy()
	if err := s.files.renew(ctx, conf); err != nil {
		return nil, err
	}
	conf.Tracer = nil
	conf.RuntimeParams["application_name"] = "galaxy-backend-lease"
	conn, err := pgx.ConnectConfig(ctx, conf)
	return conn, translate(err)
}

// awaitLock waits for the lock: the wait is over the moment that the lock is free.
func (s *Store) awaitLock(ctx context.Context, conn *pgx.Conn) error {
	// A session that waits does not read from its client: without this it would outlive one that is killed. Not every server
	// knows the setting.
	if _, err := conn.Exec(ctx, "SET client_connection_check_interval = '1s'"); err != nil {
		s.log.Debug("sessions of standbys that are killed stay until the lease is free", zap.Error(err))
	}
	_, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", leaseLock)
	return err
}

// takeOver raises the epoch, after the commits of the one before have ended. A commit that does not end is ended: its backend
// may have been frozen, or lost with its host, after it had sent half of it.
func (s *Store) takeOver(ctx context.Context, conn *pgx.Conn) (epoch int64, err error) {
	for {
		epoch, err = raiseEpoch(ctx, conn)
		var pg *pgconn.PgError
		if !errors.As(err, &pg) || pg.Code != lockNotAvailable {
			return epoch, err
		}
		ended, err := conn.Exec(ctx, endCommits, commitLock)
		if err != nil {
			return 0, err
		}
		s.log.Warn("ended commits that kept this backend from taking over", zap.Int64("commits", ended.RowsAffected()))
	}
}

const lockNotAvailable = "55P03"

// endCommits ends the sessions that hold the lock of commits. A lock on a bigint is listed by its halves.
const endCommits = `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted
	AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
	AND (classid::bigint << 32) + objid::bigint = $1 AND objsubid = 1 AND pid <> pg_backend_pid()`

func raiseEpoch(ctx context.Context, conn *pgx.Conn) (epoch int64, err error) {
	host, _ := os.Hostname()
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		// A commit takes a few milliseconds.
		if _, err := tx.Exec(ctx, "SET LOCAL lock_timeout = '2s'"); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", commitLock); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, "SELECT epoch + 1 FROM lease FOR UPDATE").Scan(&epoch); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, noteOutage, epoch, galaxy.Interruption.Seconds()); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "UPDATE lease SET epoch = $1, holder = $2, taken_at = now(), heartbeat_at = now()", epoch, fmt.Sprintf("%s/%d", host, os.Getpid()))
		return err
	})
	return epoch, err
}
