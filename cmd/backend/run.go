package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"galaxy/backend/actors"
	"galaxy/backend/actors/engine"
	"galaxy/backend/grpcpush"
	"galaxy/backend/http"
	"galaxy/backend/internal/docker"
	"galaxy/backend/internal/enginehttp"
	"galaxy/backend/internal/geoip"
	"galaxy/backend/internal/mailtext"
	"galaxy/backend/internal/process"
	"galaxy/backend/internal/renewal"
	"galaxy/backend/internal/smtp"
	"galaxy/backend/internal/telemetry"
	"galaxy/backend/store"
)

// startTimeout bounds each step of the start that waits for something outside, but for the lease.
const startTimeout = 10 * time.Second

// run starts the service and serves until ctx is done or something fails for good.
func run(ctx context.Context, environ []string) error {
	conf, err := settings(environ)
	if err != nil {
		return fmt.Errorf("the settings are not complete:\n%w", err)
	}
	tel, err := telemetry.Start(ctx, conf.Telemetry)
	if err != nil {
		return fmt.Errorf("telemetry: %w", err)
	}
	if err := telemetry.Adopt(tel.Log); err != nil {
		return fmt.Errorf("telemetry: %w", err)
	}
	s := &service{conf: conf, tel: tel, log: tel.Log}
	s.started("telemetry", s.stopTelemetry)
	defer s.stop()
	defer context.AfterFunc(ctx, s.endInTime)()
	if err := s.start(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // told to stop while it was starting or standing by
		}
		s.deadline.code.Store(1)
		s.log.Error("the service cannot start", zap.Error(err))
		return err
	}
	s.log.Info("the service serves", zap.Stringer("http", s.front.Addr()), zap.Stringer("push", s.push.Addr()),
		zap.Int64("epoch", s.lease.Epoch()),
		zap.Int("http_connections", conf.HTTP.MaxConns), zap.Int("push_connections", conf.Push.MaxConns))
	return s.wait(ctx)
}

// settings reads the environment, and fits the number of connections to the limit of open files.
func settings(environ []string) (config, error) {
	conf, err := load(environ)
	if err != nil {
		return conf, err
	}
	limit, err := descriptors()
	if err == nil {
		err = conf.bound(limit)
	}
	return conf, err
}

// service is what runs, in the order in which it was started.
type service struct {
	conf       config
	tel        *telemetry.Telemetry
	log        *zap.Logger
	geo        *geoip.DB
	store      *store.Store
	containers containers
	lease      *store.Lease
	actors     *actors.System
	push       *grpcpush.Server
	front      *http.Front
	stops      []stop // what has been started, oldest first
	deadline   deadline
}

// containers is what the service needs of a driver beside what actors need.
type containers interface {
	actors.Containers
	Ping(ctx context.Context) error
}

func (s *service) start(ctx context.Context) error {
	if err := s.openOutside(ctx); err != nil {
		return err
	}
	if err := s.serveAlone(ctx); err != nil {
		return err
	}
	mails := smtp.New(s.conf.SMTP, s.tel.Tracers, nil)
	system, err := actors.Start(ctx, actors.Deps{Config: s.conf.Actors, Store: s.store, Containers: s.containers, Engines: enginehttp.New(s.conf.Engines, s.tel.Tracers),
		Pace: engine.DefaultPace, Serving: s.lease.Held, Outages: s.lease.Outages,
		Generation: s.lease.Generation, Skew: s.store.ClockSkew,
		Send: mails.Send, Render: mailtext.Render, Country: s.geo.Country, Now: now,
		Log: s.log, Tracers: s.tel.Tracers, Meter: s.tel.Meter})
	if err != nil {
		return err
	}
	s.actors = system
	s.started("actors", system.Stop)
	if err := s.lease.Undisputed(ctx); err != nil {
		return fmt.Errorf("wait until nobody else serves: %w", err)
	}
	if err := s.openPush(); err != nil {
		return err
	}
	s.startedWithin("push streams", s.conf.Push.ShutdownTimeout, s.stopPush)
	s.started("mails in flight", system.StopMails)
	surface, err := http.New(http.Deps{Config: s.conf.HTTP, Limits: s.conf.Limits, Store: s.store, System: system, Serving: s.lease.Held,
		Checks: s.checks(), Health: s.health(), Now: now,
		Log: s.log.Named("http"), Tracers: s.tel.Tracers, Meter: s.tel.Meter})
	if err != nil {
		return err
	}
	s.front.Serve(surface)
	s.startedWithin("requests in flight", s.conf.HTTP.ShutdownTimeout, s.front.Stop)
	return nil
}

