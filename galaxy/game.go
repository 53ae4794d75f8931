package galaxy

import "time"

// Visibility tells who can join a game.
type Visibility string

// Public games are made by operators and joined by application; private ones by invitation.
const (
	Public  Visibility = "public"
	Private Visibility = "private"
)

// GameStatus is where a game stands in the lobby's table of moves.
type GameStatus string

// The statuses of a game.
const (
	Draft          GameStatus = "draft"
	EnrollmentOpen GameStatus = "enrollment_open"
	ReadyToStart   GameStatus = "ready_to_start"
	Starting       GameStatus = "starting"
	StartFailed    GameStatus = "start_failed"
	Running        GameStatus = "running"
	Paused         GameStatus = "paused"
	Finished       GameStatus = "finished"
	Cancelled      GameStatus = "cancelled"
)

// Game is the aggregate that one game actor owns: lobby, roster and runtime. It is a value: every decision
// gives a new one, and slices are never changed in place.
type Game struct {
	ID               GameID
	Version          int64 // fence; 0 before the first commit
	Visibility       Visibility
	Status           GameStatus
	Reason           string // why it was paused, failed to start or was cancelled
	Name             string
	Description      string
	MinPlayers       int
	MaxPlayers       int
	StartGapHours    int // how long a full game waits for more players before it starts
	StartGapPlayers  int // how many more it takes in that time
	GapSince         *time.Time
	Owner            *UserID // of a private game; nil: the operators
	EnrollmentEndsAt *time.Time
	Schedule         Schedule
	OrderGrace       *time.Duration // nil: what Grace makes of the schedule
	EarlyTurn        bool           // a turn is made as soon as everybody is ready for it
	ShowReady        bool           // members see who is ready, and not only how many are
	CatchUp          CatchUp
	TargetVersion    string // engine version asked for; empty: the newest enabled one at the start
	CreatedBy        Principal
	CreatedAt        time.Time
	UpdatedAt        time.Time
	Idempotency      Idempotency
	Members          []Membership  // all, also ended ones
	Applications     []Application // the pending ones
	Invites          []Invite      // the pending ones
	Runtime          Runtime
}

// MembershipStatus is where a membership stands.
type MembershipStatus string

// The statuses of a membership.
const (
	MemberActive  MembershipStatus = "active"
	MemberRemoved MembershipStatus = "removed"
	MemberBlocked MembershipStatus = "blocked"
	MemberLeft    MembershipStatus = "left"
)

// Membership is one player's seat in a game.
type Membership struct {
	ID      MembershipID
	User    UserID
	Race    string
	RaceKey string // canonical
	Status  MembershipStatus
	// HoldsName: the race name is reserved for the seat, also after an end that came when the game ran.
	HoldsName bool
	// Extinct is what the engine showed of the race with the newest turn.
	Extinct bool
	Banish  BanishState
	// ReadyFor is the turn that the member has no more orders for; 0 is none.
	ReadyFor int32
	JoinedAt time.Time
	EndedAt  *time.Time
}

// BanishState is how far the engine has been told that a race is out of the game.
type BanishState uint8

// The states of a banish. A race that the engine does not know is beyond banishing.
const (
	BanishNone BanishState = iota
	BanishWanted
	BanishTaken
	BanishUnknown
)

// ApplicationStatus is where an application stands.
type ApplicationStatus string

// The statuses of an application.
const (
	ApplicationPending      ApplicationStatus = "pending"
	ApplicationWasApproved  ApplicationStatus = "approved"
	ApplicationWasRejected  ApplicationStatus = "rejected"
	ApplicationWasWithdrawn ApplicationStatus = "withdrawn"
)

// Application is a player's wish to join a public game under a race name.
type Application struct {
	ID          ApplicationID
	Game        GameID
	User        UserID
	Race        string
	RaceKey     string
	Status      ApplicationStatus
	CreatedAt   time.Time
	DecidedAt   *time.Time
	DecidedBy   Principal
	Idempotency Idempotency
}

// InviteStatus is where an invite stands.
type InviteStatus string

// The statuses of an invite.
const (
	InvitePending  InviteStatus = "pending"
	InviteRedeemed InviteStatus = "redeemed"
	InviteDeclined InviteStatus = "declined"
	InviteRevoked  InviteStatus = "revoked"
	InviteExpired  InviteStatus = "expired"
)

// Invite asks a player into a private game.
type Invite struct {
	ID          InviteID
	Game        GameID
	User        UserID
	Inviter     Principal
	Status      InviteStatus
	Race        string // that it was redeemed with
	CreatedAt   time.Time
	ExpiresAt   time.Time
	DecidedAt   *time.Time
	Idempotency Idempotency
}

// Join is a player who wants, or gets, a seat, and how many seats the player may have at a time.
type Join struct {
	User  UserID
	Seats int
}

// Claim is a player who makes a private game, and how many of those the player may own at a time.
type Claim struct {
	User  UserID
	Games int
}

// GameChange is a decision: what is to be stored, in one transaction, before anyone is told. Next is the game
// afterwards, with the Version it was decided on.
type GameChange struct {
	Next         Game
	Applications []Application // made or changed
	Invites      []Invite      // made or changed
	Memberships  []Membership  // made or changed
	Names        []NameChange
	Joins        []Join  // who must still be allowed to when this is committed
	Owns         *Claim  // the game becomes a player's, who must still be allowed to when this is committed
	Heir         *UserID // the game is handed to this player, whose account must live when this is committed
	Turn         *TurnRecord
	Reports      []Report
	Timeline     []TimelineEntry
	Audit        []Audit
	Notices      []Notice
	// Generation is that of the lease whose outages the decision knows: one that was made before a gap in the service
	// is not committed after it. 0 for a decision that no outage matters to.
	Generation int64
}
