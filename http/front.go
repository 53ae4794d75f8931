package http

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Front is the address of the REST surface. It answers probes from the moment it is open; everything else as soon as there
// is a surface to serve, without a moment in which nobody listens.
type Front struct {
	conf     Config
	http     *http.Server
	door     *door
	waiting  atomic.Pointer[http.ServeMux] // answers until there is a surface
	surface  atomic.Pointer[Server]
	failed   chan error
	served   chan struct{} // closed once no connection is accepted any more
	stopping atomic.Bool
	stop     sync.Once
	cut      context.CancelFunc // ends the context of every request
	health   []Check
}

// idleTimeout is how long a connection may rest between two requests. It is longer than clients keep one that they
// might use again (Go's, 90 s): if the service ended it first, then a request could be sent in that moment and find
// nobody.
const idleTimeout = 2 * time.Minute

// Open listens at the address of conf, as a standby. A port that is in use is waited for, but not for long.
//
// health are the checks of /healthz until there is a surface.
func Open(ctx context.Context, conf Config, health ...Check) (*Front, error) {
	f := &Front{conf: conf, health: health, failed: make(chan error, 1), served: make(chan struct{})}
	f.waiting.Store(f.wait(`{"status":"standby","checks":{"lease":"not held: another backend serves this database"}}`,
		"this backend stands by; another one serves"))
	err := patiently(ctx, func() error {
		l, err := plainTCP().Listen(context.WithoutCancel(ctx), "tcp", conf.Addr)
		if err != nil {
			return err
		}
		tcp, ok := l.(*net.TCPListener)
		if !ok {
			return fmt.Errorf("listening at %s gives a %T", conf.Addr, l)
		}
		f.door = newDoor(tcp, conf.MaxConns)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("REST surface: %w", err)
	}
	var living context.Context
	living, f.cut = context.WithCancel(context.WithoutCancel(ctx))
	f.http = &http.Server{Handler: f, ReadTimeout: conf.ReadTimeout, ReadHeaderTimeout: conf.ReadTimeout,
		WriteTimeout: conf.WriteTimeout,
		IdleTimeout:  idleTimeout, MaxHeaderBytes: 64 << 10, ConnState: f.door.state, ConnContext: withConn,
		BaseContext: func(net.Listener) context.Context { return living }}
	go func() {
		defer close(f.served)
		if err := f.http.Serve(f.door); !f.stopping.Load() {
			f.failed <- err
		}
	}()
	return f, nil
}

// plainTCP listens without multipath TCP, to whose sockets no filter can be attached.
func plainTCP() *net.ListenConfig {
	var c net.ListenConfig
	c.SetMultipathTCP(false)
	return &c
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
	w = &parting{w, f, isSpare(r.Context())}
	if s := f.surface.Load(); s != nil {
		s.Handler().ServeHTTP(w, r)
		return
	}
	f.waiting.Load().ServeHTTP(w, r)
}

// parting tells clients that an answer is the last one on its connection: so they send no request that nobody would
// answer.
type parting struct {
	http.ResponseWriter
	front *Front
	last  bool
}

func (w *parting) WriteHeader(status int) {
	if w.last || w.front.stopping.Load() {
		w.Header().Set("Connection", "close")
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *parting) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Addr is where it listens.
func (f *Front) Addr() net.Addr { return f.door.Addr() }

// Failed gives an error when it ends by itself.
func (f *Front) Failed() <-chan error { return f.failed }

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
