package auth

import (
	"net/netip"

	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

// SendCode asks for a code to be mailed to the address the actor is for: to sign in, or when User is set to make the
// address that player's. The answer is the same whether the address is known or not, and when a limit keeps the mail
// back.
type SendCode struct {
	kit.Returns[galaxy.ChallengeID]
	User   *galaxy.UserID
	Source netip.Addr // of the player
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

// ConfirmEmail makes the address the actor is for that of a player, with a code mailed to it.
type ConfirmEmail struct {
	kit.Returns[kit.Done]
	By        galaxy.By // its time is the actor's
	User      galaxy.UserID
	Challenge galaxy.ChallengeID
	Code      string
	Source    netip.Addr // of the player
}
