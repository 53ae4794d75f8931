package http

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"
)

// held is a surface whose readiness hangs in a check until the request's time is over, from hold on.
type held struct {
	*testing.T
	*Front
	hold    atomic.Bool
	waiting atomic.Int32
}

func hold(t *testing.T, conf Config) *held {
	conf.Addr, conf.ReadTimeout, conf.WriteTimeout = "127.0.0.1:0", 30*time.Second, 30*time.Second
	h := &held{T: t}
	var err error
	h.Front, err = Open(t.Context(), conf)
	require.NoError(t, err)
	s, err := New(Deps{Config: conf, Serving: func() bool { return true }, Now: time.Now, Log: zap.NewNop(),
		Checks:  []Check{{Name: "slow", OK: h.check}},
		Tracers: tracenoop.NewTracerProvider(), Meter: noop.Meter{}})
	require.NoError(t, err)
	h.Serve(s)
	t.Cleanup(func() { _ = h.stopWithin(time.Second) })
	return h
}

func (h *held) check(ctx context.Context) error {
	if !h.hold.Load() {
		return nil
	}
	h.waiting.Add(1)
	defer h.waiting.Add(-1)
	<-ctx.Done()
	return ctx.Err()
}

func (h *held) stopWithin(d time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return h.Stop(ctx)
}

// dial opens a connection and sends what is to be sent.
func (h *held) dial(send string) *client {
	h.Helper()
	c, err := net.Dial("tcp", h.Addr().String())
	require.NoError(h, err)
	h.Cleanup(func() { _ = c.Close() })
	out := &client{h.T, c, bufio.NewReader(c)}
	out.send(send)
	return out
}

// client is one connection of a client.
type client struct {
	*testing.T
	net.Conn
	in *bufio.Reader
}

func (c *client) send(text string) {
	c.Helper()
	_, err := io.WriteString(c.Conn, text)
	require.NoError(c, err)
}

// answer reads the next answer whole.
func (c *client) answer() (status int, last bool, body string) {
	c.Helper()
	require.NoError(c, c.SetReadDeadline(time.Now().Add(20*time.Second)))
	res, err := http.ReadResponse(c.in, nil)
	require.NoError(c, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	require.NoError(c, err)
	return res.StatusCode, res.Close, string(b)
}

const (
	live  = "GET /healthz HTTP/1.1\r\nHost: g\r\n\r\n"
	ready = "GET /readyz HTTP/1.1\r\nHost: g\r\n\r\n"
	other = "GET /api/v1/user/account HTTP/1.1\r\nHost: g\r\n\r\n"
	slow  = "POST /api/v1/public/auth/send-email-code HTTP/1.1\r\nHost: g\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
)

func TestARequestInFlightIsAnsweredBeforeTheStopIsOver(t *testing.T) {
	h := hold(t, Config{})
	h.hold.Store(true)
	inFlight := h.dial(ready)
	require.Eventually(t, func() bool { return h.waiting.Load() == 1 }, 10*time.Second, time.Millisecond)
	began := time.Now()
	require.NoError(t, h.stopWithin(2*time.Second), "nothing is cut off without an answer")
	require.Less(t, time.Since(began), 2*time.Second)
	status, last, _ := inFlight.answer()
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.True(t, last, "the answer closes the connection")
}

func TestABodyThatComesByteByByteIsAnsweredToo(t *testing.T) {
	h := hold(t, Config{})
	c := h.dial(slow)
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
				_, _ = io.WriteString(c.Conn, "x")
			}
		}
	}()
	require.Eventually(t, func() bool { return h.busy() == 1 }, 10*time.Second, time.Millisecond)
	began := time.Now()
	require.NoError(t, h.stopWithin(2*time.Second))
	require.Less(t, time.Since(began), 2*time.Second)
	status, last, body := c.answer()
	require.Equal(t, http.StatusServiceUnavailable, status, body)
	require.Contains(t, body, "service_unavailable")
	require.True(t, last)
}

// busy counts the connections that a request was begun on.
func (f *Front) busy() int {
	f.door.mu.Lock()
	defer f.door.mu.Unlock()
	return len(f.door.open) - f.door.quiet.Len()
}

func TestAConnectionThatRestedIsAnsweredWhileTheServiceStops(t *testing.T) {
	h := hold(t, Config{Drain: time.Second})
	rested, fresh := h.dial(live), h.dial("")
	status, last, _ := rested.answer()
	require.Equal(t, http.StatusOK, status)
	require.False(t, last)
	stopped := make(chan error, 1)
	go func() { stopped <- h.stopWithin(10 * time.Second) }()
	require.Eventually(t, h.stopping.Load, 10*time.Second, time.Millisecond)
	for c, ask := range map[*client]string{rested: other, fresh: ready, h.dial(other): "", h.dial(slow): ""} {
		c.send(ask)
		status, last, body := c.answer()
		require.Equal(t, http.StatusServiceUnavailable, status, body)
		require.True(t, last)
	}
	alive := h.dial(live)
	status, last, _ = alive.answer()
	require.Equal(t, http.StatusOK, status)
	require.True(t, last)
	require.NoError(t, <-stopped)
	_, err := net.Dial("tcp", h.Addr().String())
	require.Error(t, err)
}

