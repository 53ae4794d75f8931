package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// standby answers probes while another backend serves the database.
type standby struct {
	server *http.Server
	once   sync.Once
	err    error
}

const standbyBody = `{"status":"standby","checks":{"lease":"not held: another backend serves this database"}}`

func standBy(addr string) (*standby, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("REST surface: %w", err)
	}
	say := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Connection", "close")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", say(http.StatusOK, `{"status":"ok"}`))
	mux.HandleFunc("GET /readyz", say(http.StatusServiceUnavailable, standbyBody))
	mux.HandleFunc("/", say(http.StatusServiceUnavailable, `{"error":{"code":"service_unavailable","message":"this backend stands by; another one serves"}}`))
	s := &standby{server: &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}}
	go func() { _ = s.server.Serve(l) }()
	return s, nil
}

// stop ends it; once is enough.
func (s *standby) stop(ctx context.Context) error {
	s.once.Do(func() {
		if err := s.server.Shutdown(ctx); err != nil && !errors.Is(err, http.ErrServerClosed) {
			s.err = errors.Join(err, s.server.Close())
		}
	})
	return s.err
}
