package galaxy

import (
	"time"

	"github.com/google/uuid"
)

// UserStatus sorts players for operators.
type UserStatus string

// Where a player stands: one who is blocked cannot sign in, one who is deleted has asked to be.
const (
	UserActive  UserStatus = "active"
	UserBlocked UserStatus = "blocked"
	UserDeleted UserStatus = "deleted"
)

// Status gives where a player stands at now.
func (a Account) Status(now time.Time) UserStatus {
	switch {
	case a.Deletion != NotDeleted:
		return UserDeleted
	case a.Allows(ActSignIn, now) != nil:
		return UserBlocked
	}
	return UserActive
}

// UserFilter narrows a list of players at Now. Zero fields do not.
type UserFilter struct {
	Now      time.Time
	Text     string // words, each the beginning of one in address, user name or display name
	Status   UserStatus
	Tier     Tier
	Sanction SanctionKind
	Country  string
}

// UserHistory is what has been decided about a player, and what the player has done, each oldest or most first.
type UserHistory struct {
	Sanctions    []Sanction
	Tiers        []TierEntry
	Games        []UserGame
	Applications []UserApplication
	RaceNames    []UserRaceName
	Countries    []CountryCount
}

// UserGame is a seat of a player.
type UserGame struct {
	Game     uuid.UUID
	Name     string
	Status   GameStatus
	Race     string
	Seat     MembershipStatus
	JoinedAt time.Time
	EndedAt  *time.Time
}

// UserApplication is a player's wish to join a game.
type UserApplication struct {
	Game      uuid.UUID
	Race      string
	Status    ApplicationStatus
	CreatedAt time.Time
}

// UserRaceName is a race name that a player holds.
type UserRaceName struct {
	Race      string
	Status    string
	Since     time.Time
	ExpiresAt *time.Time
}

// CountryKey is what a player's requests are counted by.
type CountryKey struct {
	User    UserID
	Country string // ISO 3166-1 alpha-2
}

// CountryCount is how many requests of a player came from a country.
type CountryCount struct {
	Country     string
	Count       int64
	FirstSeenAt time.Time
	LastSeenAt  time.Time
}

// RouteSummary is a notice on its way to a player, in a list.
type RouteSummary struct {
	ID        uuid.UUID
	Kind      Kind
	Channel   Channel
	State     RouteState
	Attempts  int
	Detail    string
	CreatedAt time.Time
	SettledAt *time.Time
}

// AuditFilter narrows the audit. Zero fields do not.
type AuditFilter struct {
	Actor   Principal // Kind alone, or both
	Action  string
	Subject string
	From    *time.Time
	Until   *time.Time // not included
}

// AuditLine is one line of the audit as it is stored.
type AuditLine struct {
	ID uuid.UUID
	At time.Time
	Audit
}

// UserExport is all that is kept about a player beside the account itself.
type UserExport struct {
	UserHistory
	Addresses  []string
	Sessions   []Session
	Routes     []RouteSummary
	Mails      []UserMail
	Challenges []UserChallenge
	Orders     []UserOrders
	Actions    []AuditLine
	Invites    []Invite      // to the player
	Names      []NameEvent   // what became of the player's race names
	Owned      []GameSummary // games that the player owns
}

// UserMail is a mail that went, or was to go, to a player.
type UserMail struct {
	Template, To, State string
	CreatedAt           time.Time
}

// UserChallenge is a code that was mailed to a player.
type UserChallenge struct {
	Email     string
	Attempts  int
	CreatedAt time.Time
}

// UserOrders are orders that a player gave.
type UserOrders struct {
	Game     uuid.UUID
	Turn     int
	Race     string
	Revision int64
	StoredAt time.Time
	Commands string // JSON
}
