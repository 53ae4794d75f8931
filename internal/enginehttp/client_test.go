package enginehttp

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"

	"galaxy/backend/galaxy"
)

var game = galaxy.GameID{UUID: galaxy.NewID()}

func client(timeout time.Duration) *Client {
	return New(Config{CallTimeout: timeout, ProbeTimeout: timeout}, noop.NewTracerProvider())
}

func TestEveryFailureSaysWhetherTheWriteMayHaveBeenDone(t *testing.T) {
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	for name, c := range map[string]struct {
		answer  http.HandlerFunc
		kind    galaxy.EngineFailure
		settled bool
		code    string
	}{
		"refused":       {say(409, `{"error":{"code":"turn_mismatch","message":"no"}}`), galaxy.EngineRefused, true, "turn_mismatch"},
		"empty":         {say(501, ``), galaxy.EngineEmpty, true, ""},
		"failed":        {say(500, `{"error":{"code":"generation_failed","message":"oh"}}`), galaxy.EngineFailed, false, "generation_failed"},
		"garbage":       {say(200, `<html>`), galaxy.EngineUnanswered, false, ""},
		"somebody else": {say(200, `{"gameId":"nobody"}`), galaxy.EngineUnanswered, false, ""},
		"too much":      {say(200, `"`+strings.Repeat("x", maxAnswer)+`"`), galaxy.EngineUnanswered, false, ""},
		"redirected":    {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", 302) }, galaxy.EngineUnanswered, false, ""},
		"hanging":       {func(http.ResponseWriter, *http.Request) { <-release }, galaxy.EngineUnanswered, false, ""},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			conn, _, _ := w.(http.Hijacker).Hijack()
			_ = conn.Close()
		}, galaxy.EngineUnanswered, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewServer(c.answer)
			t.Cleanup(s.CloseClientConnections)
			_, err := client(200*time.Millisecond).Turn(t.Context(), s.URL, game, nil)
			var e *galaxy.EngineError
			require.ErrorAs(t, err, &e)
			require.Equal(t, c.kind, e.Kind)
			require.Equal(t, c.settled, e.Settled())
			require.Equal(t, c.code, e.Code)
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		_, err := client(time.Second).Status(t.Context(), "http://127.0.0.1:1")
		var e *galaxy.EngineError
		require.True(t, errors.As(err, &e))
		require.Equal(t, galaxy.EngineUnreachable, e.Kind)
	})
}

func say(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func TestAWriteOnABrokenConnectionIsNotRepeated(t *testing.T) {
	var calls atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1) == 1 {
			_, _ = w.Write([]byte(`{"turn":1,"revision":1}`))
			return
		}
		conn, _, _ := w.(http.Hijacker).Hijack()
		_ = conn.Close()
	}))
	t.Cleanup(s.Close)
	c := client(5 * time.Second)
	_, err := c.PutOrders(t.Context(), s.URL, galaxy.OrderWrite{Game: game, Race: "A", Turn: 1})
	require.NoError(t, err)
	_, err = c.PutOrders(t.Context(), s.URL, galaxy.OrderWrite{Game: game, Race: "A", Turn: 1})
	require.Error(t, err)
	require.EqualValues(t, 2, calls.Load(), "one call, one request")
}

func TestWritesNameTheirGame(t *testing.T) {
	got := make(chan string, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got <- r.Header.Get("X-Game-ID")
		_, _ = w.Write([]byte(`{"gameId":"` + game.String() + `","unknownField":1,"currentTurn":3}`))
	}))
	t.Cleanup(s.Close)
	made, err := client(time.Second).Turn(t.Context(), s.URL, game, nil)
	require.NoError(t, err)
	require.Equal(t, 3, made.Turn)
	require.Equal(t, game.String(), <-got)
}
