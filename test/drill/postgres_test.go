package drill

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"galaxy/backend/internal/postgres"
	"galaxy/backend/internal/postgres/pgtest"
	"galaxy/backend/store/storetest"
)

// drillPostgres crashes Postgres, or ends its first process alone, at any instant around orders and turns, and starts it
// again. It keeps what it has confirmed, and the service runs on.
func drillPostgres(t *testing.T, d *drill) {
	c := durable(t)
	w := begin(t, d, options{database: pgtest.WithSchema(c.DSN(database))})
	games, err := w.set(t.Context(), gamesAtOnce, 2)
	if err != nil {
		d.problem("%v", err)
		return
	}
	began := time.Now()
	if err := all(t.Context(), games, (*game).next); err != nil {
		d.problem("%v", err)
		return
	}
	usual := time.Since(began)
	for range of(1, 40) {
		if err := w.crash(t.Context(), c, games, usual); err != nil {
			d.problem("%v", err)
			return
		}
	}
}

const database = "galaxy"

// durable starts a Postgres of its own that keeps what it has confirmed.
func durable(t *testing.T) *cluster {
	dir, err := os.MkdirTemp("", "galaxy-drill-pg")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	c := &cluster{dir: filepath.Join(dir, "data")}
	c.Cluster, err = postgres.Start(t.Context(), postgres.Options{Dir: c.dir})
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Stop() })
	require.NoError(t, c.EnsureDatabase(t.Context(), database))
	require.NoError(t, storetest.Migrate(pgtest.WithSchema(c.DSN(database))))
	return c
}

// cluster is a Postgres that can be crashed.
type cluster struct {
	*postgres.Cluster
	dir string
}

// crash plays a turn in every game while Postgres is crashed and started again.
func (w *world) crash(ctx context.Context, c *cluster, games []*game, usual time.Duration) error {
	kills, err := w.through(ctx, func(ctx context.Context) error {
		var both errgroup.Group
		both.Go(func() error { return all(ctx, games, (*game).next) })
		both.Go(func() error {
			if err := instant(ctx, usual*3/2); err != nil {
				return err
			}
			return c.restart(ctx)
		})
		return both.Wait()
	})
	if kills > 0 {
		err = errors.Join(err, errors.New("the service has ended"))
	}
	w.count(&w.rounds, 1)
	w.db.Reset() // the judge's own connections may be those of before
	if err == nil {
		err = all(ctx, games, (*game).judge)
	}
	return err
}

// restart crashes the server and starts it again.
func (c *cluster) restart(ctx context.Context) error {
	if rand.IntN(2) == 0 {
		if err := c.killFirst(); err != nil {
			return err
		}
	}
	if err := c.Kill(); err != nil {
		return fmt.Errorf("crash Postgres: %w", err)
	}
	for {
		// What the first process has left behind, when it alone was killed, must have ended first.
		err := c.Resume(ctx)
		if err == nil {
			return nil
		}
		if stopped := pause(ctx, every); stopped != nil {
			return fmt.Errorf("start Postgres again: %w", errors.Join(err, stopped))
		}
	}
}

// killFirst kills the server's first process, which leaves the others to find out.
func (c *cluster) killFirst() error {
	raw, err := os.ReadFile(filepath.Join(c.dir, "postmaster.pid"))
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(string(raw), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil {
		return err
	}
	return syscall.Kill(pid, syscall.SIGKILL)
}
