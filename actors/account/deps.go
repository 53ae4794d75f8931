package account

import (
	"context"
	"time"

	"go.uber.org/zap"

	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/session"
	"galaxy/backend/galaxy"
)

// Store holds the accounts.
type Store interface {
	Account(ctx context.Context, id galaxy.UserID) (galaxy.Account, error)
	CommitAccount(ctx context.Context, c galaxy.AccountChange) (galaxy.Account, []galaxy.SessionID, error)
	RevokeSessions(ctx context.Context, r galaxy.Revocation) ([]galaxy.SessionID, error)
	SanctionByKey(ctx context.Context, by, key string) (galaxy.UserID, galaxy.Sanction, error)
	LiveRights(ctx context.Context, each func(galaxy.UserID, galaxy.Rights)) error
	EraseMails(ctx context.Context, user galaxy.UserID, at time.Time) error
	EraseTraces(ctx context.Context, user galaxy.UserID) error
}

// Deps are what the accounts need.
type Deps struct {
	Store    Store
	Rights   *Rights
	Sessions *session.Table
	// Hub tells gateways of sessions that have ended.
	Hub kit.Ref
	// LeaveGames takes a player out of every game that does not run yet.
	LeaveGames func(ctx context.Context, user galaxy.UserID) error
	// NamesReleased tells that race names of a player were released.
	NamesReleased func(ctx context.Context, user galaxy.UserID) error
	// WakeMail tells the mail workers that a mail is queued.
	WakeMail func()
	Now      func() time.Time
	Log      *zap.Logger
	// Idle is how long an account nobody asks for stays in memory; zero is ten minutes.
	Idle time.Duration
}
