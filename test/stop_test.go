package test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"galaxy/backend/client"
	"galaxy/backend/internal/gateway"
	"galaxy/backend/internal/stack"
)

// The times that a stop has in these tests, and their sum.
const (
	httpStop = 2 * time.Second
	pushStop = time.Second
	restStop = 2 * time.Second
	wholeOf  = httpStop + pushStop + restStop
)

// brief are settings of a stop with little time.
func brief(more ...string) []string {
	return append([]string{"BACKEND_HTTP_SHUTDOWN_TIMEOUT=" + httpStop.String(),
		"BACKEND_GRPC_PUSH_SHUTDOWN_TIMEOUT=" + pushStop.String(),
		"BACKEND_SHUTDOWN_TIMEOUT=" + restStop.String()}, more...)
}

// stopsInTime stops the service by a signal and holds it to its times.
func (w *world) stopsInTime(sig syscall.Signal) {
	w.Helper()
	began := time.Now()
	require.NoError(w, syscall.Kill(w.backend.PID(), sig))
	select {
	case <-w.backend.Done():
	case <-time.After(4 * wholeOf):
		w.backend.Kill()
	}
	took := time.Since(began)
	w.Logf("the stop took %s", took)
	require.NoError(w, w.backend.Exit())
	require.LessOrEqual(w, took, wholeOf)
}

func TestAStopIsInTimeWhilePostgresIsFrozen(t *testing.T) {
	w := beginWith(t, stack.Options{Driver: "process", Fast: true, Env: brief("BACKEND_POSTGRES_OPERATION_TIMEOUT=1m")})
	w.set(2)
	w.freezePostgres()
	var waiting []<-chan call
	for i := range 40 { // more than the pool has connections
		waiting = append(waiting, w.later(http.MethodPost, sendCode, fmt.Sprintf(`{"email":"p%d@example.com"}`, i)))
	}
	ordered := make(chan call, 1)
	go func() {
		r, err := w.order(0, 1)
		if err != nil {
			ordered <- call{err: err}
			return
		}
		ordered <- call{r.StatusCode(), string(r.Body), nil}
	}()
	waiting = append(waiting, ordered)
	_, err := (&http.Client{Timeout: time.Second}).Get(w.stack.URL() + "/readyz")
	require.Error(t, err, "the database does not answer")
	w.stopsInTime(syscall.SIGTERM)
	for _, answered := range waiting {
		c := <-answered
		require.NoError(t, c.err)
		unavailable(t, c.status, c.body)
	}
}

func TestAStopIsInTimeWhileTheRelayHangsInAMail(t *testing.T) {
	l, begun := blackHole(t, "tcp", "127.0.0.1:0", relay)
	w := beginWith(t, stack.Options{Driver: "process", Fast: true, Env: brief("BACKEND_SMTP_PORT=" + port(l))})
	require.Equal(t, http.StatusOK, (<-w.later(http.MethodPost, sendCode, `{"email":"a@example.com"}`)).status)
	arrives(t, begun)
	w.stopsInTime(syscall.SIGTERM)
}

func TestAStopIsInTimeWhileTheDockerDaemonHangs(t *testing.T) {
	dir, err := os.MkdirTemp("", "hang") // a test's own has too long a path for a socket
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	l, asked := blackHole(t, "unix", filepath.Join(dir, "docker.sock"), nil)
	w := beginWith(t, stack.Options{Driver: "docker", Fast: true,
		Env: brief("BACKEND_DOCKER_HOST=unix://" + l.Addr().String())})
	w.join(2)
	started, err := w.gateway.API.AdminForceStartWithResponse(t.Context(), w.game, nil, w.admin)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, started.StatusCode(), string(started.Body))
	arrives(t, asked)
	w.stopsInTime(syscall.SIGTERM)
}

func TestAStopIsInTimeWhileTheCollectorHangs(t *testing.T) {
	for _, protocol := range []string{"grpc", "http/protobuf"} {
		t.Run(strings.ReplaceAll(protocol, "/", "-"), func(t *testing.T) {
			l, asked := blackHole(t, "tcp", "127.0.0.1:0", nil)
			w := beginWith(t, stack.Options{Driver: "process", Fast: true,
				Env: brief("BACKEND_OTEL_TRACES_EXPORTER=otlp", "BACKEND_OTEL_METRICS_EXPORTER=otlp",
					"BACKEND_OTEL_PROTOCOL="+protocol, "BACKEND_OTEL_ENDPOINT=http://127.0.0.1:"+port(l))})
			require.Equal(t, http.StatusOK, (<-w.later(http.MethodPost, sendCode, `{"email":"a@example.com"}`)).status)
			arrives(t, asked)
			w.stopsInTime(syscall.SIGTERM)
		})
	}
}

func TestAStopIsInTimeWhileAGatewayDoesNotReadItsStream(t *testing.T) {
	w := beginWith(t, stack.Options{Driver: "process", Fast: true, Env: brief()})
	tap, stall := w.tap()
	s, err := gateway.Subscribe(t.Context(), tap, "deaf", token)
	require.NoError(t, err)
	stall()
	w.stopsInTime(syscall.SIGTERM)
	s.Close()
}

