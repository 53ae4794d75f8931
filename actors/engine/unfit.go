package engine

import (
	"context"
	"errors"
	"net/http"

	"galaxy/backend/galaxy"
)

// unfitError: the engine does not take the game, and would not if it were asked again.
type unfitError struct{ cause string }

func (e *unfitError) Error() string { return "the engine does not take the game: " + e.cause }

// beginGame makes the game. An engine that says that it has done so need not show it; of one that says that there is
// a state already, or whose answer leaves doubt, the status decides. A refusal that cannot change is an unfitError.
func (a *driver) beginGame(ctx context.Context, address string) (galaxy.EngineStatus, error) {
	made, err := a.Client.Init(ctx, address, galaxy.EngineInit{Game: a.Game, Races: a.Races})
	var e *galaxy.EngineError
	switch {
	case err == nil && a.fresh(made):
		return made, nil
	case errors.As(err, &e) && e.Kind == galaxy.EngineRefused && e.Status != http.StatusConflict:
		return made, &unfitError{"init: " + e.Said()}
	case errors.As(err, &e) && e.Settled() && e.Kind != galaxy.EngineRefused:
		return made, err
	}
	s, look := a.ask(ctx, address)
	switch {
	case look == nil:
		return s, nil
	case err == nil && isEmpty(look):
		return s, &unfitError{"init was accepted, but the engine holds no game"}
	case err == nil:
		return s, look
	case isEmpty(look) && e != nil && (e.Kind == galaxy.EngineRefused || e.Kind == galaxy.EngineUnanswered && e.Status != 0):
		return s, &unfitError{"init: " + e.Said()}
	}
	return s, err
}

// unfitFor is the error of an engine that is asked what it holds, and answers all the time what is not of the
// contract. The game of one that has run is not given up for that: it showed better once.
func unfitFor(err error, ran bool) error {
	var e *galaxy.EngineError
	if ran || !errors.As(err, &e) || e.Status == 0 || e.Kind != galaxy.EngineRefused && e.Kind != galaxy.EngineUnanswered {
		return err
	}
	return &unfitError{string(e.Call) + ": " + e.Said()}
}