// openPush listens for gateways.
func (s *service) openPush() (err error) {
	d := grpcpush.Deps{Config: s.conf.Push, Hub: s.actors.Push, Tokens: s.conf.HTTP.Tokens(), Serving: s.lease.Held,
		Log: s.log.Named("push")}
	if d.Config.TLSCert != "" {
		cert, err := renewal.OpenCertificate("the certificate of the push stream", d.Config.TLSCert, d.Config.TLSKey)
		if err != nil {
			return err
		}
		if err := cert.Observe(s.tel.Meter, "push_tls_certificate_expiry_timestamp_seconds"); err != nil {
			return err
		}
		d.Certificate = cert.Get
		stop := cert.Follow(d.Log)
		s.started("push certificate", func(context.Context) error {
			stop()
			return nil
		})
	}
	s.push, err = grpcpush.Listen(d)
	return err
}

// openOutside reaches for everything that the service stands on.
func (s *service) openOutside(ctx context.Context) (err error) {
	if s.geo, err = geoip.Open(s.conf.GeoIP, s.tel.Meter); err != nil {
		return err
	}
	s.geo.Follow(s.log.Named("geo"))
	s.started("GeoIP database", func(context.Context) error { return s.geo.Close() })
	opening, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if s.store, err = store.Open(opening, s.conf.Store, s.log.Named("store"), s.tel.Tracers); err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	s.started("Postgres pool", func(context.Context) error {
		s.store.Close()
		return nil
	})
	if err := s.store.Observe(s.tel.Meter); err != nil {
		return err
	}
	if err := s.store.Migrate(opening); err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	return s.openDriver()
}

func (s *service) openDriver() error {
	root := s.conf.Actors.Engine.StateRoot
	if s.conf.Actors.Engine.Driver == "process" {
		driver, err := process.New(root)
		s.containers = driver
		return err
	}
	driver, err := docker.New(s.conf.Docker, root)
	if err != nil {
		return err
	}
	s.containers = driver
	s.started("Docker client", func(context.Context) error { return driver.Close() })
	return nil
}

// serveAlone stands by until this backend has the database for itself.
func (s *service) serveAlone(ctx context.Context) (err error) {
	if s.front, err = http.Open(ctx, s.conf.HTTP, s.health()...); err != nil {
		return err
	}
	s.started("standby", s.front.Stop)
	// Whoever takes over does so at once: what can be made ready before is.
	if err := http.Prepare(); err != nil {
		return err
	}
	s.log.Info("waiting for the lease", zap.String("http", s.conf.HTTP.Addr))
	if s.lease, err = s.store.AcquireLease(ctx, store.DefaultPulse); err != nil {
		return fmt.Errorf("lease: %w", err)
	}
	s.front.Start()
	s.started("lease", func(context.Context) error {
		s.lease.Release()
		return nil
	})
	return nil
}

func (s *service) checks() []http.Check {
	return []http.Check{
		{Name: "postgres", OK: s.store.Ping},
		{Name: "migrations", OK: s.store.Migrated},
		{Name: "push_listener", OK: s.push.Listening},
		{Name: "clock", OK: s.store.ClocksAgree, Warns: true},
	}
}

// health is what a process that lives may still lack.
func (s *service) health() []http.Check { return []http.Check{{Name: "log", OK: s.tel.Logging}} }

// wait serves until it is told to stop, or cannot go on.
func (s *service) wait(ctx context.Context) (err error) {
	for err == nil {
		select {
		case <-ctx.Done():
			s.log.Info("told to stop")
			return nil
		case <-s.lease.Noted():
			s.actors.CatchUp()
		case <-s.lease.Lost():
			err = errors.New("another backend has taken the database over")
		case err = <-s.front.Failed():
			err = fmt.Errorf("REST surface: %w", err)
		case err = <-s.push.Failed():
			err = fmt.Errorf("push stream: %w", err)
		}
	}
	s.deadline.code.Store(1)
	return err
}

// now is the clock of the service: UTC, as exact as Postgres keeps it.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
