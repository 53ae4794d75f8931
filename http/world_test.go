package http_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"

	backend "galaxy/backend"
	"galaxy/backend/actors"
	"galaxy/backend/galaxy"
	surface "galaxy/backend/http"
	"galaxy/backend/internal/enginetest"
	"galaxy/backend/internal/postgres/pgtest"
	"galaxy/backend/internal/process"
	"galaxy/backend/store"
	"galaxy/backend/store/storetest"
	"galaxy/backend/test/actorstest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

// world is the surface over the real actors and the real store.
type world struct {
	*testing.T
	dsn     string
	st      *store.Store
	system  *actors.System
	handler http.Handler
	doc     *openapi3.T
	player  galaxy.Account
	session galaxy.Session
	serving bool
	until   int // 0, or how often it still says that it serves
	listed  []operation
}

func begin(t *testing.T, tokens ...string) *world {
	driver, err := process.New(t.TempDir())
	require.NoError(t, err)
	return beginOn(t, driver, tokens...)
}

// beginAway is begin with a container daemon that does not answer.
func beginAway(t *testing.T) *world {
	engines := enginetest.New(t)
	engines.Away(true)
	return beginOn(t, engines)
}

func beginOn(t *testing.T, driver actors.Containers, tokens ...string) *world {
	w := &world{T: t, dsn: pgtest.Database(t, storetest.Migrate), serving: true}
	w.st, _ = storetest.OpenLeased(t, w.dsn)
	w.player, w.session = storetest.SignIn(t, w.st, "ann@example.com")
	deps := actorstest.Deps(w.st, driver)
	deps.Config.Game.EarlyDelay = time.Hour
	w.system = actorstest.Start(t, deps)
	t.Cleanup(func() { actorstest.Stop(t, w.system) })
	var err error
	conf := surface.Config{WriteTimeout: 10 * time.Second}
	if len(tokens) == 2 {
		conf.Token, conf.PreviousToken = tokens[0], tokens[1]
	}
	s, err := surface.New(surface.Deps{Config: conf, Store: w.st, System: w.system, Serving: w.serves,
		Checks: []surface.Check{{Name: "postgres", OK: w.st.Ping}}, Now: storetest.Now, Log: zap.NewNop(), Tracers: tracenoop.NewTracerProvider(), Meter: noop.Meter{}})
	require.NoError(t, err)
	w.handler = s.Handler()
	w.doc, err = openapi3.NewLoader().LoadFromData(backend.OpenAPI)
	require.NoError(t, err)
	return w
}

// exec changes rows behind the service's back.
func (w *world) exec(sql string, args ...any) {
	w.Helper()
	conn, err := pgx.Connect(w.Context(), w.dsn)
	require.NoError(w, err)
	defer func() { _ = conn.Close(context.Background()) }()
	_, err = conn.Exec(w.Context(), sql, args...)
	require.NoError(w, err)
}

// signIn makes a player whom the service knows.
func (w *world) signIn(email string) galaxy.Account {
	a, s := storetest.SignIn(w.T, w.st, email)
	w.system.Rights.Add(a)
	w.system.Table.Add(s)
	return a
}

// operation is one of the contract.
type operation struct {
	method, path string // of the contract, with {parameters}
	paths        *regexp.Regexp
	*openapi3.Operation
}

func (w *world) operations() (all []operation) {
	if w.listed != nil {
		return w.listed
	}
	defer func() { w.listed = all }()
	for _, path := range slices.Sorted(maps.Keys(w.doc.Paths.Map())) {
		operations := w.doc.Paths.Value(path).Operations()
		for _, method := range slices.Sorted(maps.Keys(operations)) {
			all = append(all, operation{method, path, regexp.MustCompile("^" + parameter.ReplaceAllString(path, "[^/]+") + "$"), operations[method]})
		}
	}
	return all
}

var parameter = regexp.MustCompile(`\{[a-z_]+\}`)

// request makes one with authority, and with ids that nothing has.
func (w *world) request(op operation, body string) *http.Request {
	path := strings.ReplaceAll(strings.ReplaceAll(op.path, "{turn}", "1"), "{username}", "nobody")
	path = strings.ReplaceAll(path, "{name}", "Nobodies")
	path = parameter.ReplaceAllString(path, uuid.NewString())
	var reader io.Reader = http.NoBody
	if body != "" {
		reader = strings.NewReader(body)
	}
	r := httptest.NewRequest(op.method, path, reader)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	switch {
	case op.OperationID == "deleteAccount": // by somebody whom nobody will miss
		r.Header.Set("X-User-ID", w.signIn(galaxy.NewID().String()+"@example.com").ID.String())
	case strings.HasPrefix(path, "/api/v1/user/"):
		r.Header.Set("X-User-ID", w.player.ID.String())
	case strings.HasPrefix(path, "/api/v1/admin/"):
		r.SetBasicAuth("root", "secret")
	}
	return r
}

// serve answers a request, and holds the answer against the contract.
func (w *world) serve(op operation, r *http.Request) (status int, code string) {
	w.Helper()
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	require.NotEmpty(w, rec.Header().Get("X-Request-ID"))
	w.holds(op, r, rec)
	var e struct {
		Error struct{ Code, Message string }
	}
	if rec.Code >= 400 && op.path != "/readyz" {
		require.NoError(w, json.Unmarshal(rec.Body.Bytes(), &e))
		require.NotEmpty(w, e.Error.Message)
		require.NotRegexp(w, `(?i)sql|pgx|panic|goroutine|\.go:|encoding/json`, e.Error.Message, "no internals")
	}
	return rec.Code, e.Error.Code
}

