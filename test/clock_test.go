package test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"galaxy/backend/client"
	"galaxy/backend/internal/stack"
	"galaxy/backend/store/storetest"
)

func (w *world) dsn() string { return w.stack.DSN }

func (w *world) ask(sql string, into ...any) {
	w.Helper()
	conn, err := pgx.Connect(w.Context(), w.dsn())
	require.NoError(w, err)
	defer func() { _ = conn.Close(context.Background()) }()
	require.NoError(w, conn.QueryRow(w.Context(), sql).Scan(into...))
}

// stop freezes a service; its return lets it go on.
func (w *world) stop(b *stack.Backend) (wake func()) {
	w.Helper()
	require.NoError(w, syscall.Kill(b.PID(), syscall.SIGSTOP))
	require.Eventually(w, func() bool { return standsStill(b.PID()) }, 10*time.Second, time.Millisecond)
	wake = func() { _ = syscall.Kill(b.PID(), syscall.SIGCONT) }
	w.Cleanup(wake)
	return wake
}

// standsStill reports whether every thread of a process is stopped: a signal reaches them one by one.
func standsStill(pid int) bool {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	for _, path := range threads {
		raw, err := os.ReadFile(path)
		if err != nil {
			return false
		}
		_, state, _ := strings.Cut(string(raw), ") ")
		if !strings.HasPrefix(state, "T") {
			return false
		}
	}
	return len(threads) > 0
}

// dueIn moves the deadline of the first turn.
func (w *world) dueIn(d time.Duration) time.Time {
	w.Helper()
	at := time.Now().Add(d)
	moved, err := w.gateway.API.AdminMoveDeadlineWithResponse(w.Context(), w.game, nil, client.MoveDeadlineRequest{Turn: 1, Deadline: at}, w.admin)
	require.NoError(w, err)
	require.Equal(w, http.StatusOK, moved.StatusCode(), string(moved.Body))
	return at
}

// caughtUp waits until an outage of about a length is recorded, and players have time for their orders.
func (w *world) caughtUp(length time.Duration) {
	w.Helper()
	require.Eventually(w, func() bool {
		var n int
		w.ask("SELECT count(*) FROM outages", &n)
		return n > 0
	}, 20*time.Second, 20*time.Millisecond, "no outage is recorded")
	var n int
	var lasted float64
	w.ask("SELECT count(*), extract(epoch FROM max(ended_at - began_at)) FROM outages", &n, &lasted)
	require.Equal(w, 1, n)
	require.InDelta(w, length.Seconds(), lasted, 30)
	require.Eventually(w, func() bool {
		r, err := w.gateway.API.AdminGetRuntimeWithResponse(w.Context(), w.game, nil, w.admin)
		if err != nil || r.JSON200 == nil {
			return false // it has not found out yet what it has missed
		}
		require.Zero(w, *r.JSON200.Turn, "the turn was made without a moment for orders")
		return r.JSON200.Deadline != nil && time.Until(*r.JSON200.Deadline) > time.Hour
	}, 20*time.Second, 20*time.Millisecond, "players have no time for their orders")
	require.Eventually(w, func() bool {
		done, err := w.order(0, 1)
		return err == nil && done.StatusCode() == http.StatusOK
	}, 20*time.Second, 20*time.Millisecond)
}

func TestAFrozenServiceCatchesUpAsAKilledOne(t *testing.T) {
	w := begin(t, "process")
	w.set(2)
	due := w.dueIn(2 * time.Second)
	wake := w.stop(w.backend)
	storetest.Age(t, w.dsn(), 110*time.Second) // it is frozen for longer than a test can wait
	require.Eventually(t, func() bool { return time.Now().After(due) }, 10*time.Second, 10*time.Millisecond)
	wake()
	w.caughtUp(110 * time.Second)
	status, body := w.get(w.stack.Ports.HTTP, "/readyz")
	require.Equal(t, http.StatusOK, status, body)
	require.Contains(t, body, `"clock":"ok"`)
}

// TestAHostWhoseClocksStoodStillCatchesUp: nothing but the database shows that time has passed.
func TestAHostWhoseClocksStoodStillCatchesUp(t *testing.T) {
	w := begin(t, "process")
	w.set(2)
	w.dueIn(time.Minute)
	storetest.Age(t, w.dsn(), 110*time.Second)
	w.caughtUp(110 * time.Second)
}

func TestAStandbyTakesOverFromAFrozenService(t *testing.T) {
	w := begin(t, "process")
	w.set(2)
	ports := stack.Ports{}
	for _, p := range []*int{&ports.HTTP, &ports.Push, &ports.Metrics} {
		var err error
		*p, err = stack.FreePort()
		require.NoError(t, err)
	}
	second, err := w.stack.Spawn(ports)
	require.NoError(t, err)
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		_ = second.Stop(ctx)
	}()
	require.Eventually(t, func() bool {
		_, body := w.get(ports.HTTP, "/readyz")
		return strings.Contains(body, "standby")
	}, 20*time.Second, 20*time.Millisecond)
	var before, after int64
	w.ask("SELECT epoch FROM lease", &before)
	wake := w.stop(w.backend)
	var waiting []net.Conn
	for _, path := range []string{"/api/v1/internal/sessions/" + w.players[0].Session.String(), "/api/v1/user/account"} {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", w.stack.Ports.HTTP))
		require.NoError(t, err)
		defer c.Close()
		_, err = fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: service\r\nAuthorization: Bearer %s\r\nX-User-ID: %s\r\nConnection: close\r\n\r\n", path, token, w.players[0].User)
		require.NoError(t, err)
		waiting = append(waiting, c)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, second.Ready(ctx), "the lock of a frozen service is waited for forever")
	w.ask("SELECT epoch FROM lease", &after)
	require.Equal(t, before+1, after)
	wake()
	for _, c := range waiting {
		require.NoError(t, c.SetReadDeadline(time.Now().Add(20*time.Second)))
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err == nil {
			res.Body.Close()
			require.Equal(t, http.StatusServiceUnavailable, res.StatusCode, "the woken service has answered")
		}
	}
	select {
	case <-w.backend.Done():
		require.Error(t, w.backend.Exit(), "it ends so that it is started again")
	case <-time.After(30 * time.Second):
		require.Fail(t, "the woken service does not find out that another one has taken over")
	}
	w.ask("SELECT epoch FROM lease", &after)
	require.Equal(t, before+1, after)
}
