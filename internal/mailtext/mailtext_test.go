package mailtext

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
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
