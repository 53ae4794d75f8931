package http

import (
	"time"

	"github.com/google/uuid"

	"galaxy/backend/api"
	"galaxy/backend/galaxy"
)

func summaryOf(g galaxy.GameSummary) api.Game {
	return api.Game{GameID: g.ID.UUID, Visibility: api.Visibility(g.Visibility), Status: api.GameStatus(g.Status), Name: g.Name, Description: g.Description,
		MinPlayers: g.MinPlayers, MaxPlayers: g.MaxPlayers, Members: g.Members, StartGapHours: g.StartGapHours, StartGapPlayers: g.StartGapPlayers,
		OwnerUserID: userIDOf(g.Owner), EnrollmentEndsAt: g.EnrollmentEndsAt, TurnSchedule: g.Schedule.Cron, ScheduleTimeZone: g.Schedule.Zone,
		Turn: turnOf(g.Turn), Deadline: g.Deadline, CreatedAt: g.CreatedAt}
}

func gameOf(g galaxy.Game) api.Game {
	out := summaryOf(galaxy.GameSummary{ID: g.ID, Visibility: g.Visibility, Status: g.Status, Name: g.Name, Description: g.Description,
		MinPlayers: g.MinPlayers, MaxPlayers: g.MaxPlayers, Members: len(g.Active()), StartGapHours: g.StartGapHours, StartGapPlayers: g.StartGapPlayers,
		Owner: g.Owner, EnrollmentEndsAt: g.EnrollmentEndsAt, Schedule: g.Schedule, Turn: g.Runtime.Turn, Deadline: g.Runtime.Deadline, CreatedAt: g.CreatedAt})
	out.StartsAt, out.OrderGraceSeconds = startsAt(g), secondsOf(g.OrderGrace)
	out.EarlyTurn, out.ShowReady, out.CatchUp = &g.EarlyTurn, &g.ShowReady, new(api.CatchUp(g.CatchUp))
	out.TargetEngineVersion, out.Reason = optional(g.TargetVersion), optional(g.Reason)
	return out
}

func userIDOf(id *galaxy.UserID) *uuid.UUID {
	if id == nil {
		return nil
	}
	return &id.UUID
}

// startsAt gives when a full game starts by itself.
func startsAt(g galaxy.Game) *time.Time {
	if g.GapSince == nil {
		return nil
	}
	return g.EnrollmentOver()
}

func secondsOf(d *time.Duration) *int {
	if d == nil {
		return nil
	}
	return new(int(d.Seconds()))
}

func applicationOf(a galaxy.Application) api.Application {
	return api.Application{ApplicationID: a.ID.UUID, GameID: a.Game.UUID, UserID: a.User.UUID, RaceName: a.Race, Status: api.ApplicationStatus(a.Status),
		CreatedAt: a.CreatedAt, DecidedAt: a.DecidedAt}
}

func inviteOf(i galaxy.Invite) api.Invite {
	out := api.Invite{InviteID: i.ID.UUID, GameID: i.Game.UUID, UserID: i.User.UUID, Status: api.InviteStatus(i.Status), RaceName: optional(i.Race),
		CreatedAt: i.CreatedAt, ExpiresAt: i.ExpiresAt, DecidedAt: i.DecidedAt}
	if inviter, ok := i.Inviter.UserID(); ok {
		out.InviterUserID = &inviter.UUID
	}
	return out
}

func membershipOf(m galaxy.Membership) api.Membership {
	return api.Membership{MembershipID: m.ID.UUID, UserID: m.User.UUID, RaceName: m.Race, Status: api.MembershipStatus(m.Status), JoinedAt: m.JoinedAt, EndedAt: m.EndedAt}
}

func membershipsOf(g galaxy.Game) []api.Membership {
	out := make([]api.Membership, 0, len(g.Members))
	for _, m := range g.Members {
		out = append(out, membershipOf(m))
	}
	return out
}

func adminGameOf(g galaxy.Game, m galaxy.Moment) api.AdminGame {
	return api.AdminGame{GameID: g.ID.UUID, Visibility: api.Visibility(g.Visibility), Status: api.GameStatus(g.Status), Reason: optional(g.Reason), Name: g.Name,
		Description: g.Description, MinPlayers: g.MinPlayers, MaxPlayers: g.MaxPlayers, StartGapHours: g.StartGapHours, StartGapPlayers: g.StartGapPlayers,
		StartsAt: startsAt(g), OwnerUserID: userIDOf(g.Owner), EnrollmentEndsAt: g.EnrollmentEndsAt, TurnSchedule: g.Schedule.Cron,
		ScheduleTimeZone: g.Schedule.Zone, OrderGraceSeconds: secondsOf(g.OrderGrace), TargetEngineVersion: optional(g.TargetVersion),
		EarlyTurn: g.EarlyTurn, ShowReady: g.ShowReady, CatchUp: api.CatchUp(g.CatchUp), CreatedBy: g.CreatedBy.Actor(), CreatedAt: g.CreatedAt, UpdatedAt: g.UpdatedAt, Members: membershipsOf(g), Runtime: runtimeOf(g, m)}
}
