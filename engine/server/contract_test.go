package server

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/stretchr/testify/require"
)

// checked serves h, and holds every answer against the contract, and every request that was taken.
func checked(t *testing.T, h http.Handler) http.Handler {
	doc, err := openapi3.NewLoader().LoadFromFile("../../engineapi/openapi.yaml")
	require.NoError(t, err)
	require.NoError(t, doc.Validate(t.Context()))
	router, err := gorillamux.NewRouter(doc)
	require.NoError(t, err)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		if route, params, err := router.FindRoute(r); err == nil {
			r.Body = io.NopCloser(bytes.NewReader(body))
			if len(body) > 0 && r.Header.Get("Content-Type") == "" {
				r.Header.Set("Content-Type", "application/json")
			}
			in := &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route}
			if rec.Code < 300 {
				if err := openapi3filter.ValidateRequest(r.Context(), in); err != nil {
					t.Errorf("%s %s was taken: %v", r.Method, r.URL, err)
				}
			}
			if err := openapi3filter.ValidateResponse(r.Context(), &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: rec.Code,
				Header: rec.Header(), Body: io.NopCloser(bytes.NewReader(rec.Body.Bytes()))}); err != nil {
				t.Errorf("%s %s answered %d %s: %v", r.Method, r.URL, rec.Code, rec.Body, err)
			}
		}
		for k, v := range rec.Header() {
			w.Header()[k] = v
		}
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
	})
}
