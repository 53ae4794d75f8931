package account

import (
	"time"

	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

// Get asks for the account, its entitlement as of now. An unknown player, and one whose account is deleted or about to
// be, is galaxy.NotFound. The answer must not be changed; as long as nothing changes it is the same.
type Get struct {
	kit.Returns[*galaxy.Account]
}

// In every command By's time is the actor's. Version is that of the account which the caller has read; another one is
// galaxy.ErrVersion, and 0 is any.
type (
	// UpdateProfile changes how a player is shown.
	UpdateProfile struct {
		kit.Returns[*galaxy.Account]
		By          galaxy.By
		Version     int64
		DisplayName string
	}
	// UpdateSettings changes language and time zone; nil leaves one as it is.
	UpdateSettings struct {
		kit.Returns[*galaxy.Account]
		By                 galaxy.By
		Version            int64
		Language, TimeZone *string
	}
	// UpdatePreferences switches notices by mail off, and all others on.
	UpdatePreferences struct {
		kit.Returns[*galaxy.Account]
		By  galaxy.By
		Off []galaxy.Kind
	}
	// ReplaceEmail gives a player another address, whose owner nobody asks.
	ReplaceEmail struct {
		kit.Returns[*galaxy.Account]
		By    galaxy.By
		Email string
	}
	// SetTier gives a player a tier.
	SetTier struct {
		kit.Returns[*galaxy.Account]
		By     galaxy.By
		Tier   galaxy.Tier
		EndsAt *time.Time
	}
	// SetLimit sets a number for a player, or takes it back when Value is nil.
	SetLimit struct {
		kit.Returns[*galaxy.Account]
		By        galaxy.By
		Name      galaxy.LimitName
		Value     *int
		ExpiresAt *time.Time
	}
	// Sanction forbids a player something. When that ends the player's sessions, the answer comes after gateways were told.
	Sanction struct {
		kit.Returns[galaxy.Sanction]
		By       galaxy.By
		Sanction galaxy.Sanction
	}
	// LiftSanction ends a sanction before its time.
	LiftSanction struct {
		kit.Returns[galaxy.Sanction]
		By     galaxy.By
		ID     galaxy.SanctionID
		Reason string
	}
	// RevokeSessions ends all sessions of a player but Keep. The answer comes when that is committed and stands on the
	// push stream.
	RevokeSessions struct {
		kit.Returns[kit.Done]
		By     galaxy.By
		Keep   *galaxy.SessionID
		Reason galaxy.RevokeReason
	}
	// Delete deletes the account. The answer comes when that has begun: it cannot be signed in to any more, and is
	// finished whatever happens. An account that is gone already, or never was, is answered alike.
	Delete struct {
		kit.Returns[kit.Done]
		By galaxy.By
	}
)

// Changed tells that somebody else has changed the row.
type Changed struct{}

// Look tells the account to do what is due: to go on with its deletion, or to store that its tier has ended.
type Look struct{}

// stepped is what a step of the deletion came to.
type stepped struct {
	step galaxy.DeletionStep
	err  error
}
