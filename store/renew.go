package store

import (
	"context"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"
)

// renewer reads anew, before each connection, what a DSN takes from files: sslcert, sslkey, sslrootcert and passfile.
// An operator renews them while the service runs, and the server may refuse the older ones at once.
type renewer struct {
	dsn string
	log *zap.Logger

	mu   sync.Mutex
	last *pgx.ConnConfig // as it was read last without an error
	said string          // the error that was logged last; empty after a success
}

// renew updates c. Files that cannot be used, as a certificate whose key has not come yet, are logged once; what was
// read before is used then.
func (r *renewer) renew(_ context.Context, c *pgx.ConnConfig) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if fresh, err := pgxpool.ParseConfig(r.dsn); err == nil {
		r.last, r.said = fresh.ConnConfig, ""
	} else if said := redacted(err); r.said != said.Error() {
		r.said = said.Error()
		r.log.Error("the files that BACKEND_POSTGRES_DSN names cannot be used; what was read before stays in use",
			zap.Error(said))
	}
	if r.last != nil {
		now := r.last.Copy()
		c.Host, c.Port, c.TLSConfig, c.Fallbacks, c.Password = now.Host, now.Port, now.TLSConfig, now.Fallbacks, now.Password
	}
	return nil
}
