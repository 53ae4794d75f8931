package enginetest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"galaxy/backend/engineapi"
	"galaxy/backend/galaxy"
)

type refusal struct {
	status int
	code   string
}

// do is what a well-behaved engine does.
func (e *Engines) do(id galaxy.GameID, operation string, r *http.Request) (any, *refusal) {
	e.mu.Lock()
	defer e.mu.Unlock()
	g := e.game(id)
	switch {
	case g.State != galaxy.ContainerRunning:
		return nil, nil
	case operation == Healthz:
		return map[string]string{"status": "ok"}, nil
	case operation == Init:
		return g.init(r)
	case g.Holds == galaxy.GameID{}:
		return nil, &refusal{http.StatusNotImplemented, engineapi.CodeNotInitialised}
	}
	switch operation {
	case Status:
		return g.status(), nil
	case Turn:
		return g.turn(r)
	case Banish:
		return g.banish(r)
	case Put:
		return g.put(r)
	case Command:
		return g.command(r)
	case Get:
		return g.Lists[r.URL.Query().Get("raceName")], nil
	case Report:
		return map[string]any{"turn": g.Turn, "race": r.URL.Query().Get("raceName")}, nil
	}
	return nil, &refusal{http.StatusNotFound, engineapi.CodeNotFound}
}

func (g *Game) init(r *http.Request) (any, *refusal) {
	var in engineapi.InitRequest
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return nil, &refusal{http.StatusBadRequest, engineapi.CodeInvalid}
	}
	if g.Holds != (galaxy.GameID{}) {
		return nil, &refusal{http.StatusConflict, engineapi.CodeInitialised}
	}
	if err := g.Holds.UnmarshalText([]byte(in.GameID)); err != nil {
		return nil, &refusal{http.StatusBadRequest, engineapi.CodeInvalid}
	}
	for _, race := range in.Races {
		g.Races = append(g.Races, race.RaceName)
	}
	g.Digest = fmt.Sprintf("%s@0", g.Holds)
	return g.status(), nil
}

func (g *Game) status() engineapi.Status {
	s := engineapi.Status{GameID: g.Holds.String(), EngineVersion: g.Version, EngineStatus: engineapi.StateRunning, CurrentTurn: g.Turn, StateDigest: g.Digest}
	if g.Busy {
		s.EngineStatus = engineapi.StateGenerating
	}
	if g.Over {
		s.EngineStatus, s.Finished = engineapi.StateFinished, true
	}
	for _, race := range g.Races {
		p := engineapi.Player{RaceName: race, Planets: 1, Population: 100, OrderRevision: g.Lists[race].Revision, Banished: g.Banned[race]}
		if g.Grown[race] {
			p.Planets, p.Population = 2, 200
		}
		s.Players = append(s.Players, p)
	}
	return s
}

func (g *Game) banish(r *http.Request) (any, *refusal) {
	var in engineapi.BanishRequest
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || !slices.Contains(g.Races, in.RaceName) {
		return nil, &refusal{http.StatusNotFound, engineapi.CodeRaceUnknown}
	}
	if g.Banned == nil {
		g.Banned = map[string]bool{}
	}
	g.Banned[in.RaceName] = true
	return map[string]any{}, nil
}

func (g *Game) turn(r *http.Request) (any, *refusal) {
	var in engineapi.TurnRequest
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return nil, &refusal{http.StatusBadRequest, engineapi.CodeInvalid}
	}
	switch {
	case g.Busy:
		return nil, &refusal{http.StatusConflict, engineapi.CodeTurnInProgress}
	case in.ExpectedTurn != nil && *in.ExpectedTurn == g.Turn-1:
		return engineapi.TurnResult{Status: g.status(), GeneratedTurn: g.Turn, Replayed: true}, nil
	case in.ExpectedTurn != nil && *in.ExpectedTurn != g.Turn:
		return nil, &refusal{http.StatusConflict, engineapi.CodeTurnMismatch}
	}
	g.Advance()
	return engineapi.TurnResult{Status: g.status(), GeneratedTurn: g.Turn}, nil
}

// Advance makes a turn.
func (g *Game) Advance() {
	g.Turn++
	g.Made = append(g.Made, maps.Clone(g.Lists))
	g.Over = g.Ends
	g.Digest = fmt.Sprintf("%s@%d", g.Holds, g.Turn)
	clear(g.Lists)
	clear(g.Batches)
}

// command takes a batch whole, unless one of its commands is to be refused. Its revision is that of the race's list.
func (g *Game) command(r *http.Request) (any, *refusal) {
	var in engineapi.CommandRequest
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return nil, &refusal{http.StatusBadRequest, engineapi.CodeInvalid}
	}
	key := in.RaceName + "/" + in.BatchID
	if out, ok := g.Batches[key]; ok {
		return out, nil
	}
	if in.Turn != g.Turn+1 {
		return nil, &refusal{http.StatusConflict, engineapi.CodeTurnMismatch}
	}
	held := g.Lists[in.RaceName]
	out := engineapi.Results{Turn: in.Turn, Revision: held.Revision}
	for i, command := range in.Commands {
		if strings.Contains(string(command), "refuse me") {
			out.Rejected = len(in.Commands)
		}
		out.Results = append(out.Results, engineapi.Result{Index: i})
	}
	if out.Rejected > 0 {
		return out, nil
	}
	for i := range out.Results {
		out.Results[i].Applied = true
	}
	held.Turn, held.Revision = in.Turn, held.Revision+1
	g.Lists[in.RaceName] = held
	out.Revision, out.Accepted = held.Revision, len(in.Commands)
	g.Batches[key] = out
	return out, nil
}

func (g *Game) put(r *http.Request) (any, *refusal) {
	var in engineapi.OrderRequest
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return nil, &refusal{http.StatusBadRequest, engineapi.CodeInvalid}
	}
	held := g.Lists[in.RaceName]
	switch {
	case in.Turn != g.Turn+1:
		return nil, &refusal{http.StatusConflict, engineapi.CodeTurnMismatch}
	case in.ExpectedRevision != nil && *in.ExpectedRevision != held.Revision:
		return nil, &refusal{http.StatusConflict, engineapi.CodeRevision}
	}
	held = engineapi.OrderList{Turn: in.Turn, Revision: held.Revision + 1, Commands: in.Commands}
	g.Lists[in.RaceName] = held
	out := engineapi.Results{Turn: in.Turn, Revision: held.Revision, Accepted: len(in.Commands)}
	for i, command := range in.Commands {
		out.Results = append(out.Results, engineapi.Result{Index: i, Applied: !strings.Contains(string(command), "refuse me")})
	}
	return out, nil
}
