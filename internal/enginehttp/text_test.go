package enginehttp

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"galaxy/backend/galaxy"
)

// TestWhatAnEngineSaysCanBeStored: Postgres takes neither NUL nor half a character.
func TestWhatAnEngineSaysCanBeStored(t *testing.T) {
	answer := `{"gameId":"` + game.String() + `","stateDigest":"d\u0000g","finishReason":"the\u0000 end","engineVersion":"1\u0000.0.0",
		"players":[{"raceName":"A\u0000"},{"raceName":"B\ud800"},{"raceName":"C` + "\xff" + `"}]}`
	s := httptest.NewServer(say(200, answer))
	t.Cleanup(s.Close)
	got, err := client(5*time.Second).Status(t.Context(), s.URL)
	require.NoError(t, err)
	require.Equal(t, "dg", got.Digest)
	require.Equal(t, "the end", got.FinishReason)
	require.Equal(t, "1.0.0", got.EngineVersion)
	require.Equal(t, "A", got.Players[0].Race)
	for _, p := range got.Players {
		require.True(t, utf8.ValidString(p.Race))
	}
}

func TestAStatusWithARaceTwiceIsNone(t *testing.T) {
	for name, players := range map[string]string{
		"the very same":               `[{"raceName":"A"},{"raceName":"B"},{"raceName":"A"}]`,
		"the same once it is cleaned": `[{"raceName":"A"},{"raceName":"A\u0000"}]`,
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(say(200, `{"gameId":"`+game.String()+`","players":`+players+`}`))
			t.Cleanup(s.Close)
			_, err := client(5*time.Second).Status(t.Context(), s.URL)
			var e *galaxy.EngineError
			require.True(t, errors.As(err, &e))
			require.Equal(t, galaxy.EngineUnanswered, e.Kind)
		})
	}
}

func TestAnEnginesWordsAreCutBetweenCharacters(t *testing.T) {
	for name, c := range map[string]struct{ message, want string }{
		"short enough":         {"no", "no"},
		"with NUL":             {`n\u0000o`, "no"},
		"cut in mid-character": {strings.Repeat("x", maxWords-1) + "é and more", strings.Repeat("x", maxWords-1)},
		"cut after one":        {strings.Repeat("x", maxWords-2) + "é and more", strings.Repeat("x", maxWords-2) + "é"},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(say(409, `{"error":{"code":"b\u0000ad","message":"`+c.message+`"}}`))
			t.Cleanup(s.Close)
			_, err := client(5*time.Second).Status(t.Context(), s.URL)
			var e *galaxy.EngineError
			require.True(t, errors.As(err, &e))
			require.Equal(t, c.want, e.Message)
			require.Equal(t, "bad", e.Code)
		})
	}
}

func TestWhatBecameOfACommandCanBeStored(t *testing.T) {
	s := httptest.NewServer(say(202, `{"turn":1,"revision":1,"rejected":1,"results":[{"index":0,"applied":false,"errorCode":"b\u0000ad","message":"n\u0000o"}]}`))
	t.Cleanup(s.Close)
	got, err := client(5*time.Second).PutOrders(t.Context(), s.URL, galaxy.OrderWrite{Game: game, Race: "A", Turn: 1})
	require.NoError(t, err)
	require.Equal(t, []galaxy.CommandResult{{ErrorCode: "bad", Message: "no"}}, got.Results)
}
