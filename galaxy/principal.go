package galaxy

import (
	"time"

	"github.com/google/uuid"
)

// PrincipalKind tells apart who can act.
type PrincipalKind string

// Who can act: a player, an operator, or the service itself.
const (
	ByUser   PrincipalKind = "user"
	ByAdmin  PrincipalKind = "admin"
	BySystem PrincipalKind = "system"
)

// Principal is who does something. ID is a user id, an admin's user name, or the part of the service that acts.
type Principal struct {
	Kind PrincipalKind
	ID   string
}

// System is the service itself; part names which part of it acts.
func System(part string) Principal { return Principal{BySystem, part} }

// Admin is the operator with that user name.
func Admin(username string) Principal { return Principal{ByAdmin, username} }

// User is the player with that id.
func User(id UserID) Principal { return Principal{ByUser, id.String()} }

// Actor says who it is in one word, such as "admin:root".
func (p Principal) Actor() string { return string(p.Kind) + ":" + p.ID }

// UserID gives the player, if it is one.
func (p Principal) UserID() (UserID, bool) {
	if p.Kind != ByUser {
		return UserID{}, false
	}
	id, err := uuid.Parse(p.ID)
	return UserID{id}, err == nil
}

// By says who acts, when, and in which request: what every decision needs to know. Rights are those of a player.
type By struct {
	Principal
	RequestID string
	At        time.Time
	Rights    Rights
	// EarlyDelay is how long players may still change their minds after all have said that they are ready.
	EarlyDelay time.Duration
}

// Audit is one line of the append-only record of who did what. It names no person: ids and values only.
type Audit struct {
	By        Principal
	Action    string // e.g. "game.force_start"
	Subject   string // kind and id, e.g. "game:0198…"
	RequestID string
	Before    map[string]any // small; nil when there is nothing to compare
	After     map[string]any
}

// Idempotency is the caller's key of a creating request and the digest of its body. The zero value
// means that the caller gave none.
type Idempotency struct {
	Key    string
	Digest [32]byte
}

// Repeats reports whether a request with the idempotency data other repeats the one that i belongs to;
// the same key with another body is a conflict.
func (i Idempotency) Repeats(other Idempotency) (bool, error) {
	if i.Key == "" || i.Key != other.Key {
		return false, nil
	}
	if i.Digest != other.Digest {
		return false, Errorf(Conflict, "this idempotency key was used with another request body")
	}
	return true, nil
}
