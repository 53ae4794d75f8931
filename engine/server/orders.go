package server

import (
	"slices"

	"galaxy/backend/engine/disk"
	"galaxy/backend/engine/rules"
	"galaxy/backend/engineapi"
)

// order replaces a race's list. Every command is tried on a copy of the state; those that are refused are answered so
// and kept out, so that what is accepted is what will be applied.
func (e *Engine) order(in engineapi.OrderRequest) (engineapi.Results, *failure) {
	e.mu.Lock()
	defer e.mu.Unlock()
	race, now, bad := e.preparing(in.RaceName, in.Turn, len(in.Commands))
	if bad != nil {
		return engineapi.Results{}, bad
	}
	if in.ExpectedRevision != nil && *in.ExpectedRevision != now.Revision {
		f := fail(409, engineapi.CodeRevision, "revision %d is stored, not %d", now.Revision, *in.ExpectedRevision)
		f.Details = map[string]any{"revision": now.Revision}
		return engineapi.Results{}, f
	}
	next := *now
	next.Commands = nil
	outcomes := e.game.State.Try(in.RaceName, append(next.All(), in.Commands...))[len(next.All()):]
	for i, o := range outcomes {
		if o.Applied {
			next.Commands = append(next.Commands, in.Commands[i])
		}
	}
	next.Revision++
	return e.keep(race, &next, outcomes)
}

// command adds a batch: all of it or, when one command is refused, nothing.
func (e *Engine) command(in engineapi.CommandRequest) (engineapi.Results, *failure) {
	e.mu.Lock()
	defer e.mu.Unlock()
	race, now, bad := e.preparing(in.RaceName, in.Turn, len(in.Commands))
	if bad != nil {
		return engineapi.Results{}, bad
	}
	if i := slices.IndexFunc(now.Batches, func(b disk.Batch) bool { return in.BatchID != "" && b.ID == in.BatchID }); i >= 0 {
		return results(now.Turn, now.Batches[i].Revision, applied(len(now.Batches[i].Commands))), nil
	}
	next := *now
	earlier := next.Batched()
	outcomes := e.game.State.Try(in.RaceName, append(earlier, in.Commands...))[len(earlier):]
	if slices.ContainsFunc(outcomes, func(o rules.Outcome) bool { return !o.Applied }) {
		for i := range outcomes {
			if outcomes[i].Applied {
				outcomes[i] = rules.Outcome{Code: "batch_refused", Message: "another command of the batch was refused"}
			}
		}
		return results(now.Turn, now.Revision, outcomes), nil
	}
	next.Revision++
	next.Batches = append(slices.Clone(now.Batches), disk.Batch{ID: in.BatchID, Commands: in.Commands, Revision: next.Revision})
	return e.keep(race, &next, outcomes)
}

// preparing gives the race, and what it wants so far of the turn being prepared. It needs mu.
func (e *Engine) preparing(name string, turn, commands int) (*rules.Race, *disk.Pending, *failure) {
	if bad := e.writable(); bad != nil {
		return nil, nil, bad
	}
	race, prepared := e.game.State.Race(name), e.game.State.Turn+1
	switch {
	case race == nil:
		return nil, nil, fail(404, engineapi.CodeRaceUnknown, "there is no race %q", name)
	case race.Extinct || race.Banished:
		return nil, nil, fail(403, engineapi.CodeRaceExtinct, "race %q is out of the game", name)
	case turn != prepared:
		return nil, nil, fail(409, engineapi.CodeTurnMismatch, "turn %d is being prepared, not %d", prepared, turn)
	case commands > engineapi.MaxCommands:
		return nil, nil, fail(422, engineapi.CodeTooManyCommands, "a list has at most %d commands", engineapi.MaxCommands)
	}
	now := e.pending[name]
	if now == nil {
		now = &disk.Pending{Race: name, Turn: prepared}
	}
	return race, now, nil
}

// keep stores what a race wants, and then answers.
func (e *Engine) keep(race *rules.Race, p *disk.Pending, outcomes []rules.Outcome) (engineapi.Results, *failure) {
	p.At = e.now()
	if err := e.dir.SaveOrders(race.ID, *p); err != nil {
		return engineapi.Results{}, e.storage(err)
	}
	e.pending[race.Name] = p
	return results(p.Turn, p.Revision, outcomes), nil
}

func results(turn int, revision int64, outcomes []rules.Outcome) engineapi.Results {
	r := engineapi.Results{Turn: turn, Revision: revision, Results: []engineapi.Result{}}
	for i, o := range outcomes {
		if o.Applied {
			r.Accepted++
		} else {
			r.Rejected++
		}
		r.Results = append(r.Results, engineapi.Result{Index: i, Applied: o.Applied, ErrorCode: o.Code, Message: o.Message})
	}
	return r
}

func applied(n int) []rules.Outcome {
	out := make([]rules.Outcome, n)
	for i := range out {
		out[i].Applied = true
	}
	return out
}
