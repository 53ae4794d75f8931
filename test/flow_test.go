package test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"galaxy/backend/client"
	"galaxy/backend/internal/gateway"
	"galaxy/backend/internal/stack"
)

var binaries stack.Binaries

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "galaxy-bin")
	if err == nil {
		defer os.RemoveAll(dir)
		binaries, err = stack.Build(context.Background(), dir, "-race")
	}
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// world is the real service with everything around it.
type world struct {
	*testing.T
	stack   *stack.Stack
	backend *stack.Backend
	gateway *gateway.Gateway
	stream  *gateway.Stream
	admin   client.RequestEditorFn
	players []gateway.Player
	game    uuid.UUID
}

func begin(t *testing.T, driver string) *world {
	return beginWith(t, stack.Options{Driver: driver, Fast: true})
}

func beginWith(t *testing.T, o stack.Options) *world {
	if o.Driver == "docker" {
		if err := stack.DockerAnswers(t.Context()); err != nil {
			if os.Getenv("REQUIRE_DOCKER") != "" {
				t.Fatalf("REQUIRE_DOCKER is set, and no Docker daemon answers: %v", err)
			}
			t.Skipf("SKIPPED, NOTHING WAS TESTED: no Docker daemon answers: %v", err)
		}
	}
	dir, err := os.MkdirTemp("", "galaxy-test")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	o.Dir, o.Label = dir, "galaxy-test-"+uuid.NewString()
	if o.Binaries == (stack.Binaries{}) {
		o.Binaries = binaries
	}
	// Everything that can be said is said, for it is searched for secrets at the end.
	o.Env = append([]string{"BACKEND_LOGGING_LEVEL=debug", "BACKEND_OTEL_TRACES_EXPORTER=stdout", "BACKEND_GATEWAY_TOKEN=" + token, "BACKEND_GATEWAY_TOKEN_PREVIOUS=" + previousToken}, o.Env...)
	s, err := stack.Start(t.Context(), o)
	require.NoError(t, err)
	w := &world{T: t, stack: s, admin: gateway.Operator(stack.AdminUser, stack.AdminPassword)}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if w.stream != nil {
			w.stream.Close()
		}
		if t.Failed() {
			if raw, err := os.ReadFile(dir + "/backend.log"); err == nil {
				t.Logf("the service's log ends:\n%s", raw[max(0, len(raw)-8000):])
			}
		}
		secrets := w.secrets(ctx)
		_ = w.backend.Stop(ctx)
		w.keptSecret(secrets)
		_ = s.StopEngines(ctx, time.Second)
		_ = s.Close()
		_ = os.RemoveAll(dir)
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	w.backend, err = s.StartBackend(ctx)
	require.NoError(t, err)
	w.gateway, err = gateway.New(s.URL(), fmt.Sprintf("http://127.0.0.1:%d", s.Ports.Inbox), token)
	require.NoError(t, err)
	w.stream, err = gateway.Subscribe(ctx, s.Push(), "test", previousToken)
	require.NoError(t, err)
	return w
}

// set makes and starts a game of n players.
func (w *world) set(n int) {
	w.Helper()
	w.join(n)
	started, err := w.gateway.API.AdminForceStartWithResponse(w.Context(), w.game, nil, w.admin)
	require.NoError(w, err)
	require.Equal(w, 200, started.StatusCode(), string(started.Body))
	w.waitTurn(0)
}

// join makes a game that n players have joined.
func (w *world) join(n int) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
	defer cancel()
	image, err := w.stack.ProvideEngine(ctx, "1.0.0")
	require.NoError(w, err)
	yes := true
	added, err := w.gateway.API.AdminAddEngineVersionWithResponse(ctx, nil, client.AddEngineVersionRequest{Version: "1.0.0", ImageRef: image, ExpectedTurn: &yes}, w.admin)
	require.NoError(w, err)
	require.Equal(w, 201, added.StatusCode(), string(added.Body))
	made, err := w.gateway.API.AdminCreateGameWithResponse(ctx, nil, client.CreateGameRequest{Name: "Andromeda", MinPlayers: 2, MaxPlayers: 64, TurnSchedule: "0 21 * * *"}, w.admin)
	require.NoError(w, err)
	require.Equal(w, 201, made.StatusCode(), string(made.Body))
	w.game = made.JSON201.GameID
	opened, err := w.gateway.API.AdminOpenEnrollmentWithResponse(ctx, w.game, nil, client.OpenEnrollmentRequest{EnrollmentEndsAt: new(time.Now().Add(time.Hour))}, w.admin)
	require.NoError(w, err)
	require.Equal(w, 200, opened.StatusCode(), string(opened.Body))
	for i := range n {
		p, err := w.gateway.SignIn(ctx, fmt.Sprintf("player%d@galaxy.test", i))
		require.NoError(w, err)
		w.players = append(w.players, p)
		applied, err := w.gateway.API.ApplyToGameWithResponse(ctx, w.game, nil, client.ApplyRequest{RaceName: fmt.Sprintf("Race-%c", 'A'+i)}, p.As)
		require.NoError(w, err)
		require.Equal(w, 201, applied.StatusCode(), string(applied.Body))
		approved, err := w.gateway.API.AdminApproveApplicationWithResponse(ctx, w.game, applied.JSON201.ApplicationID, nil, w.admin)
		require.NoError(w, err)
		require.Equal(w, 200, approved.StatusCode(), string(approved.Body))
	}
}

