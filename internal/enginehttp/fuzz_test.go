package enginehttp

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"galaxy/backend/engineapi"
	"galaxy/backend/galaxy"
)

// sameAnswer is an engine that gives every call the same answer.
type sameAnswer struct {
	status int
	body   []byte
}

func (a sameAnswer) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: a.status, Body: io.NopCloser(bytes.NewReader(a.body)), Header: http.Header{},
		Request: r, ProtoMajor: 1, ProtoMinor: 1}, nil
}

// FuzzAnswers: an engine is somebody else's program. What is read of its answers can be stored, and every failure is an
// EngineError.
func FuzzAnswers(f *testing.F) {
	for _, body := range []string{"", "null", "{}", "[]", `"x"`,
		`{"gameId":"018f0000-0000-7000-8000-000000000000","currentTurn":-1,"players":[{"raceName":"a"},{"raceName":"a\u0000"}]}`,
		`{"status":{"gameId":"urn:uuid:018f0000-0000-7000-8000-000000000000"}}`,
		`{"error":{"code":"\ud800","message":"` + strings.Repeat("é", 400) + `"}}`,
		`{"turn":9223372036854775807,"revision":-1,"results":[{"index":-1,"errorCode":"\u0000","message":"x"}]}`,
		`{"commands":[{"a":1},null]}`, strings.Repeat("[", 20000), "\xff\xfe"} {
		for _, status := range []int{200, 204, 301, 400, 409, 500, 501} {
			f.Add(status, []byte(body))
		}
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		engine := &http.Client{Transport: sameAnswer{200 + int(uint(status)%400), body},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		c := &Client{conf: Config{CallTimeout: time.Minute, ProbeTimeout: time.Minute}, http: engine, once: engine}
		ctx, id, address := t.Context(), galaxy.GameID{UUID: galaxy.NewID()}, "http://engine:8080"
		s, err := c.Status(ctx, address)
		storable(t, s, err)
		s, err = c.Init(ctx, address, galaxy.EngineInit{Game: id, Races: []string{"a"}})
		storable(t, s, err)
		s, err = c.Turn(ctx, address, id, new(1))
		storable(t, s, err)
		failed(t, c.Healthz(ctx, address))
		failed(t, c.Banish(ctx, address, id, "a"))
		put, err := c.PutOrders(ctx, address, galaxy.OrderWrite{Game: id, Race: "a", Turn: 1})
		failed(t, err)
		batch, err := c.PutBatch(ctx, address, galaxy.BatchWrite{Game: id, Race: "a", Turn: 1, Batch: "b"})
		failed(t, err)
		for _, r := range append(put.Results, batch.Results...) {
			clean(t, r.ErrorCode, r.Message)
		}
		_, err = c.Orders(ctx, address, "a", 1)
		failed(t, err)
		report, err := c.Report(ctx, address, "a", 1)
		failed(t, err)
		require.LessOrEqual(t, len(report), engineapi.MaxReport)
	})
}

func storable(t *testing.T, s galaxy.EngineStatus, err error) {
	t.Helper()
	failed(t, err)
	races := map[string]bool{}
	for _, p := range s.Players {
		clean(t, p.Race)
		require.False(t, races[p.Race], "a race is named twice")
		races[p.Race] = true
	}
	clean(t, s.EngineVersion, s.State, s.Digest, s.FinishReason)
}

func failed(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	var e *galaxy.EngineError
	require.True(t, errors.As(err, &e), "%T: %v", err, err)
	clean(t, e.Code, e.Message)
	require.LessOrEqual(t, len(e.Code), maxWords)
	require.LessOrEqual(t, len(e.Message), maxWords)
}

// clean asserts that Postgres takes a text.
func clean(t *testing.T, texts ...string) {
	t.Helper()
	for _, s := range texts {
		require.True(t, utf8.ValidString(s) && !strings.Contains(s, "\x00"), "%q", s)
	}
}
