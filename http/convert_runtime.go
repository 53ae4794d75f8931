package http

import (
	"galaxy/backend/actors/game"
	"galaxy/backend/api"
	"galaxy/backend/galaxy"
)

// runtimeOf is a game's engine as operators see it.
func runtimeOf(g galaxy.Game, m galaxy.Moment) api.Runtime {
	r, e := g.Runtime, g.Explain(m)
	out := api.Runtime{GameID: g.ID.UUID, GameName: g.Name, GameStatus: api.GameStatus(g.Status), Status: api.RuntimeStatus(r.Status),
		DriverUnknown: r.Why == galaxy.WhyDriverUnknown, EngineVersion: optional(r.EngineVersion), ImageRef: optional(r.ImageRef),
		Turn: turnOf(r.Turn), Reports: turnOf(r.Reports), ReportGaps: gapsOf(r.Gaps), StateDigest: optional(r.Digest), Deadline: r.Deadline, EarlyAt: r.EarlyAt, Makeup: r.Makeup,
		ClosedSince: r.ClosedSince, Operation: operationOf(r.Op),
		Why: string(e.Code), WhyText: e.Text, WhySince: e.Since, Next: e.Next, NextAt: e.NextAt, StartedAt: r.StartedAt, EndedAt: r.EndedAt}
	if r.Remaining != nil {
		out.RemainingSeconds = new(int64(r.Remaining.Seconds()))
	}
	if r.Patch != nil {
		out.Patch = &api.OpenPatch{Version: r.Patch.EngineVersion, ImageRef: r.Patch.ImageRef}
	}
	if b := r.Broken; b != nil {
		out.ScheduleBroken = &api.ScheduleBroken{Since: b.Since, Cause: b.Words()}
	}
	if r.Writer != nil {
		out.StateVersion = &r.Writer.EngineVersion
	}
	if f := r.Failure; f != nil {
		out.Failure = &api.RuntimeFailure{At: f.At, Cause: f.Cause, Log: optional(f.Log)}
	}
	if races := g.Banished(); len(races) > 0 {
		out.BanishPending = &races
	}
	return out
}

func orphanOf(o galaxy.Orphan) api.Orphan {
	c := o.Container
	out := api.Orphan{ContainerID: c.ID, GameID: c.Game.UUID, ImageRef: c.ImageRef, State: api.OrphanState(c.State), Reason: o.Reason, Since: o.Since}
	if !c.StartedAt.IsZero() {
		out.StartedAt = &c.StartedAt
	}
	return out
}

func operationOf(op *galaxy.Operation) *api.Operation {
	if op == nil {
		return nil
	}
	out := &api.Operation{Kind: api.OperationKind(op.Kind), Number: op.Number, Attempt: op.Attempt, Since: op.Since, By: op.By.Actor()}
	if op.Turn > 0 {
		out.Turn, out.Cause, out.Deadline = &op.Turn, new(api.OperationCause(op.Cause)), op.Due
	}
	return out
}

// nextTurn gives the turn that a game prepares, if it prepares one.
func nextTurn(g galaxy.Game) *int {
	if g.Runtime.Turn == galaxy.NoTurn || g.Status == galaxy.Finished || g.Status == galaxy.Cancelled {
		return nil
	}
	return new(g.Runtime.Turn + 1)
}

// stateOf is a game as one of its members sees it.
func stateOf(v game.Viewed, m galaxy.Moment) api.GameState {
	g, e := v.Game, v.Game.Explain(m)
	out := api.GameState{GameID: g.ID.UUID, Status: api.GameStatus(g.Status), Reason: optional(g.Reason), Turn: turnOf(g.Runtime.Turn),
		Waiting:  api.Waiting{Code: string(e.Code), Text: e.Players.Text, Since: e.Since, Next: e.Players.Next, NextAt: e.NextAt},
		NextTurn: nextTurn(g), NextTurnAt: g.Runtime.DueAt(), EarlyTurn: g.EarlyTurn, EarlyTurnAt: g.Runtime.EarlyAt,
		OwnRace: v.Seat.Race, Races: make([]api.RaceState, 0, len(v.Players))}
	if out.NextTurn != nil && g.EarlyTurn {
		out.Ready = new(readyOf(g, v.Seat))
	}
	for _, p := range v.Players {
		out.Races = append(out.Races, api.RaceState{RaceName: p.Race, Planets: shown(p, galaxy.LacksPlanets, p.Planets),
			Population: shown(p, galaxy.LacksPopulation, p.Population), Industry: shown(p, galaxy.LacksIndustry, p.Industry),
			Ships: shown(p, galaxy.LacksShips, p.Ships), Votes: shown(p, galaxy.LacksVotes, p.Votes), Extinct: shown(p, galaxy.LacksExtinct, p.Extinct)})
	}
	return out
}

// shown gives what an engine shows of a race; nil when it does not show it.
func shown[T any](p galaxy.EnginePlayer, lacks galaxy.Lacks, v T) *T {
	if p.Lacks.Has(lacks) {
		return nil
	}
	return &v
}

// readyOf tells the member of a seat who is ready for the turn being prepared.
func readyOf(g galaxy.Game, seat galaxy.Membership) api.ReadyState {
	ready, of := g.ReadyState()
	out := api.ReadyState{ReadyCount: len(ready), Of: of}
	races := make([]string, 0, len(ready))
	for _, m := range ready {
		races = append(races, m.Race)
		out.Own = out.Own || m.ID == seat.ID
	}
	if g.ShowReady {
		out.Races = &races
	}
	return out
}

// timelineEntryOf is a line of the timeline as players see it: not who did what.
func timelineEntryOf(e galaxy.TimelineEntry) api.TimelineEntry {
	return api.TimelineEntry{Turn: e.Turn, Outcome: api.TimelineEntryOutcome(e.Outcome), Cause: e.Cause, Deadline: e.Deadline, At: e.At, LatenessMs: e.Lateness.Milliseconds()}
}
