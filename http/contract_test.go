package http_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func TestBadBodiesAreRefusedAndChangeNothing(t *testing.T) {
	w := begin(t)
	w.remember()
	for _, op := range w.operations() {
		s, v := bodyOf(op)
		if s == nil {
			continue
		}
		for what, body := range bad(s, v) {
			before := w.st.Statements()
			status, code := w.serve(op, w.request(op, body))
			require.Equal(t, http.StatusBadRequest, status, "%s with %s: %s", op.OperationID, what, body[:min(len(body), 200)])
			require.Equal(t, "invalid_request", code)
			require.Equal(t, before, w.st.Statements(), "%s with %s touched the database", op.OperationID, what)
		}
		status, code := w.serve(op, w.request(op, `{"x":"`+strings.Repeat("x", 300<<10)+`"}`))
		require.Equal(t, http.StatusRequestEntityTooLarge, status, op.OperationID)
		require.Equal(t, "payload_too_large", code)
		plain := w.request(op, encode(v))
		plain.Header.Set("Content-Type", "text/plain")
		status, _ = w.serve(op, plain)
		require.Equal(t, http.StatusBadRequest, status)
	}
}

// remember has the operator's password checked once, so that later requests cost no statement for it.
func (w *world) remember() {
	i := slices.IndexFunc(w.operations(), func(op operation) bool { return op.OperationID == "adminListGames" })
	op := w.operations()[i]
	status, _ := w.serve(op, w.request(op, ""))
	require.Equal(w, http.StatusOK, status)
}

func TestBadParametersAreRefused(t *testing.T) {
	w := begin(t)
	for _, op := range w.operations() {
		if op.Tags[0] == "probes" {
			continue
		}
		_, v := bodyOf(op)
		body := ""
		if v != nil {
			body = encode(v)
		}
		for what, change := range map[string]func(*http.Request){
			"an unknown query parameter": func(r *http.Request) { r.URL.RawQuery = "no_such=1" },
			"a timeout that is none":     func(r *http.Request) { r.Header.Set("X-Request-Timeout", "soon") },
			"a negative timeout":         func(r *http.Request) { r.Header.Set("X-Request-Timeout", "-1") },
		} {
			r := w.request(op, body)
			change(r)
			status, code := w.serve(op, r)
			require.Equal(t, http.StatusBadRequest, status, "%s with %s", op.OperationID, what)
			require.Equal(t, "invalid_request", code)
		}
		if strings.Contains(op.path, "{") {
			r := w.request(op, body)
			r.URL.Path = parameter.ReplaceAllString(op.path, "NOT an id")
			status, _ := w.serve(op, r)
			require.Equal(t, http.StatusBadRequest, status, op.OperationID)
		}
		for _, p := range op.Parameters {
			if p.Value.In == "query" {
				r := w.request(op, body)
				r.URL.RawQuery = p.Value.Name + "=" + strings.Repeat("%00", 200)
				status, _ := w.serve(op, r)
				require.Equal(t, http.StatusBadRequest, status, "%s %s", op.OperationID, p.Value.Name)
			}
		}
	}
}

