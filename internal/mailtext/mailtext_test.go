package mailtext

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"galaxy/backend/galaxy"
)

func TestEveryKindRenders(t *testing.T) {
	for _, kind := range Kinds {
		subject, text, err := Render(kind, json.RawMessage(`{"code":"123456","ttl":"10 minutes","game_id":"x","race_name":"Terran","expires_at":"2026-01-02T03:04:05Z","game_name":"Andromeda\r\nBcc: x@example.com"}`))
		require.NoError(t, err, kind)
		require.NotEmpty(t, text)
		require.NotContains(t, subject, "\n", kind)
		require.NotContains(t, text, "<no value>")
	}
	entries, err := files.ReadDir("templates")
	require.NoError(t, err)
	require.Len(t, entries, len(Kinds), "each template is a kind")
}

func TestWhatCannotBeRenderedIsAnError(t *testing.T) {
	for kind, payload := range map[string]string{"nothing": `{}`, "auth.login_code": `{}`, "lobby.application.approved": `no JSON`} {
		_, _, err := Render(kind, json.RawMessage(payload))
		require.Error(t, err, kind)
	}
}

func TestEveryKindOfTheCatalogueThatIsMailedHasAText(t *testing.T) {
	for kind, channels := range galaxy.Channels {
		mailed := slices.Contains(channels, galaxy.ChannelEmail) || slices.Contains(channels, galaxy.ChannelOperators)
		require.Equal(t, mailed, slices.Contains(Kinds, string(kind)), kind)
	}
}

// TestWhatOperatorsRead: each mail says what happened, to which game and why, and names the calls to make.
func TestWhatOperatorsRead(t *testing.T) {
	id, turn := galaxy.GameID{UUID: galaxy.NewID()}, 7
	told := galaxy.Payload{Game: &id, GameName: "Andromeda", Reason: "it is broken"}
	image, made, banish := told, told, told
	image.ImageRef, made.Turn, made.Reason, banish.Race = "registry.example/engine:1", &turn, "", "Terran"
	for kind, c := range map[galaxy.Kind]struct {
		payload galaxy.Payload
		says    []string
	}{
		galaxy.ImagePullFailed:         {image, []string{"registry.example/engine:1", "it is broken", "/api/v1/admin/games/" + id.String() + "/retry-start"}},
		galaxy.ContainerStartFailed:    {told, []string{"it is broken", "/api/v1/admin/games/" + id.String() + "/resume"}},
		galaxy.StartConfigInvalid:      {told, []string{"it is broken", "POST /api/v1/admin/engine-versions"}},
		galaxy.EngineUnreachableNotice: {told, []string{"it is broken", "GET /api/v1/admin/runtimes/" + id.String(), "/api/v1/admin/games/" + id.String() + "/resume"}},
		galaxy.StateMismatchNotice:     {told, []string{"it is broken", "GET /api/v1/admin/runtimes/" + id.String(), "/api/v1/admin/games/" + id.String() + "/resume"}},
		galaxy.DiskLow:                 {galaxy.Payload{Reason: "1 GiB left of 100 GiB"}, []string{"1 GiB left of 100 GiB", "BACKEND_GAME_STATE_ROOT"}},
		galaxy.ExternalTurn:            {made, []string{"turn     7\n", "GET /api/v1/admin/audit?subject=game:" + id.String()}},
		galaxy.ClockSkew:               {galaxy.Payload{Reason: "the database's clock is 5m0s behind"}, []string{"the database's clock is 5m0s behind", "db_clock_skew_seconds"}},
		galaxy.ScheduleBroken: {told, []string{"it is broken", "PATCH /api/v1/admin/games/" + id.String(),
			"/deadline"}},
		galaxy.BanishRefused: {banish, []string{"Terran", "it is broken", "GET /api/v1/admin/games/" + id.String()}},
	} {
		subject, text, err := Render(string(kind), c.payload.JSON())
		require.NoError(t, err, kind)
		for _, want := range c.says {
			require.Contains(t, text, want, kind)
		}
		require.NotContains(t, text, "<no value>", kind)
		require.NotContains(t, text, "<nil>", kind)
		if c.payload.Game == nil {
			continue
		}
		require.Contains(t, subject, "Andromeda", kind)
		require.Contains(t, text, "game     Andromeda\n    game id  "+id.String(), kind)

		// The catalogue asks for no more than the game's id: a mail that says less is better than none.
		subject, text, err = Render(string(kind), galaxy.Payload{Game: &id}.JSON())
		require.NoError(t, err, kind)
		require.Contains(t, subject, id.String(), kind)
		require.NotContains(t, text, "<no value>", kind)
		for line := range strings.Lines(text) {
			require.LessOrEqual(t, len(strings.TrimRight(line, "\n")), 100, "%s: %s", kind, line)
		}
	}
	require.Len(t, galaxy.OperatorKinds(), 10, "a kind that is not in the table is read by nobody here")
}
