// Package store keeps everything that must outlive the process in Postgres. A method is one question or one
// transaction; every commit of an aggregate is fenced by the row's version and by the lease's epoch, so that neither an
// older memory nor an older backend can overwrite a newer one. Queries are built with jet and run by pgx.
package store

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/multitracer"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
)

// Config says where the database is and how it is used.
type Config struct {
	DSN              string        `env:"BACKEND_POSTGRES_DSN,required,notEmpty" help:"Postgres DSN in pgx's form. Must include search_path=backend, so that unqualified names resolve to the schema of the service."`
	MaxConns         int32         `env:"BACKEND_POSTGRES_MAX_CONNS" envDefault:"25" help:"Most connections of the pool."`
	MinConns         int32         `env:"BACKEND_POSTGRES_MIN_CONNS" envDefault:"2" help:"Fewest connections the pool keeps open."`
	OperationTimeout time.Duration `env:"BACKEND_POSTGRES_OPERATION_TIMEOUT" envDefault:"5s" help:"Longest time for one operation."`
}

// Schema is the one schema that belongs to the service.
const Schema = "backend"

// Validate reports every problem of the settings.
func (c Config) Validate() error {
	var problems []error
	if parsed, err := pgxpool.ParseConfig(c.DSN); err != nil {
		problems = append(problems, errors.New("BACKEND_POSTGRES_DSN is not a Postgres DSN"))
	} else if path := parsed.ConnConfig.RuntimeParams["search_path"]; !slices.Contains(strings.Split(path, ","), Schema) {
		problems = append(problems, fmt.Errorf("BACKEND_POSTGRES_DSN must include search_path=%s", Schema))
	}
	if c.MaxConns < 3 {
		problems = append(problems, errors.New("BACKEND_POSTGRES_MAX_CONNS must be at least 3"))
	}
	if c.MinConns < 0 || c.MinConns > c.MaxConns {
		problems = append(problems, errors.New("BACKEND_POSTGRES_MIN_CONNS must be between 0 and BACKEND_POSTGRES_MAX_CONNS"))
	}
	if c.OperationTimeout <= 0 {
		problems = append(problems, errors.New("BACKEND_POSTGRES_OPERATION_TIMEOUT must be positive"))
	}
	return errors.Join(problems...)
}

// Store is the pool and what stands in front of it.
type Store struct {
	pool     *pgxpool.Pool
	conf     Config
	log      *zap.Logger
	lease    atomic.Pointer[Lease]
	count    *counter
	files    *renewer
	renewal  *renewal
	migrated atomic.Bool // it was seen that every migration is applied
	clock    Clock
	skew     skew
}

// Option changes how a store works.
type Option func(*Store)

// WithClock gives the store another clock than the machine's.
func WithClock(c Clock) Option { return func(s *Store) { s.clock = c } }

// connectTimeout bounds how long the start waits for a Postgres that is away.
const connectTimeout = 8 * time.Second

// sessionParams are what every session is told. The server notices a client on a lost host within 15 s, so that what
// that one held is free again: it may be the lease, or a commit sent by half.
var sessionParams = map[string]string{"timezone": "UTC", "application_name": "galaxy-backend",
	"tcp_keepalives_idle": "5", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "2", "tcp_user_timeout": "15000"}

// Open connects. It fails within ten seconds when Postgres cannot be reached.
func Open(ctx context.Context, conf Config, log *zap.Logger, tracers trace.TracerProvider, opts ...Option,
) (*Store, error) {
	pc, err := pgxpool.ParseConfig(conf.DSN)
	if err != nil {
		return nil, fmt.Errorf("parse BACKEND_POSTGRES_DSN: %w", redacted(err))
	}
	count, files := &counter{}, &renewer{dsn: conf.DSN, log: log}
	pc.BeforeConnect = files.renew
	pc.MaxConns, pc.MinConns = conf.MaxConns, conf.MinConns
	pc.ConnConfig.ConnectTimeout = connectTimeout
	for name, value := range sessionParams {
		pc.ConnConfig.RuntimeParams[name] = value
	}
	pc.ConnConfig.Tracer = multitracer.New(count, otelpgx.NewTracer(otelpgx.WithTracerProvider(tracers)))
	renewal, err := steady(pc)
	if err != nil {
		return nil, fmt.Errorf("parse BACKEND_POSTGRES_DSN: %w", redacted(err))
	}
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, fmt.Errorf("make the pool: %w", redacted(err))
	}
	s := &Store{pool: pool, conf: conf, log: log, count: count, files: files, renewal: renewal, clock: machine{}}
	for _, opt := range opts {
		opt(s)
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("Postgres cannot be reached: %w", redacted(err))
	}
	return s, nil
}

// Close closes the pool, after the queries that run.
func (s *Store) Close() { s.pool.Close() }

// Ping asks the database for a sign of life.
func (s *Store) Ping(ctx context.Context) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	return translate(s.pool.Ping(ctx))
}

// Statements counts the statements sent so far, for tests that assert how many an operation costs.
func (s *Store) Statements() int64 { return s.count.n.Load() }

func (s *Store) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.conf.OperationTimeout)
}

// counter counts statements.
type counter struct{ n atomic.Int64 }

func (c *counter) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.n.Add(1)
	return ctx
}
func (c *counter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (c *counter) TraceBatchStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceBatchStartData) context.Context {
	c.n.Add(int64(d.Batch.Len()))
	return ctx
}
func (c *counter) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (c *counter) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}

// redacted keeps a password that a driver's message may quote out of logs.
func redacted(err error) error {
	text := err.Error()
	for _, field := range strings.Fields(text) {
		if u, e := url.Parse(strings.Trim(field, "`'\"")); e == nil && u.User != nil {
			text = strings.ReplaceAll(text, field, u.Redacted())
		}
	}
	return errors.New(text)
}