// The engine hangs with an order until the stop's time is over: everything that a stop promises meanwhile can be seen.
func TestAStopRefusesFirstAndAnswersWhatItHasAccepted(t *testing.T) {
	w := beginWith(t, stack.Options{Driver: "process", Fast: true, Env: []string{"BACKEND_HTTP_SHUTDOWN_TIMEOUT=8s",
		"BACKEND_HTTP_DRAIN=2s",
		"BACKEND_GRPC_PUSH_SHUTDOWN_TIMEOUT=1s", "BACKEND_SHUTDOWN_TIMEOUT=8s"}})
	w.set(2)
	w.freeze()
	ordered := make(chan *client.PutOrdersAnswer, 1)
	go func() {
		r, err := w.order(0, 1)
		if err != nil {
			w.Log(err)
		}
		ordered <- r
	}()
	slow := w.slowBody()
	began := time.Now()
	require.NoError(t, syscall.Kill(w.backend.PID(), syscall.SIGTERM))
	require.Eventually(t, func() bool {
		code, body := w.get(w.stack.Ports.HTTP, "/readyz")
		return code == http.StatusServiceUnavailable && strings.Contains(body, "stopping")
	}, 2*time.Second, 5*time.Millisecond)
	code, _ := w.get(w.stack.Ports.HTTP, "/healthz")
	require.Equal(t, http.StatusOK, code)
	res, err := http.Get(w.stack.URL() + "/api/v1/user/account")
	require.NoError(t, err)
	_ = res.Body.Close()
	require.Equal(t, http.StatusServiceUnavailable, res.StatusCode)
	require.True(t, res.Close, "the answer closes the connection")
	require.NotEmpty(t, res.Header.Get("Retry-After"))
	_, err = gateway.Subscribe(t.Context(), w.stack.Push(), "late", token)
	require.Equal(t, codes.Unavailable, status.Code(err), err)
	require.Eventually(t, func() bool {
		_, err := net.Dial("tcp", strings.TrimPrefix(w.stack.URL(), "http://"))
		return err != nil
	}, 6*time.Second, 10*time.Millisecond, "the listener closes after a short drain")

	select {
	case <-w.backend.Done():
		require.Fail(t, "the order is still in flight")
	default:
	}
	r := <-ordered
	require.NotNil(t, r, "the order was not answered")
	unavailable(t, r.StatusCode(), string(r.Body))
	answer, err := http.ReadResponse(bufio.NewReader(slow), nil)
	require.NoError(t, err, "a request whose body comes byte by byte is answered")
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	unavailable(t, answer.StatusCode, string(body))
	<-w.backend.Done()
	require.NoError(t, w.backend.Exit())
	require.Less(t, time.Since(began), 17*time.Second)
}

func TestASecondSignalEndsTheServiceAtOnce(t *testing.T) {
	for _, second := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		t.Run(second.String(), func(t *testing.T) {
			w := beginWith(t, stack.Options{Driver: "process", Fast: true})
			w.set(2)
			w.freeze()
			go func() { _, _ = w.order(0, 1) }()
			w.slowBody() // so that there is something to wait for
			require.NoError(t, syscall.Kill(w.backend.PID(), syscall.SIGTERM))
			require.Eventually(t, func() bool {
				code, body := w.get(w.stack.Ports.HTTP, "/readyz")
				return code == http.StatusServiceUnavailable && strings.Contains(body, "stopping")
			}, 10*time.Second, 5*time.Millisecond)
			began := time.Now()
			require.NoError(t, syscall.Kill(w.backend.PID(), second))
			select {
			case <-w.backend.Done():
			case <-time.After(time.Minute):
				w.backend.Kill()
			}
			require.Less(t, time.Since(began), 3*time.Second)
			require.Error(t, w.backend.Exit())
		})
	}
}

func TestAHangupStopsLikeATermination(t *testing.T) {
	w := beginWith(t, stack.Options{Driver: "process", Fast: true, Env: brief()})
	w.stopsInTime(syscall.SIGHUP)
	log, err := os.ReadFile(w.backend.Log())
	require.NoError(t, err)
	require.Contains(t, string(log), `"msg":"stopped"`)
}

func TestAServiceThatStandsByOrStartsCanBeStopped(t *testing.T) {
	w := beginWith(t, stack.Options{Driver: "process", Fast: true, Env: brief()})
	spawn := func() *stack.Backend {
		ports := stack.Ports{}
		for _, p := range []*int{&ports.HTTP, &ports.Push, &ports.Metrics} {
			var err error
			*p, err = stack.FreePort()
			require.NoError(t, err)
		}
		b, err := w.stack.Spawn(ports)
		require.NoError(t, err)
		t.Cleanup(b.Kill)
		return b
	}
	standsBy := func(b *stack.Backend) {
		require.Eventually(t, func() bool {
			_, body := w.get(b.Ports.HTTP, "/readyz")
			return strings.Contains(body, "standby")
		}, 20*time.Second, 20*time.Millisecond)
	}
	ends := func(b *stack.Backend, within time.Duration, sigs ...syscall.Signal) {
		t.Helper()
		began := time.Now()
		for _, sig := range sigs {
			require.NoError(t, syscall.Kill(b.PID(), sig))
		}
		select {
		case <-b.Done():
		case <-time.After(time.Minute):
			require.Fail(t, "it did not end")
		}
		require.Less(t, time.Since(began), within)
	}
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP} {
		b := spawn()
		standsBy(b)
		ends(b, wholeOf, sig)
		require.NoError(t, b.Exit())
	}
	b, c := spawn(), spawn()
	standsBy(b)
	standsBy(c)
	w.freezePostgres()
	ends(b, wholeOf, syscall.SIGTERM)
	require.NoError(t, b.Exit())
	ends(c, 2*time.Second, syscall.SIGTERM, syscall.SIGINT)

	hung := spawn() // it is about to ask the database for the first time
	require.Eventually(t, func() bool {
		metrics, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", hung.Ports.Metrics))
		return err == nil && metrics.Close() == nil
	}, 20*time.Second, 5*time.Millisecond)
	ends(hung, wholeOf, syscall.SIGTERM)
	require.NoError(t, hung.Exit())
}
