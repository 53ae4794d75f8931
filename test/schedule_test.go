package test

import (
	"context"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"galaxy/backend/client"
	"galaxy/backend/internal/stack"
)

// TestTheProgramsCarryTheZones: a machine may have no zone files, or lose some of them with an upgrade.
func TestTheProgramsCarryTheZones(t *testing.T) {
	for _, program := range []string{"./cmd/backend", "./cmd/devstack"} {
		cmd := exec.Command("go", "list", "-deps", program)
		cmd.Dir = ".."
		out, err := cmd.Output()
		require.NoError(t, err)
		require.Contains(t, strings.Fields(string(out)), "time/tzdata", program)
	}
}

// TestAScheduleBreaksAndMends in the real service: its zone goes while the service is down, and comes back while it
// runs.
func TestAScheduleBreaksAndMends(t *testing.T) {
	const ops = "ops@galaxy.test"
	w := beginWith(t, stack.Options{Driver: "process", Fast: true,
		Env: []string{"BACKEND_NOTIFICATION_ADMIN_EMAIL=" + ops}})
	w.set(2)
	conn, err := pgx.Connect(t.Context(), w.stack.DSN)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	zone := func(name string) {
		_, err := conn.Exec(t.Context(), `UPDATE games SET schedule_time_zone = $2 WHERE game_id = $1`, w.game, name)
		require.NoError(t, err)
	}
	w.backend.Kill()
	zone("Mars/Olympus")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	w.backend, err = w.stack.StartBackend(ctx)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return w.force(1) == http.StatusOK }, time.Minute, 50*time.Millisecond)
	r := w.waitTurn(1)
	require.Nil(t, r.Deadline)
	require.NotNil(t, r.ScheduleBroken)
	require.Contains(t, r.ScheduleBroken.Cause, "Mars/Olympus")
	require.Equal(t, "schedule_broken", r.Why)
	done, err := w.order(0, 2)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, done.StatusCode(), string(done.Body))
	state, err := w.gateway.API.GetGameStateWithResponse(t.Context(), w.game, nil, w.players[0].As)
	require.NoError(t, err)
	require.NotNil(t, state.JSON200, string(state.Body))
	require.Equal(t, "schedule_broken", state.JSON200.Waiting.Code)
	require.NotContains(t, string(state.Body), "Mars", "players read no causes")
	require.Nil(t, state.JSON200.NextTurnAt)
	listed, err := w.gateway.API.AdminListRuntimesWithResponse(t.Context(),
		&client.AdminListRuntimesParams{Why: new(client.RecordedWhyScheduleBroken)}, w.admin)
	require.NoError(t, err)
	require.Len(t, listed.JSON200.Items, 1)
	mails := func() int { return len(w.stack.Inbox.Messages(ops)) }
	require.Eventually(t, func() bool { return mails() == 1 }, time.Minute, 50*time.Millisecond, "operators are mailed")

	zone("Europe/Berlin")
	require.Eventually(t, func() bool {
		r = w.waitAny()
		return r.ScheduleBroken == nil && r.Deadline != nil
	}, 90*time.Second, 200*time.Millisecond, "the sweep finds it")
	require.Equal(t, "waiting_deadline", r.Why)
	require.Equal(t, 1, mails())
}

// TestAPanickingTextIsRefused, and disturbs nobody.
func TestAPanickingTextIsRefused(t *testing.T) {
	w := begin(t, "process")
	w.set(2)
	for _, text := range []string{"CRON_TZ=UTC", "TZ=Europe/X", "CRON_TZ=", "@every 1h", "0 0 30 2 *", ",,,,, * * * *",
		"0\u00a021 * * *"} {
		r, err := w.gateway.API.AdminUpdateGameWithResponse(t.Context(), w.game, nil,
			client.EditGameRequest{TurnSchedule: &text}, w.admin)
		require.NoError(t, err)
		require.Equal(t, http.StatusBadRequest, r.StatusCode(), "%q: %s", text, r.Body)
		state, err := w.gateway.API.GetGameStateWithResponse(t.Context(), w.game, nil, w.players[0].As)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, state.StatusCode(), "%q: %s", text, state.Body)
	}
}
