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
	case len(c.BootstrapPassword) > galaxy.MaxAdminPassword:
		return errors.New("BACKEND_ADMIN_BOOTSTRAP_PASSWORD must have at most 72 bytes")
	}
	return nil
}

// Store holds the operators.
type Store interface {
	AdminAccounts(ctx context.Context) ([]galaxy.AdminAccount, error)
	BootstrapAdmin(ctx context.Context, a galaxy.AdminAccount) (made bool, err error)
	AddAdmin(ctx context.Context, a galaxy.AdminAccount, audit galaxy.Audit) error
	UpdateAdmin(ctx context.Context, a galaxy.AdminAccount, audit galaxy.Audit) error
}

// Deps are what the check needs.
type Deps struct {
	Store Store
	Known *Known
	Now   func() time.Time
	// Cost of bcrypt; zero is 12. Only tests lower it.
	Cost int
}
