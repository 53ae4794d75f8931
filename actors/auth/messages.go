package auth

import (
	"net/netip"

	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

// SendCode asks for a sign-in code to be mailed to the address the actor is for. The answer is the same
// whether the address is known or not.
type SendCode struct {
	kit.Returns[galaxy.ChallengeID]
}

// Confirm signs a device in with a mailed code.
type Confirm struct {
	kit.Returns[SignedIn]
	Challenge  galaxy.ChallengeID
	Code       string
	Key        galaxy.PublicKey
	TimeZone   string // IANA
	Locale     string // BCP 47; empty: en
	DeviceName string
	Source     netip.Addr // of the player, for the declared country
	RequestID  string
}

// SignedIn is a device that has just been signed in.
type SignedIn struct {
	Session galaxy.SessionID
	User    galaxy.UserID
}
