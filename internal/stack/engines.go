package stack

import (
	"context"
	"errors"
	"fmt"
	"time"

	"galaxy/backend/galaxy"
	"galaxy/backend/internal/docker"
	"galaxy/backend/internal/env"
	"galaxy/backend/internal/process"
)

// EngineDriver is a driver as the stack uses it: to see and end what the service has left running.
type EngineDriver interface {
	List(ctx context.Context) ([]galaxy.Container, error)
	Stop(ctx context.Context, game galaxy.GameID, grace time.Duration) error
	Remove(ctx context.Context, game galaxy.GameID) error
	Ping(ctx context.Context) error
}

// imageName is what the engine's image is called; its tag is the version.
const imageName = "galaxy-engine:"

// Engines opens the stack's driver.
func (s *Stack) Engines() (EngineDriver, func() error, error) {
	if s.Driver == "process" {
		d, err := process.New(s.states())
		return d, func() error { return nil }, err
	}
	d, err := s.docker()
	if err != nil {
		return nil, nil, err
	}
	return d, d.Close, nil
}

func (s *Stack) docker() (*docker.Driver, error) {
	var conf docker.Config
	if err := env.Load([]string{"BACKEND_DOCKER_NETWORK=" + s.Label, "BACKEND_STACK_LABEL=" + s.Label, "BACKEND_ENGINE_ADDRESS=loopback"}, &conf); err != nil {
		return nil, err
	}
	return docker.New(conf, s.states())
}

// DockerAnswers reports why Docker cannot be used; nil when it can.
func DockerAnswers(ctx context.Context) error {
	d, err := (&Stack{Options: Options{Label: "galaxy"}}).docker()
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	return d.Ping(ctx)
}

// ProvideEngine makes the engine available to the service's driver, and gives its image_ref.
func (s *Stack) ProvideEngine(ctx context.Context, version string) (string, error) {
	if s.Driver == "process" {
		return "file://" + s.Binaries.Engine, nil
	}
	d, err := s.docker()
	if err != nil {
		return "", err
	}
	defer func() { _ = d.Close() }()
	return imageName + version, d.Import(ctx, s.Binaries.Engine, imageName+version)
}

// StopEngines ends and removes what the service has left running; the games' state is kept.
func (s *Stack) StopEngines(ctx context.Context, grace time.Duration) error {
	d, closeDriver, err := s.Engines()
	if err != nil {
		return err
	}
	defer func() { _ = closeDriver() }()
	running, err := d.List(ctx)
	if err != nil {
		return fmt.Errorf("list the engines: %w", err)
	}
	var problems []error
	for _, c := range running {
		if err := d.Stop(ctx, c.Game, grace); err != nil {
			problems = append(problems, err)
			continue
		}
		problems = append(problems, d.Remove(ctx, c.Game))
	}
	if n, ok := d.(interface{ RemoveNetwork(context.Context) error }); ok && len(problems) == len(running) {
		problems = append(problems, n.RemoveNetwork(ctx))
	}
	return errors.Join(problems...)
}
