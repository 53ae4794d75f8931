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
