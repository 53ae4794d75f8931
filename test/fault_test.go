package test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/internal/stack"
)

func (w *world) get(port int, path string) (int, string) {
	req, err := http.NewRequestWithContext(w.Context(), http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d%s", port, path), http.NoBody)
	require.NoError(w, err)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(w, err)
	return res.StatusCode, string(body)
}

func TestPostgresMayGoAwayAndComeBack(t *testing.T) {
	w := beginWith(t, stack.Options{Driver: "process"}) // durable: what was committed must be there afterwards
	w.set(2)
	require.NoError(t, w.stack.Postgres.Kill())
	require.Eventually(t, func() bool {
		status, body := w.get(w.stack.Ports.HTTP, "/readyz")
		return status == http.StatusServiceUnavailable && strings.Contains(body, `"postgres":"failed`)
	}, 20*time.Second, 20*time.Millisecond)
	refused, err := w.order(0, 1)
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, refused.StatusCode(), string(refused.Body))
	status, _ := w.get(w.stack.Ports.HTTP, "/healthz")
	require.Equal(t, http.StatusOK, status)

	require.NoError(t, w.stack.Postgres.Resume(t.Context()))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	require.NoError(t, w.backend.Ready(ctx), "it recovers without a restart")
	require.Eventually(t, func() bool {
		done, err := w.order(0, 1)
		return err == nil && done.StatusCode() == http.StatusOK
	}, 30*time.Second, 50*time.Millisecond)
	require.Equal(t, http.StatusOK, w.force(1))
	w.waitTurn(1)
}

func TestAKilledEngineComesBackWithItsOrders(t *testing.T) {
	w := begin(t, "process")
	w.set(2)
	done, err := w.order(0, 1)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, done.StatusCode())
	require.NoError(t, syscall.Kill(w.enginePID(), syscall.SIGKILL))
	// A write is the first to notice; after the restart it goes through.
	require.Eventually(t, func() bool {
		done, err := w.order(1, 1)
		return err == nil && done.StatusCode() == http.StatusOK
	}, 40*time.Second, 100*time.Millisecond)
	require.Zero(t, *w.waitTurn(0).Turn, "the same turn")
	held, err := w.gateway.API.GetOrdersWithResponse(t.Context(), w.game, nil, w.players[0].As)
	require.NoError(t, err)
	require.EqualValues(t, 1, held.JSON200.Revision)
	require.Equal(t, http.StatusOK, w.force(1))
	w.waitTurn(1)
}

func TestOfTwoBackendsOneServes(t *testing.T) {
	w := begin(t, "process")
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
		status, body := w.get(ports.HTTP, "/readyz")
		return status == http.StatusServiceUnavailable && strings.Contains(body, "standby")
	}, 20*time.Second, 20*time.Millisecond)
	status, _ := w.get(ports.HTTP, "/api/v1/user/account")
	require.Equal(t, http.StatusServiceUnavailable, status)
	w.backend.Kill()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	require.NoError(t, second.Ready(ctx), "the other takes over")
}

func TestAStartWithoutPostgresFailsSoonAndClearly(t *testing.T) {
	dir := t.TempDir()
	nobody, err := stack.FreePort()
	require.NoError(t, err)
	s, err := stack.Start(t.Context(), stack.Options{Dir: dir, Driver: "process", Binaries: binaries, Label: "none",
		DSN: fmt.Sprintf("postgres://galaxy@127.0.0.1:%d/galaxy?sslmode=disable&search_path=backend", nobody)})
	require.NoError(t, err)
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	_, err = s.StartBackend(ctx)
	require.ErrorContains(t, err, "Postgres cannot be reached")
	require.ErrorContains(t, err, "exit status 1")
	require.NoError(t, ctx.Err())
}

func TestAStopIsSoonAndEnginesGoOn(t *testing.T) {
	w := begin(t, "process")
	w.set(2)
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	require.NoError(t, w.backend.Stop(ctx), "exit code 0, with a push stream open")
	require.Less(t, time.Since(began), 35*time.Second)
	driver, closeDriver, err := w.stack.Engines()
	require.NoError(t, err)
	defer closeDriver()
	running, err := driver.List(t.Context())
	require.NoError(t, err)
	require.Len(t, running, 1)
	require.EqualValues(t, "running", running[0].State)
}
