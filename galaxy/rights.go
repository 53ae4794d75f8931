package galaxy

import (
	"slices"
	"time"
)

// Tier is what a player has paid for.
type Tier string

// The tiers.
const (
	TierFree      Tier = "free"
	TierMonthly   Tier = "monthly"
	TierYearly    Tier = "yearly"
	TierPermanent Tier = "permanent"
)

// Unlimited stands for "no limit" in an entitlement's numbers.
const Unlimited = -1

// Numbers are how much of something a player may have.
type Numbers struct {
	MaxRegisteredRaceNames int // Unlimited is possible
	MaxOwnedPrivateGames   int
	MaxActiveMemberships   int
}

// Entitlement is the snapshot of what a player may do.
type Entitlement struct {
	Tier     Tier
	Paid     bool
	Source   string // what granted it: "registration", "admin" or "expiry"
	StartsAt time.Time
	EndsAt   *time.Time // nil: for good
	Numbers
}

// EntitlementOf makes the snapshot that a tier gives.
func EntitlementOf(tier Tier, source string, starts time.Time, ends *time.Time) Entitlement {
	e := Entitlement{Tier: tier, Paid: tier != TierFree, Source: source, StartsAt: starts, EndsAt: ends}
	switch tier {
	case TierMonthly:
		e.Numbers = Numbers{2, 3, 20}
	case TierYearly:
		e.Numbers = Numbers{6, 10, 50}
	case TierPermanent:
		e.Numbers = Numbers{Unlimited, 10, 50}
	default:
		e.Numbers = Numbers{1, 0, 3}
	}
	return e
}

// At gives what holds at now: a paid tier that has ended falls back to free.
func (e Entitlement) At(now time.Time) Entitlement {
	if !e.Over(now) {
		return e
	}
	return EntitlementOf(TierFree, "expiry", *e.EndsAt, nil)
}

// Over reports whether a tier has ended.
func (e Entitlement) Over(now time.Time) bool { return past(e.EndsAt, now) }

func past(end *time.Time, now time.Time) bool { return end != nil && !now.Before(*end) }

// LimitName names one of an entitlement's numbers.
type LimitName string

// The numbers that an operator can set for one player.
const (
	LimitRaceNames    LimitName = "max_registered_race_names"
	LimitPrivateGames LimitName = "max_owned_private_games"
	LimitMemberships  LimitName = "max_active_memberships"
)

// Limit overrides one number of a player's entitlement, until ExpiresAt if it is set.
type Limit struct {
	Name      LimitName
	Value     int
	ExpiresAt *time.Time
	SetAt     time.Time
	SetBy     string
}

// Rights is what a player may do: the tier, the numbers that were set instead of its own, and what is forbidden.
type Rights struct {
	Entitlement Entitlement
	Limits      []Limit
	Sanctions   []Sanction // those that nobody has lifted, expired ones among them
}

// Numbers gives the numbers that hold at now.
func (r Rights) Numbers(now time.Time) Numbers {
	n := r.Entitlement.At(now).Numbers
	for _, l := range r.Limits {
		if past(l.ExpiresAt, now) {
			continue
		}
		switch l.Name {
		case LimitRaceNames:
			n.MaxRegisteredRaceNames = l.Value
		case LimitPrivateGames:
			n.MaxOwnedPrivateGames = l.Value
		case LimitMemberships:
			n.MaxActiveMemberships = l.Value
		}
	}
	return n
}

// Changes gives when time alone changes what holds at now; nil when it never does.
func (r Rights) Changes(now time.Time) (next *time.Time) {
	ends := []*time.Time{r.Entitlement.EndsAt}
	for _, l := range r.Limits {
		ends = append(ends, l.ExpiresAt)
	}
	for _, s := range r.Sanctions {
		ends = append(ends, s.ExpiresAt)
	}
	for _, end := range ends {
		if end != nil && now.Before(*end) && (next == nil || end.Before(*next)) {
			next = end
		}
	}
	return next
}

// Active gives the sanctions that hold at now.
func (r Rights) Active(now time.Time) []Sanction {
	return slices.DeleteFunc(slices.Clone(r.Sanctions), func(s Sanction) bool { return !s.Active(now) })
}

// Allows refuses with Forbidden what a sanction forbids. It is the one place that decides so.
func (r Rights) Allows(act Act, now time.Time) error {
	for _, s := range r.Sanctions {
		if s.Active(now) && (s.Kind == PermanentBlock || forbids[s.Kind] == act) {
			e := Errorf(Forbidden, "you may not %s: your account is under sanction", act).With("sanction", s.Kind).With("reason_code", s.ReasonCode)
			if s.ExpiresAt != nil {
				e = e.With("expires_at", s.ExpiresAt.UTC().Format(time.RFC3339))
			}
			return e
		}
	}
	return nil
}