// holds compares an answer with the contract.
func (w *world) holds(op operation, r *http.Request, rec *httptest.ResponseRecorder) {
	w.Helper()
	input := &openapi3filter.RequestValidationInput{Request: r, Route: &routers.Route{Spec: w.doc, Path: op.path, PathItem: w.doc.Paths.Value(op.path), Method: op.method, Operation: op.Operation}}
	require.NoError(w, openapi3filter.ValidateResponse(w.Context(), &openapi3filter.ResponseValidationInput{RequestValidationInput: input, Status: rec.Code,
		Header: rec.Header(), Body: io.NopCloser(strings.NewReader(rec.Body.String())), Options: &openapi3filter.Options{IncludeResponseStatus: true}}),
		"%s %s answered %d %s", op.method, op.path, rec.Code, rec.Body)
}

// find gives the operation of the contract that a request is for.
func (w *world) find(method, path string) (op operation, ok bool) {
	for _, o := range w.operations() {
		if o.method != method {
			continue
		}
		if o.path == path {
			return o, true
		}
		if !ok && o.paths.MatchString(path) {
			op, ok = o, true
		}
	}
	return op, ok
}

// good is a value that a schema allows.
func good(name string, s *openapi3.Schema) any {
	switch {
	case len(s.Enum) > 0:
		return s.Enum[0]
	case s.Type.Is("object"):
		return map[string]any{}
	case name == "email":
		return "bob@example.com"
	case name == "code":
		return "123456"
	case name == "client_public_key":
		return "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
	case name == "time_zone":
		return "UTC"
	case name == "turn_schedule":
		return "0 21 * * *"
	case name == "version":
		return "1.2.3"
	case name == "image_ref":
		return "engine:1.2.3"
	case name == "race_name", name == "name":
		return "Andromeda"
	case s.Type.Is("array"):
		return []any{}
	case s.Type.Is("integer"):
		return int(max(1, deref(s.Min)))
	case s.Type.Is("boolean"):
		return true
	case s.Format == "uuid":
		return uuid.NewString()
	case s.Format == "date-time":
		return time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	}
	return strings.Repeat("x", int(max(1, s.MinLength)))
}

func deref(f *float64) float64 {
	if f == nil {
		return 0
	}
	return *f
}

func bodyOf(op operation) (*openapi3.Schema, map[string]any) {
	if op.RequestBody == nil {
		return nil, nil
	}
	s := op.RequestBody.Value.Content.Get("application/json").Schema.Value
	v := map[string]any{}
	names := s.Required
	if len(names) == 0 && len(s.Properties) > 0 { // then one of them will do
		names = slices.Sorted(maps.Keys(s.Properties))[len(s.Properties)-1:]
	}
	for _, name := range names {
		v[name] = good(name, s.Properties[name].Value)
	}
	return s, v
}

func encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// bad gives bodies that the contract does not allow, by what is wrong with them.
func bad(s *openapi3.Schema, v map[string]any) map[string]string {
	with := func(name string, value any) string {
		c := maps.Clone(v)
		c[name] = value
		return encode(c)
	}
	whole := encode(v)
	all := map[string]string{
		"malformed": whole[:len(whole)-1], "trailing data": whole + `{}`, "no object": `[]`, "null": `null`, "text": `hello`,
		"unknown field": with("no_such_field", 1), "invalid UTF-8": strings.Replace(whole, `{"`, "{\"\xff", 1),
		"nested without end": strings.Repeat("[", 10_000),
	}
	for name, p := range s.Properties {
		all["null "+name] = with(name, nil)
		all["twice "+name] = strings.Replace(with(name, good(name, p.Value)), "{", fmt.Sprintf(`{%q:%s,`, name, encode(good(name, p.Value))), 1)
		all["other case "+name] = with(strings.ToUpper(name), good(name, p.Value))
		if p.Value.Type.Is("string") {
			all["number for "+name] = with(name, 5)
			all["NUL in "+name] = with(name, "a\x00b")
			all["over-long "+name] = with(name, strings.Repeat("x", 5000))
		} else {
			all["text for "+name] = with(name, "x")
			if !p.Value.Type.Is("object") {
				all["object for "+name] = with(name, map[string]any{})
			}
		}
		if p.Value.Type.Is("integer") {
			all["too small "+name] = with(name, int(deref(p.Value.Min))-1)
			all["fraction "+name] = with(name, 1.5)
			all["huge "+name] = with(name, 1e30)
		}
		if p.Value.Format != "" && p.Value.Type.Is("string") {
			all["no "+p.Value.Format+" "+name] = with(name, strings.Repeat("z", 36))
		}
	}
	for _, name := range s.Required {
		c := maps.Clone(v)
		delete(c, name)
		all["without "+name] = encode(c)
	}
	return all
}

func (w *world) serves() bool {
	if w.until > 0 {
		if w.until--; w.until == 0 {
			w.serving = false
		}
		return true
	}
	return w.serving
}
