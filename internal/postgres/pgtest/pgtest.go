// Package pgtest gives each test a database of its own on one private cluster per test process.
package pgtest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"galaxy/backend/internal/postgres"
)

var (
	once     sync.Once
	shared   *postgres.Cluster
	home     string // of it
	startErr error
	template = struct {
		sync.Mutex
		made bool
	}{}
	serial atomic.Int64
)

// Run runs a package's tests and then stops the cluster, if one was started. For use in TestMain.
func Run(m *testing.M) int {
	code := m.Run()
	if shared != nil {
		_ = shared.Stop()
		_ = os.RemoveAll(home)
	}
	return code
}

// Cluster gives the process's cluster, started by the first test that needs it.
func Cluster(t testing.TB) *postgres.Cluster {
	t.Helper()
	once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		// Never a directory that is there already: a process of the same number may have been killed and have left its own.
		if home, startErr = os.MkdirTemp("", "galaxy-pgtest-"); startErr == nil {
			startErr = os.Chmod(home, 0o755)
		}
		if startErr == nil {
			shared, startErr = postgres.Start(ctx, postgres.Options{Dir: filepath.Join(home, "data"), Fast: true})
		}
	})
	if startErr != nil {
		t.Fatalf("these tests need a real PostgreSQL: %v", startErr)
	}
	return shared
}

// Database gives the DSN of a fresh database, migrated by migrate (once per process: the others are clones), and drops it
// when the test ends.
func Database(t testing.TB, migrate func(dsn string) error) string {
	t.Helper()
	c, ctx := Cluster(t), context.Background()
	template.Lock()
	if !template.made {
		if err := c.EnsureDatabase(ctx, "template_galaxy"); err != nil {
			t.Fatal(err)
		}
		if err := migrate(WithSchema(c.DSN("template_galaxy"))); err != nil {
			t.Fatalf("migrate the template database: %v", err)
		}
		template.made = true
	}
	name := fmt.Sprintf("test_%d", serial.Add(1))
	err := c.Exec(ctx, "postgres", "CREATE DATABASE "+name+" TEMPLATE template_galaxy")
	template.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Exec(ctx, "postgres", "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
	})
	return WithSchema(c.DSN(name))
}

// Empty gives the DSN of a database without a schema.
func Empty(t testing.TB) string {
	t.Helper()
	c, ctx := Cluster(t), context.Background()
	name := fmt.Sprintf("empty_%d", serial.Add(1))
	if err := c.EnsureDatabase(ctx, name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Exec(ctx, "postgres", "DROP DATABASE "+name+" WITH (FORCE)") })
	return WithSchema(c.DSN(name))
}

// WithSchema adds the search path that the service asks for.
func WithSchema(dsn string) string { return dsn + "&search_path=backend" }