// waitTurn waits until a turn is recorded and the game takes orders for the next.
func (w *world) waitTurn(turn int) *client.Runtime {
	w.Helper()
	var last string
	var found *client.Runtime
	require.Eventually(w, func() bool {
		r, err := w.gateway.API.AdminGetRuntimeWithResponse(w.Context(), w.game, nil, w.admin)
		if err != nil {
			last = err.Error()
			return false
		}
		last, found = string(r.Body), r.JSON200
		return found != nil && found.Turn != nil && *found.Turn == turn && found.Status == client.RuntimeStatusRunning && found.Operation == nil
	}, time.Minute, 20*time.Millisecond, "turn %d", turn)
	_ = last
	return found
}

func (w *world) force(turn int) int {
	w.Helper()
	r, err := w.gateway.API.AdminForceNextTurnWithResponse(w.Context(), w.game, nil, client.ForceNextTurnRequest{Turn: int32(turn)}, w.admin)
	if err != nil {
		return 0
	}
	return r.StatusCode()
}

// The gateway bears the one on the REST surface and the other on the push stream, as while they are being changed.
const (
	token         = "the-token-of-the-gateways-now"
	previousToken = "the-token-of-the-gateways-before"
)

const list = `[ {"type":"peace", "race":"Race-B"} ]`

func (w *world) order(player, turn int) (*client.PutOrdersAnswer, error) {
	return w.gateway.API.PutOrdersWithResponse(w.Context(), w.game, nil, client.PutOrdersRequest{Turn: int32(turn), Commands: client.Commands(list)}, w.players[player].As)
}

func TestAGameIsPlayedThroughTheRealService(t *testing.T) {
	for _, driver := range []string{"process", "docker"} {
		t.Run(driver, func(t *testing.T) {
			w := begin(t, driver)
			w.set(3)
			for turn := 1; turn <= 2; turn++ {
				done, err := w.order(0, turn)
				require.NoError(t, err)
				require.Equal(t, http.StatusOK, done.StatusCode(), string(done.Body))
				require.Equal(t, 1, done.JSON200.Accepted)
				require.Equal(t, http.StatusOK, w.force(turn))
				w.waitTurn(turn)
			}
			require.Equal(t, http.StatusConflict, w.force(2), "a repeated force makes no second turn")
			report, err := w.gateway.API.GetReportWithResponse(t.Context(), w.game, 2, nil, w.players[0].As)
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, report.StatusCode())
			require.Contains(t, string(report.Body), `"planets"`)
			held, err := w.gateway.API.GetOrdersWithResponse(t.Context(), w.game, nil, w.players[0].As)
			require.NoError(t, err)
			require.EqualValues(t, 0, held.JSON200.Revision)
			require.Eventually(t, func() bool {
				return w.stream.Count("game.turn.ready") == 9 && w.stream.Count("lobby.application.approved") == 3
			},
				30*time.Second, 20*time.Millisecond, "three players are told of turns 0, 1 and 2")
			me, err := w.gateway.API.GetAccountWithResponse(t.Context(), nil, w.players[0].As)
			require.NoError(t, err)
			require.Equal(t, "DE", *me.JSON200.DeclaredCountry)
			known, err := w.gateway.API.GetSessionWithResponse(t.Context(), w.players[0].Session, nil)
			require.NoError(t, err)
			require.Equal(t, w.players[0].User, known.JSON200.UserID)
		})
	}
}

func TestAKilledServiceLosesAndDoublesNoTurn(t *testing.T) {
	w := begin(t, "process")
	w.set(2)
	for turn := 1; turn <= 5; turn++ {
		done, err := w.order(0, turn)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, done.StatusCode(), string(done.Body))
		go w.force(turn)
		w.backend.Kill()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		w.backend, err = w.stack.StartBackend(ctx)
		cancel()
		require.NoError(t, err)
		require.Eventually(t, func() bool {
			s := w.force(turn)
			return s == http.StatusOK || s == http.StatusConflict && *w.waitAny().Turn == turn
		}, time.Minute, 50*time.Millisecond)
		w.waitTurn(turn)
	}
	report, err := w.gateway.API.GetReportWithResponse(t.Context(), w.game, 5, nil, w.players[0].As)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, report.StatusCode())
}

// waitAny gives the runtime as it is.
func (w *world) waitAny() *client.Runtime {
	w.Helper()
	r, err := w.gateway.API.AdminGetRuntimeWithResponse(w.Context(), w.game, nil, w.admin)
	require.NoError(w, err)
	require.NotNil(w, r.JSON200, string(r.Body))
	return r.JSON200
}
