package http

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"time"
)

// Front is the address of the REST surface. It answers probes from the moment it is open; everything else as soon as there
// is a surface to serve, without a moment in which nobody listens.
type Front struct {
	http     *http.Server
	listener net.Listener
	waiting  atomic.Pointer[http.ServeMux] // answers until there is a surface
	surface  atomic.Pointer[Server]
	failed   chan error
	health   []Check
}

// Open listens at the address of conf, as a standby. A port that is in use is waited for, but not for long. health are
// the checks of /healthz until there is a surface.
func Open(ctx context.Context, conf Config, health ...Check) (*Front, error) {
	f := &Front{failed: make(chan error, 1), health: health}
	f.waiting.Store(f.wait(`{"status":"standby","checks":{"lease":"not held: another backend serves this database"}}`,
		"this backend stands by; another one serves"))
	err := patiently(ctx, func() (err error) {
		f.listener, err = net.Listen("tcp", conf.Addr)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("REST surface: %w", err)
	}
	f.http = &http.Server{Handler: f, ReadTimeout: conf.ReadTimeout, ReadHeaderTimeout: conf.ReadTimeout, WriteTimeout: conf.WriteTimeout, MaxHeaderBytes: 64 << 10}
	go func() {
		if err := f.http.Serve(f.listener); !errors.Is(err, http.ErrServerClosed) {
			f.failed <- err
		}
	}()
	return f, nil
}

// Start says from now on that this backend holds the lease, and is getting ready to serve.
func (f *Front) Start() {
	f.waiting.Store(f.wait(`{"status":"not_ready","checks":{"lease":"ok","start":"under way"}}`,
		"this backend is starting; try again shortly"))
}

// Serve answers with the surface from now on.
func (f *Front) Serve(s *Server) { f.surface.Store(s) }

// ServeHTTP answers as whatever stands behind it now.
func (f *Front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s := f.surface.Load(); s != nil {
		s.Handler().ServeHTTP(w, r)
		return
	}
	f.waiting.Load().ServeHTTP(w, r)
}

// Addr is where it listens.
func (f *Front) Addr() net.Addr { return f.listener.Addr() }

// Failed gives an error when it ends by itself.
func (f *Front) Failed() <-chan error { return f.failed }

// Stop takes no new requests and waits for those under way; what is left when ctx is done is cut off.
func (f *Front) Stop(ctx context.Context) error {
	if s := f.surface.Load(); s != nil {
		s.stopping.Store(true)
	}
	if err := f.http.Shutdown(ctx); err != nil {
		_ = f.http.Close()
		return fmt.Errorf("requests were cut off: %w", err)
	}
	return nil
}

// wait makes what answers while there is no surface: readiness is what /readyz shows, reason what everybody else is
// told.
func (f *Front) wait(readiness, reason string) *http.ServeMux {
	say := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(health(r.Context(), f.health))
	})
	mux.HandleFunc("GET /readyz", say(http.StatusServiceUnavailable, readiness))
	mux.HandleFunc("/", say(http.StatusServiceUnavailable, fmt.Sprintf(`{"error":{"code":"service_unavailable","message":%q}}`, reason)))
	return mux
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
