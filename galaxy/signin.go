package galaxy

import (
	"bytes"
	"encoding/base64"
	"net/mail"
	"strings"
	"time"
	"unicode/utf8"

	"filippo.io/edwards25519"
	"golang.org/x/text/language"
)

// Challenge is a mailed code that waits to be confirmed. Only a keyed hash of the code is kept.
type Challenge struct {
	ID    ChallengeID
	Email string
	// User is whom the confirmed address is to belong to; nil signs a device in.
	User *UserID
	// Blocked: no code confirms it. Nobody is told.
	Blocked    bool
	CodeHash   []byte
	CreatedAt  time.Time
	ExpiresAt  time.Time
	Attempts   int // wrong tries so far
	ConsumedAt *time.Time
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
	RevokeReason RevokeReason
}

// RevokeReason says why a session was ended.
type RevokeReason string

// Why a session is ended.
const (
	RevokedByUser     RevokeReason = "user"     // by the player, for one device
	RevokedOthers     RevokeReason = "others"   // by the player, for all other devices
	RevokedByAdmin    RevokeReason = "admin"    // by an operator
	RevokedByGateway  RevokeReason = "gateway"  // by the gateway
	RevokedBySanction RevokeReason = "sanction" // the player was blocked
	RevokedByDeletion RevokeReason = "deletion" // the account is deleted
)

// Revocation ends sessions of a player: Only one, or all but Keep.
type Revocation struct {
	User   UserID
	Only   *SessionID
	Keep   *SessionID
	Reason RevokeReason
	At     time.Time
	Audit  Audit
}

// EmailChange is what a confirmed code for another address changes, stored in one transaction.
type EmailChange struct {
	Challenge Challenge // as it was read; its User gets its Email
	At        time.Time
	Notice    Kind // of the mail to the address before
	Audit     []Audit
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

// NormalEmail gives an address in the form that accounts are found by: trimmed, lower case. It must be one bare address as
// RFC 5321 has it.
func NormalEmail(s string) (string, error) {
	s = strings.ToLower(strings.TrimSpace(s))
	local, domain, _ := strings.Cut(s, "@")
	parsed, err := mail.ParseAddress(s)
	switch {
	case err != nil, parsed.Address != s, parsed.Name != "", len(s) > maxEmail, len(local) > maxLocalPart, strings.Contains(domain, "@"),
		!strings.Contains(domain, "."), strings.HasPrefix(domain, "["), strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return "", Errorf(InvalidRequest, "email must be one address, such as ann@example.com")
	}
	return s, nil
}

// The bounds of an address in RFC 5321, 4.5.3.1.
const (
	maxEmail     = 254
	maxLocalPart = 64
)

// ParsePublicKey reads a raw Ed25519 public key in base64. A key that is no point of the curve, or one of small order,
// for which anybody could sign, is refused.
func ParsePublicKey(s string) (PublicKey, error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(s)
	// encoding/base64 lets line breaks pass.
	if err != nil || len(raw) != len(PublicKey{}) || len(s) != base64.StdEncoding.EncodedLen(len(raw)) {
		return PublicKey{}, Errorf(InvalidRequest, "client_public_key must be 32 bytes in base64")
	}
	point, err := new(edwards25519.Point).SetBytes(raw)
	if err != nil || !bytes.Equal(point.Bytes(), raw) || !fullOrder(point) {
		return PublicKey{}, Errorf(InvalidRequest, "client_public_key is not a valid Ed25519 key")
	}
	return PublicKey(raw), nil
}

// fullOrder reports whether a point generates the prime-order group: the group's order times the point is the identity,
// and the point is not. A product with the order itself cannot be written as a scalar, so it is (order-1)·P + P.
func fullOrder(p *edwards25519.Point) bool {
	identity := edwards25519.NewIdentityPoint()
	one, err := edwards25519.NewScalar().SetCanonicalBytes(append([]byte{1}, make([]byte, 31)...))
	if err != nil {
		return false
	}
	orderLessOne := edwards25519.NewScalar().Negate(one)
	sum := new(edwards25519.Point).Add(new(edwards25519.Point).ScalarMult(orderLessOne, p), p)
	return sum.Equal(identity) == 1 && p.Equal(identity) == 0
}

// NormalLanguage gives a BCP 47 tag in its canonical form; English when there is none.
func NormalLanguage(s string) (string, error) {
	if s == "" {
		return "en", nil
	}
	if len(s) > maxLanguage {
		return "", errLanguage
	}
	tag, err := language.Parse(s)
	if err != nil {
		return "", errLanguage
	}
	return tag.String(), nil
}

// maxLanguage is what RFC 5646 (4.4.1) asks for.
const maxLanguage = 35

var errLanguage = Errorf(InvalidRequest, "locale must be a BCP 47 language tag, such as de or pt-BR")

// CheckDeviceName refuses a name that cannot be shown in a list of devices.
func CheckDeviceName(s string) error {
	if utf8.RuneCountInString(s) > maxDeviceName || !printable(s, false) {
		return Errorf(InvalidRequest, "device_name must have at most %d printable characters", maxDeviceName)
	}
	return nil
}

const maxDeviceName = 64
