package store_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"galaxy/backend/internal/postgres"
	"galaxy/backend/internal/renewal/renewaltest"
	"galaxy/backend/store/storetest"
)

// identify has the server show a certificate of that authority to whoever connects from now on.
func identify(t *testing.T, admin *pgx.Conn, dir string, a *renewaltest.Authority) {
	t.Helper()
	owner, err := os.Stat(dir)
	require.NoError(t, err)
	pair := a.Issue(7, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	for name, content := range map[string][]byte{"server.crt": pair.Cert, "server.key": pair.Key} {
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, content, 0o600))
		who := owner.Sys().(*syscall.Stat_t)
		require.NoError(t, os.Chown(file, int(who.Uid), int(who.Gid)))
	}
	for _, sql := range []string{"ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()"} {
		_, err = admin.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
}

// TestARenewedAuthorityIsTrustedWithoutARestart: the server's certificate and the file of whom to trust are replaced,
// one after the other; pool and lease connect again.
func TestARenewedAuthorityIsTrustedWithoutARestart(t *testing.T) {
	dir, err := os.MkdirTemp("", "galaxy-tls")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	data, roots := filepath.Join(dir, "postgres"), filepath.Join(dir, "roots.pem")
	cluster, err := postgres.Start(t.Context(), postgres.Options{Dir: data, Fast: true})
	require.NoError(t, err)
	t.Cleanup(func() { _ = cluster.Stop() })
	plain := cluster.DSN("postgres")
	secured := strings.Replace(plain, "sslmode=disable", "search_path=backend&sslmode=verify-full&sslrootcert="+roots, 1)
	admin, err := pgx.Connect(t.Context(), plain)
	require.NoError(t, err)
	t.Cleanup(func() { _ = admin.Close(t.Context()) })
	older, newer := renewaltest.New(t), renewaltest.New(t)
	connects := func() bool {
		conn, err := pgx.Connect(t.Context(), secured)
		return err == nil && conn.Close(t.Context()) == nil
	}

	identify(t, admin, data, older)
	require.NoError(t, os.WriteFile(roots, older.PEM, 0o644))
	require.Eventually(t, connects, 10*time.Second, 20*time.Millisecond)
	st := storetest.OpenBare(t, secured)
	require.NoError(t, st.Migrate(t.Context()))
	lease, err := st.AcquireLease(t.Context(), storetest.Pulse)
	require.NoError(t, err)
	t.Cleanup(lease.Release)

	identify(t, admin, data, newer)
	require.Eventually(t, func() bool { return !connects() }, 10*time.Second, 20*time.Millisecond)
	for _, content := range [][]byte{[]byte("half of a certi"), newer.PEM} {
		require.NoError(t, os.WriteFile(roots, content, 0o644))
		_, err = admin.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE application_name LIKE 'galaxy-backend%'`)
		require.NoError(t, err)
	}
	back := func() bool { return st.Ping(t.Context()) == nil && lease.Held() }
	require.Eventually(t, back, 10*time.Second, 20*time.Millisecond)
}
