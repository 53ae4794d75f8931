package galaxy

import "time"

// Account is one player.
type Account struct {
	ID          UserID
	Version     int64
	Email       string
	UserName    string // immutable, unique
	DisplayName string
	Language    string // BCP 47
	TimeZone    string // IANA
	Country     string // ISO 3166-1 alpha-2, empty when the source address has none
	Entitlement Entitlement
	CreatedAt   time.Time
	UpdatedAt   time.Time
	DeletedAt   *time.Time
}

// Tier is what a player has paid for.
type Tier string

// The tiers.
const (
	TierFree      Tier = "free"
	TierMonthly   Tier = "monthly"
	TierYearly    Tier = "yearly"
	TierPermanent Tier = "permanent"
)

// Unlimited stands for "no limit" in an Entitlement's numbers.
const Unlimited = -1

// Entitlement is the snapshot of what a player may do.
type Entitlement struct {
	Tier                   Tier
	Paid                   bool
	Source                 string // what granted it: "registration" or "admin"
	StartsAt               time.Time
	EndsAt                 *time.Time // nil: for good
	MaxRegisteredRaceNames int        // Unlimited is possible
	MaxOwnedPrivateGames   int
	MaxActiveMemberships   int
}

// EntitlementOf makes the snapshot that a tier gives.
func EntitlementOf(tier Tier, source string, starts time.Time, ends *time.Time) Entitlement {
	e := Entitlement{Tier: tier, Paid: tier != TierFree, Source: source, StartsAt: starts, EndsAt: ends}
	switch tier {
	case TierMonthly:
		e.MaxRegisteredRaceNames, e.MaxOwnedPrivateGames, e.MaxActiveMemberships = 2, 3, 20
	case TierYearly:
		e.MaxRegisteredRaceNames, e.MaxOwnedPrivateGames, e.MaxActiveMemberships = 6, 10, 50
	case TierPermanent:
		e.MaxRegisteredRaceNames, e.MaxOwnedPrivateGames, e.MaxActiveMemberships = Unlimited, 10, 50
	default:
		e.MaxRegisteredRaceNames, e.MaxOwnedPrivateGames, e.MaxActiveMemberships = 1, 0, 3
	}
	return e
}

// At gives what holds at now: a paid tier that has ended falls back to free.
func (e Entitlement) At(now time.Time) Entitlement {
	if e.EndsAt == nil || now.Before(*e.EndsAt) {
		return e
	}
	return EntitlementOf(TierFree, e.Source, *e.EndsAt, nil)
}