// Clients that connect all the time have always some connections in the listener's queue: none of them may be reset.
func TestNoConnectionThatWasMadeIsReset(t *testing.T) {
	for range 5 {
		h := hold(t, Config{Drain: 50 * time.Millisecond})
		var answered atomic.Int64
		problems := make(chan error, 8)
		for range cap(problems) {
			go func() { problems <- h.connectAgainAndAgain(&answered) }()
		}
		require.Eventually(t, func() bool { return answered.Load() > 100 }, 20*time.Second, time.Millisecond)
		require.NoError(t, h.stopWithin(10*time.Second))
		for range cap(problems) {
			require.NoError(t, <-problems)
		}
	}
}

// connectAgainAndAgain ends without an error when a connection is refused.
func (h *held) connectAgainAndAgain(answered *atomic.Int64) error {
	for {
		c, err := net.DialTimeout("tcp", h.Addr().String(), 20*time.Second)
		if err != nil {
			return nil
		}
		_, err = io.WriteString(c, live)
		if err == nil {
			var res *http.Response
			if res, err = http.ReadResponse(bufio.NewReader(c), nil); err == nil {
				_, err = io.Copy(io.Discard, res.Body)
			}
		}
		_ = c.Close()
		if err != nil {
			return fmt.Errorf("a request that was sent was not answered: %w", err)
		}
		answered.Add(1)
	}
}

func TestAStopDoesNotWaitForWhoSaysNothing(t *testing.T) {
	h := hold(t, Config{})
	h.dial("")
	h.dial("GET /heal")
	rested := h.dial(live)
	status, _, _ := rested.answer()
	require.Equal(t, http.StatusOK, status)
	began := time.Now()
	require.NoError(t, h.stopWithin(4*time.Second))
	require.Less(t, time.Since(began), 4*time.Second)
}

func TestQuietConnectionsMakeRoom(t *testing.T) {
	h := hold(t, Config{MaxConns: 8})
	for i := range 200 {
		if i%2 == 0 {
			h.dial("")
			continue
		}
		status, _, _ := h.ask(live)
		require.Equal(t, http.StatusOK, status)
	}
	status, _, body := h.ask(other)
	require.Equal(t, http.StatusUnauthorized, status, body)
	require.LessOrEqual(t, h.Front.opened(), 8+Spare, "of so many that have come")
}

func (h *held) ask(request string) (int, bool, string) {
	h.Helper()
	return h.dial(request).answer()
}

func (f *Front) opened() int {
	f.door.mu.Lock()
	defer f.door.mu.Unlock()
	return len(f.door.open)
}

func TestProbesAreAnsweredWhenClientsHoldAllConnections(t *testing.T) {
	h := hold(t, Config{MaxConns: 8})
	var holders []*client
	for range 8 {
		holders = append(holders, h.dial(slow+"{"))
	}
	require.Eventually(t, func() bool { return h.busy() == 8 }, 10*time.Second, time.Millisecond)
	for range 3 * Spare {
		status, last, _ := h.ask(live)
		require.Equal(t, http.StatusOK, status)
		require.True(t, last)
		status, last, body := h.ask(other)
		require.Equal(t, http.StatusServiceUnavailable, status)
		require.Contains(t, body, "too many connections")
		require.True(t, last)
		status, _, body = h.ask(slow)
		require.Equal(t, http.StatusServiceUnavailable, status)
		require.Contains(t, body, "too many connections")
	}
	require.NoError(t, holders[0].Close())
	require.Eventually(t, func() bool {
		status, _, _ := h.ask(other)
		return status == http.StatusUnauthorized
	}, 10*time.Second, time.Millisecond)
}

func TestOnlyAsManyWaitAsThereAreSpare(t *testing.T) {
	h := hold(t, Config{MaxConns: 2})
	h.hold.Store(true)
	for range 2 + Spare + 4 { // probes that hang: the last ones wait to be accepted
		h.dial(ready)
	}
	require.Eventually(t, func() bool { return h.waiting.Load() == 2+Spare }, 10*time.Second, time.Millisecond)
	require.Equal(t, 2+Spare, h.opened())
	require.NoError(t, h.stopWithin(4*time.Second))
}

func TestAStandbyStopsAtOnce(t *testing.T) {
	f, err := Open(t.Context(), Config{Addr: "127.0.0.1:0", Drain: 20 * time.Second})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	began := time.Now()
	require.NoError(t, f.Stop(ctx))
	require.Less(t, time.Since(began), 10*time.Second)
	require.NoError(t, f.Stop(ctx), "twice is once")
	_, err = net.Dial("tcp", f.Addr().String())
	require.Error(t, err)
	require.False(t, errors.Is(err, io.EOF))
	require.True(t, strings.Contains(err.Error(), "refused"))
}
