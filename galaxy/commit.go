package galaxy

import (
	"errors"
	"time"
)

// What a failed commit means for the memory of the actor that asked for it. The store wraps these, and a plain
// Error with a code for everything that is known not to have happened.
var (
	// ErrStale: the row has another version than the decision was made on. Nothing was stored; memory must be reloaded.
	ErrStale = errors.New("the row has changed since it was read")
	// ErrOutcomeUnknown: the commit went out and no answer came back. Memory must be reloaded.
	ErrOutcomeUnknown = errors.New("the outcome of the commit is unknown")
	// ErrRepeated: the idempotency key belongs to a row made before, which is the answer. Nothing was stored.
	ErrRepeated = errors.New("the idempotency key belongs to an earlier request")
	// ErrBlocked: the player may not sign in. Nothing was stored.
	ErrBlocked = errors.New("the player may not sign in")
	// ErrSeats: the player has as many seats as the entitlement allows. Nothing was stored.
	ErrSeats = errors.New("the player has no seat left")
	// ErrOwned: the player owns as many private games as the entitlement allows. Nothing was stored.
	ErrOwned = errors.New("the player may own no further private game")
	// ErrNames: the player has registered as many race names as the entitlement allows. Nothing was stored.
	ErrNames = errors.New("the player may register no further race name")
	// ErrRefused: Postgres does not take what was to be stored, and would not if it were tried again.
	ErrRefused = errors.New("the store refuses this")
	// ErrLeaseLost: another backend serves this database now. Nothing was stored.
	ErrLeaseLost = errors.New("the lease on the database is lost")
)

// MemoryStale reports whether an actor must reload what it remembers after err.
func MemoryStale(err error) bool {
	return errors.Is(err, ErrStale) || errors.Is(err, ErrOutcomeUnknown) || errors.Is(err, ErrLeaseLost)
}

// Page is a request for part of a list: at most Limit rows after Cursor. An empty cursor is the beginning.
type Page struct {
	Limit  int
	Cursor string
}

// GameFilter narrows a list of games. Zero fields do not.
type GameFilter struct {
	Visibility Visibility
	Statuses   []GameStatus
	Text       string  // every word must be the beginning of one in name or description
	Player     *UserID // owns the game, or has or had a seat in it
}

// GameSummary is a game in a list.
type GameSummary struct {
	ID               GameID
	Version          int64
	Visibility       Visibility
	Status           GameStatus
	Name             string
	Description      string
	MinPlayers       int
	MaxPlayers       int
	Members          int // active ones
	StartGapHours    int
	StartGapPlayers  int
	Owner            *UserID
	EnrollmentEndsAt *time.Time
	Schedule         Schedule
	Turn             int // NoTurn before the first
	Deadline         *time.Time
	CreatedAt        time.Time
}

// ApplicationFilter narrows a list of applications. A nil Game is every game, a nil User everybody.
type ApplicationFilter struct {
	Game   *GameID
	User   *UserID
	Status ApplicationStatus // empty: any
}

// InviteFilter narrows a list of invites. A nil Game is every game, a nil User everybody.
type InviteFilter struct {
	Game   *GameID
	User   *UserID
	Status InviteStatus // empty: any
}

// RuntimeFilter narrows a list of runtimes. Zero fields do not.
type RuntimeFilter struct {
	Status RuntimeStatus
	Why    WhyCode
}
