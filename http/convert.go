package http

import (
	"slices"

	"galaxy/backend/actors/game"
	"galaxy/backend/api"
	"galaxy/backend/galaxy"
)

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// optional leaves out what is empty.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func turnOf(turn int) *int {
	if turn == galaxy.NoTurn {
		return nil
	}
	return &turn
}

func etag(g galaxy.Game) *string { return tag(g.Version) }

const defaultLimit = 50

func pageOf(limit *int, cursor *string) galaxy.Page {
	p := galaxy.Page{Limit: defaultLimit, Cursor: deref(cursor)}
	if limit != nil {
		p.Limit = *limit
	}
	return p
}

// statusesOf gives the statuses asked for, as far as the caller may see them. nil means all; an empty list means none.
func statusesOf(asked *[]api.GameStatus, visible []galaxy.GameStatus) []galaxy.GameStatus {
	if asked == nil {
		return visible
	}
	wanted := []galaxy.GameStatus{}
	for _, s := range *asked {
		if visible == nil || slices.Contains(visible, galaxy.GameStatus(s)) {
			wanted = append(wanted, galaxy.GameStatus(s))
		}
	}
	return wanted
}

func summaryOf(g galaxy.GameSummary) api.Game {
	return api.Game{GameID: g.ID.UUID, Visibility: api.Visibility(g.Visibility), Status: api.GameStatus(g.Status), Name: g.Name, Description: g.Description,
		MinPlayers: g.MinPlayers, MaxPlayers: g.MaxPlayers, Members: g.Members, EnrollmentEndsAt: g.EnrollmentEndsAt, TurnSchedule: g.Schedule.Cron,
		ScheduleTimeZone: g.Schedule.Zone, Turn: turnOf(g.Turn), Deadline: g.Deadline, CreatedAt: g.CreatedAt}
}

func gameOf(g galaxy.Game) api.Game {
	return summaryOf(galaxy.GameSummary{ID: g.ID, Visibility: g.Visibility, Status: g.Status, Name: g.Name, Description: g.Description,
		MinPlayers: g.MinPlayers, MaxPlayers: g.MaxPlayers, Members: len(g.Active()), EnrollmentEndsAt: g.EnrollmentEndsAt, Schedule: g.Schedule,
		Turn: g.Runtime.Turn, Deadline: g.Runtime.Deadline, CreatedAt: g.CreatedAt})
}

func applicationOf(a galaxy.Application) api.Application {
	return api.Application{ApplicationID: a.ID.UUID, GameID: a.Game.UUID, UserID: a.User.UUID, RaceName: a.Race, Status: api.ApplicationStatus(a.Status),
		CreatedAt: a.CreatedAt, DecidedAt: a.DecidedAt}
}

func adminGameOf(g galaxy.Game) api.AdminGame {
	out := api.AdminGame{GameID: g.ID.UUID, Visibility: api.Visibility(g.Visibility), Status: api.GameStatus(g.Status), Reason: optional(g.Reason), Name: g.Name,
		Description: g.Description, MinPlayers: g.MinPlayers, MaxPlayers: g.MaxPlayers, EnrollmentEndsAt: g.EnrollmentEndsAt, TurnSchedule: g.Schedule.Cron,
		ScheduleTimeZone: g.Schedule.Zone, TargetEngineVersion: optional(g.TargetVersion), CreatedBy: g.CreatedBy.Actor(), CreatedAt: g.CreatedAt,
		UpdatedAt: g.UpdatedAt, Members: make([]api.Membership, 0, len(g.Members)), Runtime: runtimeOf(g)}
	for _, m := range g.Members {
		out.Members = append(out.Members, api.Membership{MembershipID: m.ID.UUID, UserID: m.User.UUID, RaceName: m.Race,
			Status: api.MembershipStatus(m.Status), JoinedAt: m.JoinedAt, EndedAt: m.EndedAt})
	}
	return out
}

func runtimeOf(g galaxy.Game) api.Runtime {
	r := g.Runtime
	out := api.Runtime{GameID: g.ID.UUID, Status: api.RuntimeStatus(r.Status), EngineVersion: optional(r.EngineVersion), ImageRef: optional(r.ImageRef),
		Turn: turnOf(r.Turn), StateDigest: optional(r.Digest), Deadline: r.Deadline, Why: string(r.Why), WhyText: r.WhyText, WhySince: r.WhySince, StartedAt: r.StartedAt}
	if op := r.Op; op != nil {
		out.Operation = &api.Operation{Kind: api.OperationKind(op.Kind), Number: op.Number, Attempt: op.Attempt, Since: op.Since, By: op.By.Actor()}
		if op.Kind == galaxy.OpTurn {
			out.Operation.Turn = &op.Turn
		}
	}
	return out
}

func stateOf(v game.Viewed) api.GameState {
	g := v.Game
	out := api.GameState{GameID: g.ID.UUID, Status: api.GameStatus(g.Status), Reason: optional(g.Reason), Turn: turnOf(g.Runtime.Turn),
		NextTurnAt: g.Runtime.Deadline, OwnRace: v.Seat.Race, Races: make([]api.RaceState, 0, len(v.Players))}
	for _, p := range v.Players {
		out.Races = append(out.Races, api.RaceState{RaceName: p.Race, Planets: p.Planets, Population: p.Population, Industry: p.Industry,
			Ships: p.Ships, Votes: p.Votes, Extinct: p.Extinct})
	}
	return out
}

func versionOf(v galaxy.EngineVersion) api.EngineVersion {
	return api.EngineVersion{Version: v.Version, ImageRef: v.ImageRef, Enabled: v.Enabled, ExpectedTurn: v.ExpectedTurn, CreatedAt: v.CreatedAt}
}
