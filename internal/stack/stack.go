// Package stack runs everything that the service needs around it, and the service itself as a child process: for
// cmd/devstack, and for tests that want the real binary.
package stack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"

	"galaxy/backend/internal/geoip/geoiptest"
	"galaxy/backend/internal/inbox"
	"galaxy/backend/internal/postgres"
)

// The operator that every stack has.
const (
	AdminUser     = "admin"
	AdminPassword = "galaxy-dev-admin"
)

// Options say what is run.
type Options struct {
	Dir      string // data directory; made when missing
	Driver   string // docker or process
	DSN      string // of a database that somebody else runs; empty: a private cluster
	Ports    Ports
	Binaries Binaries
	Label    string   // galaxy.stack of the containers, and name of their network
	Env      []string // more settings of the service, KEY=value
	Fast     bool     // the private cluster gives up durability
	Output   *os.File // where the service writes, instead of a file in Dir
}

// LabelOf gives a label that is always the same for a data directory.
func LabelOf(dir string) string {
	sum := sha256.Sum256([]byte(dir))
	return "galaxy-" + hex.EncodeToString(sum[:6])
}

// Ports are where things listen on 127.0.0.1. Zero is a free one.
type Ports struct{ HTTP, Push, SMTP, Inbox, Postgres, Metrics int }

// Stack is what runs around the service.
type Stack struct {
	Options
	Postgres *postgres.Cluster // nil when somebody else runs it
	Inbox    *inbox.Inbox
	web      *http.Server
	started  atomic.Int64
}

const database = "galaxy"

// Start starts everything but the service.
func Start(ctx context.Context, o Options) (s *Stack, err error) {
	s = &Stack{Options: o}
	defer func() {
		if err != nil {
			_ = s.Close()
		}
	}()
	for _, dir := range []string{o.Dir, s.states()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return s, err
		}
	}
	if err := geoiptest.Write(s.geo()); err != nil {
		return s, err
	}
	for _, p := range []*int{&s.Ports.HTTP, &s.Ports.Push, &s.Ports.SMTP, &s.Ports.Inbox, &s.Ports.Metrics} {
		if *p == 0 {
			if *p, err = FreePort(); err != nil {
				return s, err
			}
		}
	}
	if err := s.startPostgres(ctx); err != nil {
		return s, err
	}
	if s.Inbox, err = inbox.Start(inbox.Options{Addr: local(s.Ports.SMTP)}); err != nil {
		return s, err
	}
	l, err := net.Listen("tcp", local(s.Ports.Inbox))
	if err != nil {
		return s, err
	}
	s.web = &http.Server{Handler: s.Inbox.Handler()}
	go func() { _ = s.web.Serve(l) }()
	return s, nil
}

func (s *Stack) startPostgres(ctx context.Context) error {
	if s.DSN != "" {
		return nil
	}
	dir, err := reachable(filepath.Join(s.Dir, "postgres"))
	if err != nil {
		return err
	}
	if s.Postgres, err = postgres.Start(ctx, postgres.Options{Dir: dir, Port: s.Ports.Postgres, Fast: s.Fast}); err != nil {
		return err
	}
	s.Ports.Postgres = s.Postgres.Port()
	if err := s.Postgres.EnsureDatabase(ctx, database); err != nil {
		return err
	}
	s.DSN = s.Postgres.DSN(database) + "&search_path=backend"
	return nil
}

// Close ends what Start started.
func (s *Stack) Close() error {
	var problems []error
	if s.web != nil {
		problems = append(problems, s.web.Close())
	}
	if s.Inbox != nil {
		problems = append(problems, s.Inbox.Close())
	}
	if s.Postgres != nil {
		problems = append(problems, s.Postgres.Stop())
	}
	return errors.Join(problems...)
}

func (s *Stack) states() string { return filepath.Join(s.Dir, "games") }
func (s *Stack) geo() string    { return filepath.Join(s.Dir, "country.mmdb") }

// URL is where the REST surface is.
func (s *Stack) URL() string { return "http://" + local(s.Ports.HTTP) }

// Push is where the push stream is.
func (s *Stack) Push() string { return local(s.Ports.Push) }

// environ is what the service is told.
func (s *Stack) environ(p Ports) []string {
	settings := map[string]string{
		"BACKEND_HTTP_LISTEN_ADDR": local(p.HTTP), "BACKEND_GRPC_PUSH_LISTEN_ADDR": local(p.Push),
		"BACKEND_OTEL_PROMETHEUS_LISTEN_ADDR": local(p.Metrics), "BACKEND_OTEL_METRICS_EXPORTER": "prometheus", "BACKEND_OTEL_TRACES_EXPORTER": "none",
		"BACKEND_POSTGRES_DSN": s.DSN, "BACKEND_SMTP_HOST": "127.0.0.1", "BACKEND_SMTP_PORT": strconv.Itoa(p.SMTP),
		"BACKEND_SMTP_FROM": "Galaxy <no-reply@galaxy.example>", "BACKEND_SMTP_TLS_MODE": "none", "BACKEND_GEOIP_DB_PATH": s.geo(),
		"BACKEND_GAME_STATE_ROOT": s.states(), "BACKEND_RUNTIME_DRIVER": s.Driver, "BACKEND_STACK_LABEL": s.Label,
		"BACKEND_LOBBY_MIN_TURN_INTERVAL": "1m", // who tries things out does not wait for five
		"BACKEND_ENGINE_ADDRESS":          "loopback", "BACKEND_RUNTIME_IMAGE_PULL_POLICY": "never",
		// Everybody is on this machine, and the same players sign in again and again.
		"BACKEND_AUTH_DAILY_CODES": "0", "BACKEND_AUTH_NETWORK_CODES": "0",
		"BACKEND_ADMIN_BOOTSTRAP_USER": AdminUser, "BACKEND_ADMIN_BOOTSTRAP_PASSWORD": AdminPassword,
	}
	if s.Driver == "docker" {
		settings["BACKEND_DOCKER_NETWORK"] = s.Label
	}
	env := os.Environ()
	for k, v := range settings {
		env = append(env, k+"="+v)
	}
	return append(env, s.Env...)
}

func local(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// Free ports are looked for among those that the system does not give away by itself: one of these could be taken, by a connection
// or by whoever listens anywhere, before it is listened on, or while the service that comes back to it is away.
const (
	firstPort = 10000
	ports     = 20000
)

// FreePort gives a port of 127.0.0.1 that nobody listens on.
func FreePort() (int, error) {
	var problem error
	for range 100 {
		port := firstPort + rand.IntN(ports)
		l, err := net.Listen("tcp", local(port))
		if err == nil {
			return port, l.Close()
		}
		problem = err
	}
	return 0, fmt.Errorf("find a free port: %w", problem)
}
