package test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/internal/stack"
)

// refused reports whether a request was never sent, for nobody listened any more.
func refused(err error) bool {
	return err != nil && strings.Contains(err.Error(), "connection refused")
}

func TestEveryRequestIsAnsweredWhileTheServiceStopsUnderLoad(t *testing.T) {
	w := beginWith(t, stack.Options{Driver: "process", Fast: true, Env: []string{"BACKEND_LOGGING_LEVEL=error",
		"BACKEND_HTTP_DRAIN=300ms"}})
	w.set(2)
	for round := range 6 {
		var told atomic.Bool
		var served, turnedAway atomic.Int64
		problems := make(chan error, 12)
		for i := range cap(problems) {
			go func() { problems <- w.load(i, &told, &served, &turnedAway) }()
		}
		require.Eventually(t, func() bool { return served.Load() > 200 }, time.Minute, 5*time.Millisecond)
		told.Store(true)
		sig := []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT}[round%3]
		require.NoError(t, syscall.Kill(w.backend.PID(), sig))
		for range cap(problems) {
			require.NoError(t, <-problems)
		}
		<-w.backend.Done()
		require.NoError(t, w.backend.Exit())
		require.NotZero(t, turnedAway.Load(), "new requests are refused first")
		var err error
		w.backend, err = w.stack.StartBackend(t.Context())
		require.NoError(t, err)
	}
}

// load asks one thing after the other on a connection of its own, until it is refused one, and fails when a request
// that was sent has no answer.
func (w *world) load(i int, told *atomic.Bool, served, turnedAway *atomic.Int64) error {
	transport := &http.Transport{MaxIdleConnsPerHost: 1}
	defer transport.CloseIdleConnections()
	c := &http.Client{Transport: transport}
	for n := 0; ; n++ {
		method, path, body := http.MethodGet, "/api/v1/user/games/"+w.game.String(), ""
		if (n+i)%3 == 0 { // one that no client repeats by itself
			method, path, body = http.MethodPut, "/api/v1/user/games/"+w.game.String()+"/orders", `{"turn":1,"commands":`+list+`}`
		}
		req, err := http.NewRequestWithContext(w.Context(), method, w.stack.URL()+path,
			io.MultiReader(strings.NewReader(body)))
		if err != nil {
			return err
		}
		req.ContentLength = int64(len(body))
		if body == "" {
			req.Body = http.NoBody
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+token)
		if err := w.players[i%2].As(w.Context(), req); err != nil {
			return err
		}
		res, err := c.Do(req)
		if refused(err) && told.Load() {
			return nil
		}
		if err != nil {
			return fmt.Errorf("request %d of client %d: %w", n, i, err)
		}
		said, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		switch {
		case err != nil:
			return fmt.Errorf("the answer to request %d of client %d: %w", n, i, err)
		case !strings.Contains(string(said), "this backend is stopping"):
			served.Add(1)
		case !res.Close || res.StatusCode != http.StatusServiceUnavailable:
			return fmt.Errorf("a refusal keeps its connection")
		default:
			turnedAway.Add(1)
		}
	}
}
