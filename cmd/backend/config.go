package main

import (
	"errors"
	"time"

	"galaxy/backend/actors"
	"galaxy/backend/grpcpush"
	"galaxy/backend/http"
	"galaxy/backend/internal/docker"
	"galaxy/backend/internal/enginehttp"
	"galaxy/backend/internal/env"
	"galaxy/backend/internal/geoip"
	"galaxy/backend/internal/smtp"
	"galaxy/backend/internal/telemetry"
	"galaxy/backend/store"
)

// config is the sum of what the packages want to know.
type config struct {
	Service   serviceConfig
	HTTP      http.Config
	Limits    http.LimitConfig
	Push      grpcpush.Config
	Store     store.Config
	Telemetry telemetry.Config
	SMTP      smtp.Config
	GeoIP     geoip.Config
	Docker    docker.Config
	Engines   enginehttp.Config
	Actors    actors.Config
}

// serviceConfig is that of the process as a whole.
type serviceConfig struct {
	ShutdownTimeout time.Duration `env:"BACKEND_SHUTDOWN_TIMEOUT" envDefault:"30s" help:"Longest time for everything to stop that is neither a request nor a push stream, together; and most that these two may take each."`
}

// Validate reports every problem of the settings.
func (c serviceConfig) Validate() error {
	if c.ShutdownTimeout <= 0 {
		return errors.New("BACKEND_SHUTDOWN_TIMEOUT must be positive")
	}
	return nil
}

func (c *config) all() []any {
	return append([]any{&c.HTTP, &c.Limits, &c.Service, &c.Push, &c.Telemetry, &c.Store, &c.SMTP, &c.GeoIP, &c.Docker, &c.Engines}, c.Actors.All()...)
}

// load reads the environment. Every problem there is comes in one error.
func load(environ []string) (config, error) {
	var c config
	err := env.Load(environ, c.all()...)
	if c.Actors.Engine.Driver == "docker" && c.Docker.Network == "" {
		err = errors.Join(err, errors.New("BACKEND_DOCKER_NETWORK is required with the docker driver"))
	}
	return c, err
}

// settingsTable is the table that stands in the README.
func settingsTable() string { return env.Table(new(config).all()...) }
