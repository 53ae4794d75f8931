package store

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"

	"galaxy/backend/galaxy"
)

// heartbeat is the lease's row, with what the database's clock showed when it was read.
type heartbeat struct {
	Epoch     int64
	At        *time.Time // of the last beat; nil before the first one
	Ahead     int64      // microseconds by which the database's clock was ahead of the holder's then
	Server    *time.Time // start of the server whose clock At is; nil when a release before has taken over
	Shows     time.Time  // now
	NowServer time.Time  // start of the server whose clock Shows is
}

// gap is how long nobody has served before a reading, which the host's clock showed as host. lasted is how long this
// process itself has known of no heartbeat; 0 for one that has not served before.
//
// The database's clock decides, for it is the only one that goes on for certain: the host may have slept. Another
// server's clock may differ, and then the time that passed is the hosts' to tell. A clock that was set back never
// makes a gap shorter than it was for this process.
func (h heartbeat) gap(host time.Time, lasted time.Duration) time.Duration {
	if h.At == nil {
		return 0
	}
	byDatabase := h.Shows.Sub(*h.At)
	byHost := lasted
	if lasted == 0 {
		byHost = host.Sub(h.At.Add(-time.Duration(h.Ahead) * time.Microsecond))
	}
	switch sameServer := h.Server == nil || h.Server.Equal(h.NowServer); {
	case sameServer && lasted > 0:
		return max(byDatabase, lasted)
	case sameServer && byDatabase >= 0, byHost < 0:
		return max(0, byDatabase)
	default:
		return byHost
	}
}

// begin begins a generation in the lease's row: it notes the time before in which nobody has served, if it was long
// enough, and renews the heartbeat. What is committed from then on must have been decided on with that outage known.
// With raise it takes over; else it ends with galaxy.ErrLeaseLost when another backend has.
func (l *Lease) begin(ctx context.Context, conn *pgx.Conn, raise bool, guard func(pgx.Tx) error) (
	epoch, generation int64, err error,
) {
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if err := guard(tx); err != nil {
			return err
		}
		h, host, err := l.readHeartbeat(ctx, tx)
		if err != nil {
			return err
		}
		switch epoch = h.Epoch; {
		case raise:
			epoch++
		case epoch != l.epoch:
			return galaxy.ErrLeaseLost
		}
		if err := l.note(ctx, tx, epoch, h.gap(host, l.unknown()), host); err != nil {
			return err
		}
		name, _ := os.Hostname()
		holder := fmt.Sprintf("%s/%d", name, os.Getpid())
		return tx.QueryRow(ctx, `UPDATE lease SET generation = generation + 1, beats = beats + 1,
				heartbeat_at = clock_timestamp(), ahead_us = $2, server_at = pg_postmaster_start_time(),
				taken_at = CASE WHEN epoch = $1 THEN taken_at ELSE clock_timestamp() END, epoch = $1, holder = $3
			RETURNING generation`, epoch, l.store.skew.ahead().Microseconds(), holder).Scan(&generation)
	})
	return epoch, generation, err
}

// readHeartbeat locks the lease's row and reads it. The database's clock is read when the row is locked, and the
// host's right after.
func (l *Lease) readHeartbeat(ctx context.Context, tx pgx.Tx) (h heartbeat, host time.Time, err error) {
	if _, err = tx.Exec(ctx, "SELECT FROM lease FOR UPDATE"); err != nil {
		return h, host, err
	}
	err = tx.QueryRow(ctx, `SELECT epoch, heartbeat_at, ahead_us, server_at, clock_timestamp(),
		pg_postmaster_start_time() FROM lease`).
		Scan(&h.Epoch, &h.At, &h.Ahead, &h.Server, &h.Shows, &h.NowServer)
	return h, l.store.clock.Now(), err
}

// note records an outage that ends now, by the host's clock: deadlines are set and judged by it. Outages that seem to
// end later were noted by another host's clock, or before this one's was set back; they are over, and so they are
// moved to end now.
func (l *Lease) note(ctx context.Context, tx pgx.Tx, epoch int64, gap time.Duration, host time.Time) error {
	const overAlready = "UPDATE outages SET began_at = began_at - (ended_at - $1), ended_at = $1 WHERE ended_at > $1"
	if _, err := tx.Exec(ctx, overAlready, host); err != nil {
		return err
	}
	if gap < galaxy.Interruption {
		return nil
	}
	l.store.log.Warn("nobody was served for a while: games catch up on the deadlines of that time",
		zap.Duration("for", gap.Round(time.Millisecond)))
	_, err := tx.Exec(ctx, "INSERT INTO outages (epoch, began_at, ended_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
		epoch, host.Add(-gap), host)
	return err
}
