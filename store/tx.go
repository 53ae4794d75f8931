package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"galaxy/backend/galaxy"
)

// statement is what jet builds.
type statement interface {
	Sql() (query string, args []any)
}

// rows runs a query and scans its columns, in order, into T's fields.
func rows[T any](ctx context.Context, s *Store, stmt statement) ([]T, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	sql, args := stmt.Sql()
	r, err := s.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, translate(err)
	}
	out, err := pgx.CollectRows(r, pgx.RowToStructByPos[T])
	return out, translate(err)
}

// row is rows for a query that finds at most one; none is galaxy.NotFound.
func row[T any](ctx context.Context, s *Store, stmt statement) (T, error) {
	found, err := rows[T](ctx, s, stmt)
	if err == nil && len(found) == 0 {
		err = translate(pgx.ErrNoRows)
	}
	if err != nil {
		var zero T
		return zero, err
	}
	return found[0], nil
}

// tx is a transaction that is sent whole, in one round trip: what it decides on was read before, and its guards end
// it when that has changed.
type tx struct {
	batch      pgx.Batch
	generation int64 // of the lease whose outages the decision knows; 0 when no outage matters to it
}

func (t *tx) raw(sql string, args ...any) *pgx.QueuedQuery { return t.batch.Queue(sql, args...) }

func (t *tx) add(stmt statement) *pgx.QueuedQuery {
	sql, args := stmt.Sql()
	return t.raw(sql, args...)
}

// guarded adds a statement with a RETURNING clause that must hit a row; else nothing of the transaction is done and
// its commit answers galaxy.ErrStale.
func (t *tx) guarded(stmt statement) {
	sql, args := stmt.Sql()
	t.guardedRaw(sql, args...)
}

func (t *tx) guardedRaw(sql string, args ...any) {
	sql = strings.TrimSuffix(strings.TrimSpace(sql), ";")
	t.raw("WITH hit AS ("+sql+") SELECT fence(count(*), 'row') FROM hit", args...)
}

// commit sends a transaction of the backend that serves: it ends with galaxy.ErrLeaseLost when another one does. A
// take-over waits for the commits in flight, since they share a lock that it takes alone. After a gap in the service
// nothing is committed until the gap is noted, and then nothing that was decided before: the statement itself judges
// both, for it may wait anywhere on its way.
func (s *Store) commit(ctx context.Context, t *tx) error {
	lease := s.lease.Load()
	if lease == nil || !lease.Held() {
		return errAway.Because(errors.New("the lease is not held"))
	}
	current := lease.Generation()
	generation := cmp.Or(t.generation, current)
	if generation != current {
		return errGap
	}
	fenced := &tx{}
	fenced.raw("SELECT pg_advisory_xact_lock_shared($1)", commitLock)
	fenced.raw(`SELECT fence(count(*)
			FILTER (WHERE generation = $2 AND heartbeat_at > clock_timestamp() - make_interval(secs => $3)),
			CASE count(*) WHEN 0 THEN 'lease' ELSE 'gap' END)
		FROM lease WHERE epoch = $1`, lease.Epoch(), generation, lease.pulse.Stale.Seconds())
	fenced.batch.QueuedQueries = append(fenced.batch.QueuedQueries, t.batch.QueuedQueries...)
	err := s.send(ctx, fenced)
	if errors.Is(err, errUnnoted) && lease.Generation() == generation {
		lease.doubt() // nobody here has noticed yet
	}
	return err
}

// send sends a transaction that no lease guards. The wait for a connection has a time of its own: if the statements had only
// what is left of one, then whoever has waited long would be cut off in the middle, at the price of the connection, and
// of a memory that is no longer trusted; and under load everybody has waited long.
func (s *Store) send(ctx context.Context, t *tx) error {
	waiting, cancel := s.bounded(ctx)
	conn, err := s.pool.Acquire(waiting)
	cancel()
	if err != nil {
		return translate(err)
	}
	defer s.release(conn)
	ctx, cancel = s.bounded(ctx)
	defer cancel()
	return fenceError(conn.SendBatch(ctx, &t.batch).Close())
}

func fenceError(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch pg.Code {
		case "GX001":
			return fmt.Errorf("%w (%w)", galaxy.ErrStale, err)
		case "GX002":
			return fmt.Errorf("%w (%w)", galaxy.ErrLeaseLost, err)
		case "GX005":
			return fmt.Errorf("%w (%w)", galaxy.ErrSeats, err)
		case "GX004":
			return fmt.Errorf("%w (%w)", galaxy.ErrBlocked, err)
		case "GX006":
			return fmt.Errorf("%w (%w)", galaxy.ErrOwned, err)
		case "GX007":
			return fmt.Errorf("%w (%w)", galaxy.ErrNames, err)
		case "GX008":
			return errTaken.Because(err)
		case "GX009":
			return errGap.Because(errors.Join(errUnnoted, err))
		}
	}
	return translateCommit(err)
}

// scanAll makes a batch's query collect its rows into out.
func scanAll[T any](q *pgx.QueuedQuery, out *[]T) {
	q.Query(func(r pgx.Rows) (err error) {
		*out, err = pgx.CollectRows(r, pgx.RowToStructByPos[T])
		return err
	})
}

// deref gives the zero value for nil.
func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// read sends queries of which all see one moment's rows closely enough: they travel together, and what is decided
// on them is fenced by a version.
func (s *Store) read(ctx context.Context, t *tx) error {
	err := s.send(ctx, t)
	if galaxy.MemoryStale(err) { // nothing was written
		return errAway.Because(err)
	}
	return err
}
