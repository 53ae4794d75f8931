package mailtext

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// FuzzRender: whatever a name or a reason holds, a subject is one line.
func FuzzRender(f *testing.F) {
	f.Add(0, "Andromeda", "it is broken")
	f.Add(16, "a\r\nBcc: x@y.z", "{{.}}\n\n.\n")
	f.Add(17, "\u2028\u0085\v", "\x00")
	f.Fuzz(func(t *testing.T, kind int, name, reason string) {
		payload, err := json.Marshal(map[string]any{"game_id": "g", "game_name": name, "race_name": name, "reason": reason,
			"image_ref": name,
			"turn":      1, "code": reason, "expires_at": "2026-01-01T00:00:00Z"})
		require.NoError(t, err)
		subject, text, err := Render(Kinds[uint(kind)%uint(len(Kinds))], payload)
		if err != nil {
			return // a payload that lacks what the mail needs
		}
		require.True(t, utf8.ValidString(subject+text))
		require.False(t, strings.ContainsAny(subject, "\r\n\v\f\u0085\u2028"), "%q", subject)
	})
}
