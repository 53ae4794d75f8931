package http_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"

	backend "galaxy/backend"
	"galaxy/backend/galaxy"
	surface "galaxy/backend/http"
	"galaxy/backend/internal/enginetest"
	"galaxy/backend/internal/postgres/pgtest"
	"galaxy/backend/store/storetest"
	"galaxy/backend/test/actorstest"
)

// target is the whole surface over the real actors and the real store.
type target struct {
	handler      http.Handler
	operations   []operation
	player, game string
}

func newTarget(f *testing.F) target {
	st, _ := storetest.OpenLeased(f, pgtest.Database(f, storetest.Migrate))
	g, accounts := storetest.Game(f, st, 2)
	deps := actorstest.Deps(st, enginetest.New(f))
	system := actorstest.Start(f, deps)
	f.Cleanup(func() { actorstest.Stop(f, system) })
	s, err := surface.New(surface.Deps{Config: surface.Config{WriteTimeout: 10 * time.Second}, Store: st, System: system,
		Serving:   func() bool { return true },
		Operators: func(*http.Request, string) (string, error) { return "root", nil },
		Now:       storetest.Now, Log: zap.NewNop(), Tracers: tracenoop.NewTracerProvider(), Meter: noop.Meter{}})
	require.NoError(f, err)
	doc, err := openapi3.NewLoader().LoadFromData(backend.OpenAPI)
	require.NoError(f, err)
	t := target{handler: s.Handler(), player: accounts[0].ID.String(), game: g.ID.String()}
	for _, path := range slices.Sorted(maps.Keys(doc.Paths.Map())) {
		operations := doc.Paths.Value(path).Operations()
		for _, method := range slices.Sorted(maps.Keys(operations)) {
			t.operations = append(t.operations, operation{method: method, path: path, Operation: operations[method]})
		}
	}
	return t
}

// fill puts values into a path's parameters: the game that there is, and whatever the input says.
func (t target) fill(path, value string) string {
	path = strings.ReplaceAll(path, "{game_id}", t.game)
	path = strings.ReplaceAll(path, "{user_id}", t.player)
	return parameter.ReplaceAllLiteralString(path, value)
}

func (t target) seed(f *testing.F, operationID, value, query, body string) {
	for i, op := range t.operations {
		if op.OperationID == operationID {
			f.Add(uint8(i), value, query, []byte(body), "", "", "", "")
			return
		}
	}
	f.Fatalf("there is no operation %s", operationID)
}

// FuzzSurface: whatever is asked, the answer is one of the contract's, with a code, and never an internal error.
func FuzzSurface(f *testing.F) {
	t := newTarget(f)
	for _, cron := range []string{"CRON_TZ=UTC", "TZ=UTC  ", "*/0 * * * *", ",,,,, * * * *", "0 0 30 2 *", "0 21 * * *"} {
		t.seed(f, "adminUpdateGame", "", "", `{"turn_schedule":"`+cron+`"}`)
		t.seed(f, "adminCreateGame", "", "", `{"name":"Vega","min_players":2,"max_players":4,"turn_schedule":"`+cron+`"}`)
	}
	t.seed(f, "adminUpdateGame", "", "", `{"schedule_time_zone":"Europe"}`)
	t.seed(f, "adminGetRaceName", "%ff", "", "")
	t.seed(f, "adminGetRaceName", "%00", "", "")
	t.seed(f, "adminListUsers", "", "text=%ff%00", "")
	t.seed(f, "adminListUsers", "", "text=a%27:*%26!|(", "")
	t.seed(f, "listLobbyGames", "", "text=%F0%90%8D%88%20%27&cursor=AAAA", "")
	t.seed(f, "adminListAudit", "", "subject=%ff&from=0000-01-01T00:00:00Z", "")
	t.seed(f, "updateSettings", "", "", `{"preferred_language":"x-y","time_zone":"Europe"}`)
	t.seed(f, "sendEmailCode", "", "", `{"email":"a@b.c\u0000","locale":"i-klingon"}`)
	t.seed(f, "registerRaceName", "", "", `{"race_name":"ﷺﷺﷺﷺﷺﷺﷺﷺﷺﷺﷺﷺﷺﷺﷺﷺﷺﷺﷺﷺ"}`)
	t.seed(f, "putOrders", "", "", `{"turn":1,"commands":[{"a":1}]}`)
	t.seed(f, "adminAddEngineVersion", "", "", `{"version":"1.0.0","image_ref":"%zz://"}`)
	t.seed(f, "adminMoveDeadline", "", "", `{"turn":1,"deadline":"9999-12-31T23:59:60Z"}`)
	f.Fuzz(func(tt *testing.T, op uint8, value, query string, body []byte, match, key, timeout, forwarded string) {
		t.ask(tt, t.operations[int(op)%len(t.operations)], value, query, body, http.Header{"If-Match": {match},
			"Idempotency-Key":   {key},
			"X-Request-Timeout": {timeout}, "X-Forwarded-For": {forwarded}, "Traceparent": {key}, "X-Request-Id": {value}})
	})
}

func (t target) ask(tt *testing.T, op operation, value, query string, body []byte, headers http.Header) {
	path := t.fill(op.path, value)
	unescaped, err := url.PathUnescape(path)
	if err != nil {
		return // net/http answers that
	}
	r, err := http.NewRequest(op.method, "http://galaxy", bytes.NewReader(body))
	require.NoError(tt, err)
	r.URL.Path, r.URL.RawPath, r.URL.RawQuery, r.RemoteAddr = unescaped, path, query, "127.0.0.1:1"
	for name, values := range headers {
		if values[0] != "" {
			r.Header[name] = values
		}
	}
	if len(body) > 0 {
		r.Header.Set("Content-Type", "application/json")
	}
	if strings.HasPrefix(op.path, "/api/v1/user/") {
		r.Header.Set("X-User-Id", t.player)
	}
	rec := httptest.NewRecorder()
	began := time.Now()
	t.handler.ServeHTTP(rec, r)
	require.Less(tt, time.Since(began), 10*time.Second)
	if rec.Code < 400 || op.path == "/readyz" {
		return
	}
	var e struct {
		Error struct{ Code galaxy.Code }
	}
	require.NoError(tt, json.Unmarshal(rec.Body.Bytes(), &e), "%d %s", rec.Code, rec.Body)
	require.NotEmpty(tt, e.Error.Code)
	require.NotEqual(tt, galaxy.Internal, e.Error.Code, "%s %s %s", op.method, path, body)
}
