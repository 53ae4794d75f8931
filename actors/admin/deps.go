package admin

import (
	"context"
	"errors"
	"time"

	"galaxy/backend/galaxy"
)

// Config names the first operator.
type Config struct {
	BootstrapUser     string `env:"BACKEND_ADMIN_BOOTSTRAP_USER" help:"User name of the first operator, made at the start unless it is there."`
	BootstrapPassword string `env:"BACKEND_ADMIN_BOOTSTRAP_PASSWORD" help:"Password of the first operator; required with the name, at most 72 bytes."`
}

// Validate reports every problem of the settings.
func (c Config) Validate() error {
	switch {
	case c.BootstrapUser != "" && c.BootstrapPassword == "":
		return errors.New("BACKEND_ADMIN_BOOTSTRAP_PASSWORD is required with BACKEND_ADMIN_BOOTSTRAP_USER")
	case len(c.BootstrapPassword) > maxPassword:
		return errors.New("BACKEND_ADMIN_BOOTSTRAP_PASSWORD must have at most 72 bytes")
	}
	return nil
}

// Store holds the operators.
type Store interface {
	AdminAccount(ctx context.Context, username string) (galaxy.AdminAccount, error)
	BootstrapAdmin(ctx context.Context, a galaxy.AdminAccount) (made bool, err error)
}

// Deps are what the check needs.
type Deps struct {
	Store Store
	Now   func() time.Time
	// Key keys the hashes of remembered credentials.
	Key []byte
	// Cost of bcrypt; zero is 12. Only tests lower it.
	Cost int
}
