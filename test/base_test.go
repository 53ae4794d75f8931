package test

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/client"
)

// baseEngine builds an engine that keeps the base of the contract alone, for games of so many races at least.
func baseEngine(t *testing.T, least string) string {
	dir, err := os.MkdirTemp("", "galaxy-base")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	out := filepath.Join(dir, "engine")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", out, "-ldflags", "-X main.least="+least, "galaxy/backend/internal/enginetest/baseengine")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	said, err := cmd.CombinedOutput()
	require.NoError(t, err, string(said))
	return "file://" + out
}

// TestAGameIsPlayedOnAnEngineOfAnotherMake through the real service: it is refused a game that is too small, and
// plays another one.
func TestAGameIsPlayedOnAnEngineOfAnotherMake(t *testing.T) {
	w := begin(t, "process")
	w.join(2)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	api, no := w.gateway.API, false
	newest := func(version, least string) { // a game that names no version starts on the newest
		added, err := api.AdminAddEngineVersionWithResponse(ctx, nil,
			client.AddEngineVersionRequest{Version: version, ImageRef: baseEngine(t, least), ExpectedTurn: &no}, w.admin)
		require.NoError(t, err)
		require.Equal(t, 201, added.StatusCode(), string(added.Body))
	}
	newest("2.0.0", "10")
	started, err := api.AdminForceStartWithResponse(ctx, w.game, nil, w.admin)
	require.NoError(t, err)
	require.Equal(t, 200, started.StatusCode(), string(started.Body))
	var told string
	require.Eventually(t, func() bool {
		r, err := api.AdminGetRuntimeWithResponse(ctx, w.game, nil, w.admin)
		told = string(r.Body)
		return err == nil && r.JSON200 != nil && strings.Contains(told, "start_failed") && r.JSON200.Operation == nil
	}, 30*time.Second, 20*time.Millisecond, "%s", &told)
	require.Contains(t, told, "too few races: 2 of at least 10")
	mine, err := api.GetLobbyGameWithResponse(ctx, w.game, nil, w.players[0].As)
	require.NoError(t, err)
	require.NotContains(t, string(mine.Body), "too few")

	newest("3.0.0", "2")
	started, err = api.AdminForceStartWithResponse(ctx, w.game, nil, w.admin)
	require.NoError(t, err)
	require.Equal(t, 200, started.StatusCode(), string(started.Body))
	w.waitTurn(0)
	sent, err := api.SendCommandsWithResponse(ctx, w.game, nil, client.SendCommandsRequest{Turn: 1, Commands: client.Commands(list)}, w.players[0].As)
	require.NoError(t, err)
	require.Equal(t, http.StatusConflict, sent.StatusCode(), string(sent.Body))
	done, err := w.order(0, 1)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, done.StatusCode(), string(done.Body))
	require.Equal(t, http.StatusOK, w.force(1))
	w.waitTurn(1)

	require.NoError(t, syscall.Kill(w.enginePID(), syscall.SIGKILL))
	require.Eventually(t, func() bool { return w.force(2) == http.StatusOK }, 40*time.Second, 50*time.Millisecond)
	w.waitTurn(2)
	require.NoError(t, w.backend.Stop(ctx))
	w.backend, err = w.stack.StartBackend(ctx)
	require.NoError(t, err)
	w.waitTurn(2)
	require.Eventually(t, func() bool {
		done, err := w.order(1, 3)
		return err == nil && done.StatusCode() == http.StatusOK
	}, 30*time.Second, 50*time.Millisecond)
	require.Equal(t, http.StatusOK, w.force(3))
	w.waitTurn(3)
	report, err := api.GetReportWithResponse(ctx, w.game, 3, nil, w.players[1].As)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, report.StatusCode(), string(report.Body))
}
