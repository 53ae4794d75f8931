package galaxy

import "time"

// Challenge is a mailed code that waits to be confirmed. Only a keyed hash of the code is kept.
type Challenge struct {
	ID         ChallengeID
	Email      string
	CodeHash   []byte
	CreatedAt  time.Time
	ExpiresAt  time.Time
	Attempts   int // wrong tries so far
	ConsumedAt *time.Time
}

// ChallengePolicy bounds challenges: how long one lives, how often it may be tried, and how many live ones
// an address may have within a window before the newest is handed out again.
type ChallengePolicy struct {
	TTL         time.Duration
	MaxAttempts int
	Window      time.Duration
	WindowMax   int
}

// PublicKey is a raw Ed25519 public key.
type PublicKey [32]byte

// Session is one signed-in device of a player.
type Session struct {
	ID           SessionID
	User         UserID
	Key          PublicKey
	DeviceName   string
	CreatedAt    time.Time
	LastSeenAt   time.Time
	RevokedAt    *time.Time
	RevokeReason string
}

// NewChallenge is a challenge with the mail that carries its code; both are stored together or not at all.
type NewChallenge struct {
	Challenge
	Delivery NewDelivery
}

// SignIn is what a confirmed code changes, stored in one transaction: the challenge is consumed, the account
// found by its address or made from Account, and the session born.
type SignIn struct {
	Challenge Challenge // as it was read: the commit is refused when it has changed since
	At        time.Time
	// Account is what a new player's account will be. Its UserName is replaced by the next of UserNames on collision.
	Account   Account
	UserNames []string
	Session   Session // its User is filled in by the store
	Audit     []Audit
}
