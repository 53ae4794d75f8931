package test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/client"
	"galaxy/backend/galaxy"
)

// stands waits until the engine is at rest in a status, and gives it.
func (w *world) stands(status client.RuntimeStatus) *client.Runtime {
	w.Helper()
	var found *client.Runtime
	require.Eventually(w, func() bool {
		r, err := w.gateway.API.AdminGetRuntimeWithResponse(w.Context(), w.game, nil, w.admin)
		if err != nil || r.JSON200 == nil {
			return false
		}
		found = r.JSON200
		return found.Status == status && found.Operation == nil
	}, time.Minute, 20*time.Millisecond, "%s: %v", status, &found)
	return found
}

// container gives the version of the game's container.
func (w *world) container() string {
	w.Helper()
	d, closeDriver, err := w.stack.Engines()
	require.NoError(w, err)
	defer func() { _ = closeDriver() }()
	there, err := d.List(w.Context())
	require.NoError(w, err)
	for _, c := range there {
		if c.Game == (galaxy.GameID{UUID: w.game}) {
			return c.Version
		}
	}
	return ""
}

// TestAStoppedGameStaysOnTheVersionThatItWasPatchedTo through the real service, and across its death.
func TestAStoppedGameStaysOnTheVersionThatItWasPatchedTo(t *testing.T) {
	w := begin(t, "process")
	ctx, yes := t.Context(), true
	ok := func(answer interface{ StatusCode() int }, err error) {
		t.Helper()
		require.NoError(t, err)
		require.Less(t, answer.StatusCode(), http.StatusMultipleChoices, "%+v", answer)
	}
	forceStop := func() {
		t.Helper()
		ok(w.gateway.API.AdminForceStopWithResponse(ctx, w.game, nil, w.admin))
		w.stands(client.RuntimeStatusStopped)
	}
	target := func(version string) (*client.AdminUpdateGameAnswer, error) {
		body := client.EditGameRequest{TargetEngineVersion: &version}
		return w.gateway.API.AdminUpdateGameWithResponse(ctx, w.game, nil, body, w.admin)
	}
	w.set(2)
	forceStop()
	ok(target("1.0.0"))
	ok(w.gateway.API.AdminResumeWithResponse(ctx, w.game, nil, w.admin))
	w.stands(client.RuntimeStatusRunning)

	image, err := w.stack.ProvideEngine(ctx, "1.0.2")
	require.NoError(t, err)
	later := client.AddEngineVersionRequest{Version: "1.0.2", ImageRef: image, ExpectedTurn: &yes}
	ok(w.gateway.API.AdminAddEngineVersionWithResponse(ctx, nil, later, w.admin))
	patch := client.PatchRuntimeRequest{Version: "1.0.2"}
	ok(w.gateway.API.AdminPatchRuntimeWithResponse(ctx, w.game, nil, patch, w.admin))
	require.Equal(t, "1.0.2", *w.stands(client.RuntimeStatusRunning).EngineVersion)
	forceStop()

	w.backend.Kill()
	w.backend, err = w.stack.StartBackend(ctx)
	require.NoError(t, err)
	refused, err := target("1.0.0")
	require.NoError(t, err)
	require.Equal(t, http.StatusConflict, refused.StatusCode(), string(refused.Body))
	require.Contains(t, string(refused.Body), "engine 1.0.2 has written the game's state last")
	ok(w.gateway.API.AdminResumeWithResponse(ctx, w.game, nil, w.admin))
	require.Equal(t, "1.0.2", *w.stands(client.RuntimeStatusRunning).EngineVersion)
	require.Equal(t, "1.0.2", w.container())
	require.Equal(t, http.StatusOK, w.force(1))
	w.waitTurn(1)
}
