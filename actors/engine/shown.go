package engine

import (
	"context"
	"net/http"

	"galaxy/backend/galaxy"
)

// shown asks an engine what it holds. A status that does not say which turn it is at says nothing.
func (a *driver) shown(ctx context.Context, address string) (galaxy.EngineStatus, error) {
	s, err := a.Client.Status(ctx, address)
	if err == nil && s.Turn == galaxy.NoTurn {
		err = &galaxy.EngineError{Kind: galaxy.EngineUnanswered, Call: galaxy.CallStatus, Status: http.StatusOK, Message: "the status names no turn"}
	}
	return s, err
}

// learnRevisions takes over the revisions that an engine shows. One that shows none counts none: whatever is put
// there replaces what it holds, and nothing tells one batch from another.
func (a *driver) learnRevisions(s galaxy.EngineStatus) {
	a.counts = false
	for _, p := range s.Players {
		if p.Lacks.Has(galaxy.LacksRevision) {
			delete(a.revisions, p.Race)
			continue
		}
		a.counts, a.revisions[p.Race] = true, p.OrderRevision
	}
}
