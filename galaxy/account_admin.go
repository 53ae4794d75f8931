package galaxy

import (
	"slices"
	"time"
)

// SetTier gives a player a tier from now on, until ends if it is set.
func (a Account) SetTier(tier Tier, ends *time.Time, by By) (AccountChange, error) {
	if past(ends, by.At) {
		return AccountChange{}, Errorf(InvalidRequest, "ends_at must be in the future")
	}
	if (tier == TierFree || tier == TierPermanent) && ends != nil {
		return AccountChange{}, Errorf(InvalidRequest, "the tier %s has no end", tier)
	}
	if (tier == TierMonthly || tier == TierYearly) && ends == nil {
		return AccountChange{}, Errorf(InvalidRequest, "the tier %s needs ends_at", tier)
	}
	next := EntitlementOf(tier, "admin", by.At, ends)
	if is := a.Entitlement; is.Tier == next.Tier && is.Source == next.Source && is.Numbers == next.Numbers && sameTime(is.EndsAt, ends) {
		return AccountChange{}, nil
	}
	return a.tier(next, "user.entitlement", by), nil
}

// sameTime compares times as exactly as they are stored; nil is none.
func sameTime(a, b *time.Time) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Truncate(time.Microsecond).Equal(b.Truncate(time.Microsecond))
}

// ExpireTier stores that a paid tier has ended; there is nothing to store while it lasts.
func (a Account) ExpireTier(by By) AccountChange {
	if !a.Entitlement.Over(by.At) {
		return AccountChange{}
	}
	return a.tier(a.Entitlement.At(by.At), "user.entitlement_expired", by)
}

func (a Account) tier(e Entitlement, action string, by By) AccountChange {
	c := a.change(by, action, tierValues(a.Entitlement), tierValues(e))
	c.Next.Entitlement = e
	c.Tier = &TierEntry{Tier: e.Tier, Source: e.Source, StartsAt: e.StartsAt, EndsAt: e.EndsAt, SetAt: by.At, SetBy: by.Actor()}
	return c
}

func tierValues(e Entitlement) map[string]any {
	return map[string]any{"tier": e.Tier, "ends_at": e.EndsAt}
}

// SetLimit sets one number for one player, until expires if it is set. A nil value takes the number back.
func (a Account) SetLimit(name LimitName, value *int, expires *time.Time, by By) (AccountChange, error) {
	if !slices.Contains([]LimitName{LimitRaceNames, LimitPrivateGames, LimitMemberships}, name) {
		return AccountChange{}, Errorf(InvalidRequest, "there is no limit %q", name)
	}
	if past(expires, by.At) {
		return AccountChange{}, Errorf(InvalidRequest, "expires_at must be in the future")
	}
	if value != nil && (*value < 0 && (*value != Unlimited || name != LimitRaceNames) || *value > 1_000_000) {
		return AccountChange{}, Errorf(InvalidRequest, "value must be 0 to 1000000; -1, for no limit, is possible for %s alone", LimitRaceNames)
	}
	same := func(l Limit) bool { return l.Name == name }
	before := map[string]any{string(name): nil}
	if i := slices.IndexFunc(a.Limits, same); i >= 0 {
		is := a.Limits[i]
		if value != nil && is.Value == *value && sameTime(is.ExpiresAt, expires) {
			return AccountChange{}, nil
		}
		before[string(name)] = is.Value
	} else if value == nil {
		return AccountChange{}, nil
	}
	c := a.change(by, "user.limit", before, map[string]any{string(name): value, "expires_at": expires})
	c.Next.Limits = slices.DeleteFunc(slices.Clone(a.Limits), same)
	if value == nil {
		c.ClearLimits = []LimitName{name}
		return c, nil
	}
	l := Limit{Name: name, Value: *value, ExpiresAt: expires, SetAt: by.At, SetBy: by.Actor()}
	c.Next.Limits, c.Limits = append(c.Next.Limits, l), []Limit{l}
	return c, nil
}

// Sanction forbids a player something. The one that the same request made before is repeated, with an empty change.
func (a Account) Sanction(s Sanction, by By) (AccountChange, Sanction, error) {
	if err := s.validate(by.At); err != nil {
		return AccountChange{}, Sanction{}, err
	}
	for _, earlier := range a.Sanctions {
		if again, err := earlier.Idempotency.Repeats(s.Idempotency); again || err != nil {
			return AccountChange{}, earlier, err
		}
		if earlier.Kind == s.Kind && earlier.Active(by.At) {
			return AccountChange{}, Sanction{}, Errorf(Conflict, "the player is under this sanction already; lift it first").With("sanction_id", earlier.ID)
		}
	}
	s.AppliedBy, s.AppliedAt = by.Actor(), by.At
	c := a.change(by, "user.sanction", nil, map[string]any{"sanction_id": s.ID, "kind": s.Kind, "reason_code": s.ReasonCode, "expires_at": s.ExpiresAt})
	c.Next.Sanctions, c.Sanctions = append(slices.Clone(a.Sanctions), s), []Sanction{s}
	if s.Kind.EndsSessions() {
		c.Revoke = RevokedBySanction
	}
	return c, s, nil
}

// LiftSanction ends a sanction before its time.
func (a Account) LiftSanction(id SanctionID, reason string, by By) (AccountChange, Sanction, error) {
	if err := checkNote("reason", reason); err != nil {
		return AccountChange{}, Sanction{}, err
	}
	i := slices.IndexFunc(a.Sanctions, func(s Sanction) bool { return s.ID == id })
	if i < 0 {
		return AccountChange{}, Sanction{}, Errorf(NotFound, "the player has no such sanction that could be lifted")
	}
	s := a.Sanctions[i]
	if !s.Active(by.At) {
		return AccountChange{}, Sanction{}, Errorf(Conflict, "the sanction is over already")
	}
	s.LiftedBy, s.LiftedAt, s.LiftReason = by.Actor(), &by.At, reason
	c := a.change(by, "user.sanction_lift", map[string]any{"sanction_id": s.ID, "kind": s.Kind}, nil)
	c.Next.Sanctions, c.Sanctions = slices.Delete(slices.Clone(a.Sanctions), i, i+1), []Sanction{s}
	return c, s, nil
}

// RevokeAll ends every session of the player.
func (a Account) RevokeAll(reason RevokeReason, by By) AccountChange {
	c := a.change(by, "user.sessions_revoke_all", nil, map[string]any{"reason": reason})
	c.Revoke = reason
	return c
}
