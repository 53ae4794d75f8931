package postgres

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// open gives a directory that the server's account can reach, which t.TempDir is not.
func open(t *testing.T) string {
	dir, err := os.MkdirTemp("", "galaxy-postgres")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "data")
}

func TestAClusterKeepsItsDataAcrossStopAndKill(t *testing.T) {
	ctx := t.Context()
	c, err := Start(ctx, Options{Dir: open(t)})
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Stop()) }()
	require.NoError(t, c.EnsureDatabase(ctx, "kept"))
	require.NoError(t, c.EnsureDatabase(ctx, "kept"), "making it twice is no error")
	require.NoError(t, c.Exec(ctx, "kept", "CREATE TABLE t AS SELECT 42 AS n"))

	require.NoError(t, c.Stop())
	_, err = pgx.Connect(ctx, c.DSN("kept"))
	require.Error(t, err, "a stopped server takes no connections")
	require.NoError(t, c.Resume(ctx))
	require.NoError(t, c.Kill())
	require.NoError(t, c.Resume(ctx))

	conn, err := pgx.Connect(ctx, c.DSN("kept"))
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	var n int
	require.NoError(t, conn.QueryRow(ctx, "SELECT n FROM t").Scan(&n))
	require.Equal(t, 42, n)
}

func TestALeftoverServerIsStoppedBeforeItsDirectoryIsUsedAgain(t *testing.T) {
	ctx, dir := t.Context(), open(t)
	first, err := Start(ctx, Options{Dir: dir, Fast: true})
	require.NoError(t, err)
	second, err := Start(ctx, Options{Dir: dir, Fast: true})
	require.NoError(t, err)
	defer func() { require.NoError(t, second.Stop()) }()
	<-first.done
	require.NoError(t, second.Exec(ctx, "postgres", "SELECT 1"))
}
