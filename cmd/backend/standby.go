package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// standby answers probes while another backend serves the database.
type standby struct {
	server *http.Server
	once   sync.Once
	err    error
}

const standbyBody = `{"status":"standby","checks":{"lease":"not held: another backend serves this database"}}`

func standBy(ctx context.Context, addr string) (*standby, error) {
	var l net.Listener
	err := patiently(ctx, func() (err error) {
		l, err = net.Listen("tcp", addr)
		return err
	})
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

// patience is how long a port may be in use that was given up.
const patience = 2 * time.Second

// patiently listens again on a port that is in use. A process that is being started, such as an engine, shares for a moment
// whatever its starter has open, also when that is closed or the starter dies in this moment.
func patiently(ctx context.Context, listen func() error) error {
	for until := time.Now().Add(patience); ; {
		err := listen()
		if !errors.Is(err, syscall.EADDRINUSE) || time.Now().After(until) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(5 * time.Millisecond):
		}
	}
}
