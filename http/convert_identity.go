package http

import (
	"encoding/base64"
	"strconv"
	"time"

	"galaxy/backend/actors/kit"
	"galaxy/backend/api"
	"galaxy/backend/galaxy"
)

// mapped converts a list; never nil, so that it is encoded as a list.
func mapped[A, B any](in []A, f func(A) B) []B {
	out := make([]B, 0, len(in))
	for _, a := range in {
		out = append(out, f(a))
	}
	return out
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC().Truncate(time.Microsecond)
	return &u
}

// tag is the ETag of a row's version.
func tag(version int64) *string {
	t := strconv.Quote(strconv.FormatInt(version, 10))
	return &t
}

func cursorOf(path string) string { return base64.RawURLEncoding.EncodeToString([]byte(path)) }

func pathOf(cursor string) (string, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(cursor) != base64.RawURLEncoding.EncodedLen(len(b)) { // encoding/base64 lets line breaks pass
		return "", galaxy.Errorf(galaxy.InvalidRequest, "cursor is not one that a list has answered")
	}
	return string(b), nil
}

func entitlementOf(e galaxy.Entitlement) api.Entitlement {
	return api.Entitlement{Tier: api.Tier(e.Tier), IsPaid: e.Paid, Source: e.Source, StartsAt: e.StartsAt, EndsAt: e.EndsAt,
		MaxRegisteredRaceNames: e.MaxRegisteredRaceNames, MaxOwnedPrivateGames: e.MaxOwnedPrivateGames, MaxActiveMemberships: e.MaxActiveMemberships}
}

func limitsOf(n galaxy.Numbers) api.Limits {
	return api.Limits{MaxRegisteredRaceNames: n.MaxRegisteredRaceNames, MaxOwnedPrivateGames: n.MaxOwnedPrivateGames, MaxActiveMemberships: n.MaxActiveMemberships}
}

func accountOf(a *galaxy.Account, now time.Time) api.Account {
	return api.Account{UserID: a.ID.UUID, Email: a.Email, UserName: a.UserName, DisplayName: a.DisplayName, PreferredLanguage: a.Language,
		TimeZone: a.TimeZone, DeclaredCountry: optional(a.Country), CreatedAt: a.CreatedAt, Entitlement: entitlementOf(a.Entitlement.At(now)),
		Limits: limitsOf(a.Numbers(now)), Sanctions: mapped(a.Active(now), func(s galaxy.Sanction) api.ActiveSanction {
			return api.ActiveSanction{Kind: api.SanctionKind(s.Kind), ReasonCode: s.ReasonCode, AppliedAt: s.AppliedAt, ExpiresAt: s.ExpiresAt}
		})}
}

func sessionsOf(sessions []galaxy.Session, current galaxy.SessionID) []api.Session {
	return mapped(sessions, func(s galaxy.Session) api.Session { return sessionOf(s, current) })
}

func sessionOf(s galaxy.Session, current galaxy.SessionID) api.Session {
	out := api.Session{DeviceSessionID: s.ID.UUID, DeviceName: s.DeviceName, Status: api.SessionStatusActive, Current: s.ID == current,
		CreatedAt: s.CreatedAt, LastSeenAt: s.LastSeenAt, RevokedAt: s.RevokedAt, RevokeReason: optional(string(s.RevokeReason))}
	if s.RevokedAt != nil {
		out.Status = api.SessionStatusRevoked
	}
	return out
}

func userOf(a galaxy.Account, now time.Time) api.UserSummary {
	return api.UserSummary{UserID: a.ID.UUID, Email: optional(a.Email), UserName: a.UserName, DisplayName: a.DisplayName, Status: api.UserStatus(a.Status(now)),
		Tier: api.Tier(a.Entitlement.At(now).Tier), DeclaredCountry: optional(a.Country), CreatedAt: a.CreatedAt}
}

func sanctionOf(s galaxy.Sanction, now time.Time) api.Sanction {
	return api.Sanction{SanctionID: s.ID.UUID, Kind: api.SanctionKind(s.Kind), ReasonCode: s.ReasonCode, Text: s.Note, Active: s.Active(now),
		AppliedBy: s.AppliedBy, AppliedAt: s.AppliedAt, ExpiresAt: s.ExpiresAt, LiftedBy: optional(s.LiftedBy), LiftedAt: s.LiftedAt, LiftReason: optional(s.LiftReason)}
}

func setLimitOf(l galaxy.Limit) api.SetLimit {
	return api.SetLimit{Name: api.LimitName(l.Name), Value: l.Value, ExpiresAt: l.ExpiresAt, SetBy: l.SetBy, SetAt: l.SetAt}
}

func tierOf(t galaxy.TierEntry) api.TierEntry {
	return api.TierEntry{Tier: api.Tier(t.Tier), Source: t.Source, StartsAt: t.StartsAt, EndsAt: t.EndsAt, SetBy: t.SetBy, SetAt: t.SetAt}
}

func userGameOf(g galaxy.UserGame) api.UserGame {
	return api.UserGame{GameID: g.Game, Name: g.Name, Status: api.GameStatus(g.Status), RaceName: g.Race, Membership: api.UserGameMembership(g.Seat),
		JoinedAt: g.JoinedAt, EndedAt: g.EndedAt}
}

func userApplicationOf(a galaxy.UserApplication) api.UserApplication {
	return api.UserApplication{GameID: a.Game, RaceName: a.Race, Status: api.ApplicationStatus(a.Status), CreatedAt: a.CreatedAt}
}

