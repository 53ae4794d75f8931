package store

import (
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Keeps gives how long a pool with that DSN keeps connections, and how many spare ones.
func Keeps(dsn string) (lifetime, jitter, idle time.Duration, spare int32, err error) {
	pc, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return 0, 0, 0, 0, err
	}
	pc.MaxConns = 25
	r, err := steady(pc)
	if err != nil {
		return 0, 0, 0, 0, err
	}
	return r.lifetime, r.jitter, pc.MaxConnIdleTime, pc.MinIdleConns, nil
}
