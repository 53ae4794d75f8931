package store

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
)

// How long the pool keeps connections unless the DSN says otherwise. A connection plans each statement anew, several
// times, before it is as fast as the others, and games with one deadline a day need many at once: so they outlive a
// day. A failover does not depend on that: a server that stops being the primary ends its sessions, and the next
// connection looks the name up anew.
const (
	connLifetime = 48 * time.Hour
	connIdleTime = 26 * time.Hour
	spareConns   = 2 // connections at rest that are kept ready, so that nobody waits for one to be made
)

// renewEvery is the least time between the ends of two connections that are old: the pool makes another in less.
const renewEvery = time.Second

// renewal ends connections that are old. pgxpool ends each at its age, also the last one at rest, and whoever comes
// next waits for a new one. Here one that is old serves on until another is at rest, and they go one by one.
type renewal struct {
	lifetime time.Duration // 0: they are kept for good
	jitter   time.Duration
	newest   atomic.Int64 // when one was ended, in nanoseconds
}

const untilKey = "galaxy.until"

// steady has the pool keep its connections, as the DSN says and else for long.
func steady(pc *pgxpool.Config) (*renewal, error) {
	named, err := pgx.ParseConfig(pc.ConnString()) // pgxpool has taken the settings out
	if err != nil {
		return nil, err
	}
	says := func(setting string) bool { _, ok := named.RuntimeParams["pool_"+setting]; return ok }
	if !says("max_conn_lifetime") {
		pc.MaxConnLifetime = connLifetime
	}
	if !says("max_conn_idle_time") {
		pc.MaxConnIdleTime = connIdleTime
	}
	if !says("min_idle_conns") {
		pc.MinIdleConns = min(spareConns, pc.MaxConns)
	}
	r := &renewal{lifetime: max(0, pc.MaxConnLifetime), jitter: pc.MaxConnLifetimeJitter}
	if !says("max_conn_lifetime_jitter") { // within the lifetime: they must not all go at the same time
		r.jitter = r.lifetime / 4
		r.lifetime -= r.jitter
	}
	if r.lifetime > 0 { // one that nobody uses ends by its idle time
		pc.MaxConnIdleTime = min(pc.MaxConnIdleTime, r.lifetime+r.jitter)
	}
	pc.MaxConnLifetime, pc.MaxConnLifetimeJitter = 0, 0
	pc.AfterConnect = r.connected
	return r, nil
}

// connected prepares a new connection, and notes how long it is kept.
func (r *renewal) connected(_ context.Context, conn *pgx.Conn) error {
	utc := &pgtype.TimestamptzCodec{ScanLocation: time.UTC}
	conn.TypeMap().RegisterType(&pgtype.Type{Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: utc})
	if r.lifetime > 0 {
		conn.PgConn().CustomData()[untilKey] = time.Now().Add(r.lifetime + rand.N(r.jitter+1))
	}
	return nil
}

// release gives a connection back, and ends it if it is old and others are at rest.
func (s *Store) release(conn *pgxpool.Conn) {
	until, ends := conn.Conn().PgConn().CustomData()[untilKey].(time.Time)
	if ends && s.renewal.may(time.Now(), until) && s.spare() {
		s.renewal.newest.Store(time.Now().UnixNano())
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = conn.Conn().Close(ctx) // the pool sees that it is closed, and makes another
	}
	conn.Release()
}

// spare reports whether enough connections are at rest for one to end: two, or all others of fewer.
func (s *Store) spare() bool {
	stat := s.pool.Stat()
	return stat.IdleConns() >= min(spareConns, max(1, stat.TotalConns()-1))
}

// may reports whether a connection may end now. Two that find so at the same moment both end: that is what spare ones
// are for.
func (r *renewal) may(now, until time.Time) bool {
	return now.After(until) && now.UnixNano()-r.newest.Load() >= int64(renewEvery)
}