func userRaceNameOf(n galaxy.UserRaceName) api.UserRaceName {
	return api.UserRaceName{RaceName: n.Race, Status: api.UserRaceNameStatus(n.Status), Since: n.Since, ExpiresAt: n.ExpiresAt}
}

func countryOf(c galaxy.CountryCount) api.Country {
	return api.Country{Country: c.Country, Count: c.Count, FirstSeenAt: c.FirstSeenAt, LastSeenAt: c.LastSeenAt}
}

func routeOf(r galaxy.RouteSummary) api.Route {
	return api.Route{RouteID: r.ID, Kind: string(r.Kind), Channel: api.RouteChannel(r.Channel), State: api.RouteState(r.State), Attempts: r.Attempts,
		Detail: optional(r.Detail), CreatedAt: r.CreatedAt, SettledAt: r.SettledAt}
}

func auditOf(l galaxy.AuditLine) api.AuditLine {
	out := api.AuditLine{AuditID: l.ID, At: l.At, ActorKind: api.AuditLineActorKind(l.By.Kind), ActorID: l.By.ID, Action: l.Action, Subject: l.Subject,
		RequestID: optional(l.RequestID)}
	if l.Before != nil {
		out.Before = &l.Before
	}
	if l.After != nil {
		out.After = &l.After
	}
	return out
}

func actorOf(s kit.Stat) api.Actor {
	out := api.Actor{Kind: s.Kind, Path: s.ID, State: api.ActorState(s.State), MailboxDepth: s.Depth, Restarts: s.Restarts, StartedAt: s.Born}
	if f := s.Failure; f != nil {
		out.LastFailure = &api.ActorFailure{At: f.At, Message: f.Message, Cause: f.Cause}
	}
	return out
}

func detailOf(a galaxy.Account, h galaxy.UserHistory, sessions []galaxy.Session, now time.Time) api.UserDetail {
	return api.UserDetail{UserID: a.ID.UUID, Email: optional(a.Email), UserName: a.UserName, DisplayName: a.DisplayName, Status: api.UserStatus(a.Status(now)),
		Deletion: optional(string(a.Deletion)), PreferredLanguage: a.Language, TimeZone: a.TimeZone, DeclaredCountry: optional(a.Country),
		Entitlement: entitlementOf(a.Entitlement.At(now)), Limits: limitsOf(a.Numbers(now)), SetLimits: mapped(a.Limits, setLimitOf),
		EntitlementHistory: mapped(h.Tiers, tierOf), Sanctions: mapped(h.Sanctions, func(s galaxy.Sanction) api.Sanction { return sanctionOf(s, now) }),
		Sessions: sessionsOf(sessions, galaxy.SessionID{}), Games: mapped(h.Games, userGameOf), Applications: mapped(h.Applications, userApplicationOf),
		RaceNames: mapped(h.RaceNames, userRaceNameOf), Countries: mapped(h.Countries, countryOf),
		EmailOff:  mapped(a.EmailOff, func(k galaxy.Kind) string { return string(k) }),
		CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt, DeletedAt: a.DeletedAt}
}

func exportOf(a *galaxy.Account, e galaxy.UserExport, now time.Time) api.AccountExport {
	return api.AccountExport{Account: accountOf(a, now), Preferences: preferencesOf(a), Addresses: mapped(e.Addresses, func(s string) string { return s }),
		SetLimits: mapped(a.Limits, setLimitOf), EntitlementHistory: mapped(e.Tiers, tierOf),
		Sanctions: mapped(e.Sanctions, func(s galaxy.Sanction) api.ExportSanction {
			return api.ExportSanction{Kind: api.SanctionKind(s.Kind), ReasonCode: s.ReasonCode, Text: s.Note, AppliedAt: s.AppliedAt, ExpiresAt: s.ExpiresAt,
				LiftedAt: s.LiftedAt, LiftReason: optional(s.LiftReason)}
		}),
		Sessions: mapped(e.Sessions, func(s galaxy.Session) api.ExportSession {
			return api.ExportSession{DeviceSessionID: s.ID.UUID, ClientPublicKey: base64.StdEncoding.EncodeToString(s.Key[:]), DeviceName: s.DeviceName,
				CreatedAt: s.CreatedAt, LastSeenAt: s.LastSeenAt, RevokedAt: s.RevokedAt, RevokeReason: optional(string(s.RevokeReason))}
		}),
		Games: mapped(e.Games, userGameOf), Applications: mapped(e.Applications, userApplicationOf), RaceNames: mapped(e.RaceNames, userRaceNameOf),
		Countries: mapped(e.Countries, countryOf), Notifications: mapped(e.Routes, routeOf),
		Mails: mapped(e.Mails, func(m galaxy.UserMail) api.ExportMail {
			return api.ExportMail{Kind: m.Template, To: m.To, State: m.State, CreatedAt: m.CreatedAt}
		}),
		Challenges: mapped(e.Challenges, func(c galaxy.UserChallenge) api.ExportChallenge {
			return api.ExportChallenge{Email: c.Email, Attempts: c.Attempts, CreatedAt: c.CreatedAt}
		}),
		Orders: mapped(e.Orders, func(o galaxy.UserOrders) api.ExportOrders {
			return api.ExportOrders{GameID: o.Game, Turn: o.Turn, RaceName: o.Race, Revision: o.Revision, StoredAt: o.StoredAt, Commands: api.Commands(o.Commands)}
		}),
		OwnedGames: mapped(e.Owned, summaryOf), Invites: mapped(e.Invites, inviteOf), RaceNameHistory: mapped(e.Names, nameEventOf),
		Actions: mapped(e.Actions, auditOf)}
}
