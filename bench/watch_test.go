package bench

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"galaxy/backend/galaxy"
)

// watch says what is to be called with whatever games store, once it is committed, and with the routes of notices that are
// recorded. nil is nothing.
type watch struct {
	committed func(galaxy.GameChange)
	recorded  func([]galaxy.RouteRecord)
}

// watch has what is stored from now on told.
func (c *codes) watch(by watch) { c.watched.Store(&by) }

// CommitGame tells of it.
func (c *codes) CommitGame(ctx context.Context, change galaxy.GameChange) (galaxy.Game, error) {
	g, err := c.Store.CommitGame(ctx, change)
	if by := c.watched.Load(); err == nil && by != nil && by.committed != nil {
		by.committed(change)
	}
	return g, err
}

// RecordRoutes tells of it.
func (c *codes) RecordRoutes(ctx context.Context, records []galaxy.RouteRecord) error {
	err := c.Store.RecordRoutes(ctx, records)
	if by := c.watched.Load(); err == nil && by != nil && by.recorded != nil {
		by.recorded(records)
	}
	return err
}

// quiet waits until all that turns cause is done: their reports are stored, and everybody is told.
func (w *world) quiet() {
	pool, err := pgxpool.New(w.Context(), w.dsn)
	require.NoError(w, err)
	defer pool.Close()
	open := 0
	if !assert.Eventually(w, func() bool {
		err := pool.QueryRow(w.Context(), `SELECT (SELECT count(*) FROM runtimes WHERE op_kind IS NOT NULL OR reports < turn)
			+ (SELECT count(*) FROM notification_routes WHERE status IN ('pending', 'retrying'))`).Scan(&open)
		return err == nil && open == 0
	}, time.Minute, 5*time.Millisecond) {
		require.Failf(w, "the games do not come to rest", "%d things are still to be done", open)
	}
}