func TestAuthorityComesFirst(t *testing.T) {
	w := begin(t)
	n := 0
	for _, op := range w.operations() {
		var wrong map[string]func(*http.Request)
		switch op.Tags[0] {
		case "user":
			wrong = map[string]func(*http.Request){
				"nobody":                 func(r *http.Request) { r.Header.Del("X-User-ID") },
				"an id that is none":     func(r *http.Request) { r.Header.Set("X-User-ID", "me") },
				"Basic Auth":             func(r *http.Request) { r.SetBasicAuth("root", "secret") },
				"somebody else's device": func(r *http.Request) { r.Header.Set("X-Device-Session-ID", uuid.NewString()) },
			}
		case "admin":
			wrong = map[string]func(*http.Request){
				"nobody":           func(r *http.Request) { r.Header.Del("Authorization") },
				"a wrong password": func(r *http.Request) { r.SetBasicAuth("root", "guess") },
				"a player too":     func(r *http.Request) { r.Header.Set("X-User-ID", w.player.ID.String()) },
			}
		}
		for who, change := range wrong {
			r := w.request(op, `{"malformed`)
			r.Header.Set("X-Forwarded-For", netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}).String()) // not to be held back
			n++
			change(r)
			status, code := w.serve(op, r)
			require.Equal(t, http.StatusUnauthorized, status, "%s by %s", op.OperationID, who)
			require.Equal(t, "unauthorized", code)
		}
	}
	for path, want := range map[string]int{"/api/v1/user/nothing": 401, "/api/v1/admin/nothing": 401, "/api/v1/public/nothing": 404, "/nothing": 404} {
		rec := httptest.NewRecorder()
		w.handler.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, http.NoBody))
		require.Equal(t, want, rec.Code, path)
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, httptest.NewRequest(http.MethodDelete, "/api/v1/public/auth/send-email-code", http.NoBody))
	require.Equal(t, http.StatusMethodNotAllowed, rec.Code)
}

func TestIDsThatNothingHas(t *testing.T) {
	w := begin(t)
	for _, op := range w.operations() {
		if !strings.Contains(op.path, "{") {
			continue
		}
		_, v := bodyOf(op)
		body := ""
		if v != nil {
			body = encode(v)
		}
		status, code := w.serve(op, w.request(op, body))
		require.Equal(t, http.StatusNotFound, status, op.OperationID)
		require.Equal(t, "subject_not_found", code)
	}
}

func TestAGatewayBearsItsToken(t *testing.T) {
	w := begin(t, "new", "old")
	for _, op := range w.operations() {
		if op.Tags[0] == "admin" || op.Tags[0] == "probes" {
			continue
		}
		status, _ := w.serve(op, w.request(op, ""))
		require.Equal(t, http.StatusUnauthorized, status, op.OperationID)
		for _, token := range []string{"new", "old"} {
			r := w.request(op, "")
			r.Header.Set("Authorization", "Bearer "+token)
			status, _ := w.serve(op, r)
			require.NotEqual(t, http.StatusUnauthorized, status, op.OperationID)
		}
	}
}

func TestReadsThatCostNoStatement(t *testing.T) {
	w := begin(t)
	for id, path := range map[string]string{"getAccount": "/api/v1/user/account", "getSession": "/api/v1/internal/sessions/" + w.session.ID.String()} {
		i := slices.IndexFunc(w.operations(), func(op operation) bool { return op.OperationID == id })
		op := w.operations()[i]
		read := func() {
			r := w.request(op, "")
			r.URL.Path = path
			status, _ := w.serve(op, r)
			require.Equal(t, http.StatusOK, status)
		}
		read()
		before := w.st.Statements()
		for range 10 {
			read()
		}
		require.Equal(t, before, w.st.Statements(), id)
	}
}

// TestWhatWasReadBeforeAnotherBackendServesIsKeptBack: who was let in, and stood still, answers nothing from memory.
func TestWhatWasReadBeforeAnotherBackendServesIsKeptBack(t *testing.T) {
	w := begin(t)
	player := w.signIn("player@example.com")
	as := func(r *http.Request) { r.Header.Set("X-User-ID", player.ID.String()) }
	w.until = 1
	status, answer, _ := w.call(as, "GET", "/user/account", "")
	require.Equal(t, http.StatusServiceUnavailable, status, answer)
	w.serving, w.until = true, 1
	status, answer, _ = w.call(as, "PATCH", "/user/account/profile", `{"display_name":"Somebody"}`)
	require.Equal(t, http.StatusOK, status, "what is stored is stored: %v", answer)
}

func TestAStandbyServesProbesOnly(t *testing.T) {
	w := begin(t)
	w.serving = false
	for _, op := range w.operations() {
		status, _ := w.serve(op, w.request(op, ""))
		want := http.StatusServiceUnavailable
		if op.OperationID == "healthz" {
			want = http.StatusOK
		}
		require.Equal(t, want, status, op.OperationID)
	}
}
