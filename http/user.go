package http

import (
	"context"

	"galaxy/backend/actors/game"
	"galaxy/backend/actors/kit"
	"galaxy/backend/api"
	"galaxy/backend/galaxy"
)

func (h *handlers) ListLobbyGames(ctx context.Context, r api.ListLobbyGamesRequestObject) (api.ListLobbyGamesResponseObject, error) {
	page, err := h.games(ctx, galaxy.GameFilter{Visibility: galaxy.Public, Statuses: statusesOf(r.Params.Status, visibleStatuses)}, pageOf(r.Params.Limit, r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	return api.ListLobbyGames200JSONResponse(page), nil
}

// visibleStatuses are those of the games that players see before they are in: drafts are their makers' alone.
var visibleStatuses = []galaxy.GameStatus{galaxy.EnrollmentOpen, galaxy.ReadyToStart, galaxy.Starting, galaxy.StartFailed, galaxy.Running,
	galaxy.Paused, galaxy.Finished, galaxy.Cancelled}

func (h *handlers) games(ctx context.Context, f galaxy.GameFilter, p galaxy.Page) (api.GamePage, error) {
	if f.Statuses != nil && len(f.Statuses) == 0 {
		return api.GamePage{Items: []api.Game{}}, nil
	}
	found, next, err := h.Store.ListGames(living(ctx), f, p)
	if err != nil {
		return api.GamePage{}, err
	}
	page := api.GamePage{Items: make([]api.Game, 0, len(found)), NextCursor: optional(next)}
	for _, g := range found {
		page.Items = append(page.Items, summaryOf(g))
	}
	return page, nil
}

func (h *handlers) GetLobbyGame(ctx context.Context, r api.GetLobbyGameRequestObject) (api.GetLobbyGameResponseObject, error) {
	g, err := h.lobbyGame(ctx, gameID(r.GameID))
	if err != nil {
		return nil, err
	}
	return api.GetLobbyGame200JSONResponse{Body: gameOf(g), Headers: api.GetLobbyGame200ResponseHeaders{ETag: etag(g)}}, nil
}

// lobbyGame gives a game that every player may see; any other is not there for them.
func (h *handlers) lobbyGame(ctx context.Context, id galaxy.GameID) (galaxy.Game, error) {
	g, err := kit.Ask(living(ctx), h.Games.Ref(id), game.Get{})
	if err == nil && (g.Visibility != galaxy.Public || g.Status == galaxy.Draft) {
		return galaxy.Game{}, galaxy.Errorf(galaxy.NotFound, "there is no such game")
	}
	return g, err
}

func (h *handlers) ApplyToGame(ctx context.Context, r api.ApplyToGameRequestObject) (api.ApplyToGameResponseObject, error) {
	if _, err := h.lobbyGame(ctx, gameID(r.GameID)); err != nil {
		return nil, err
	}
	a, err := kit.Ask(living(ctx), h.Games.Ref(gameID(r.GameID)), game.Apply{User: caller(ctx), Race: r.Body.RaceName,
		Idempotency: idempotency(ctx, r.Params.IdempotencyKey), RequestID: requestID(ginOf(ctx))})
	if err != nil {
		return nil, err
	}
	return api.ApplyToGame201JSONResponse(applicationOf(a)), nil
}

func (h *handlers) ListOwnApplications(ctx context.Context, r api.ListOwnApplicationsRequestObject) (api.ListOwnApplicationsResponseObject, error) {
	if _, err := h.lobbyGame(ctx, gameID(r.GameID)); err != nil {
		return nil, err
	}
	user := caller(ctx)
	page, err := h.applications(ctx, galaxy.ApplicationFilter{Game: gameID(r.GameID), User: &user}, pageOf(r.Params.Limit, r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	return api.ListOwnApplications200JSONResponse(page), nil
}

func (h *handlers) applications(ctx context.Context, f galaxy.ApplicationFilter, p galaxy.Page) (api.ApplicationPage, error) {
	found, next, err := h.Store.ListApplications(living(ctx), f, p)
	if err != nil {
		return api.ApplicationPage{}, err
	}
	page := api.ApplicationPage{Items: make([]api.Application, 0, len(found)), NextCursor: optional(next)}
	for _, a := range found {
		page.Items = append(page.Items, applicationOf(a))
	}
	return page, nil
}

func (h *handlers) GetGameState(ctx context.Context, r api.GetGameStateRequestObject) (api.GetGameStateResponseObject, error) {
	v, err := kit.Ask(living(ctx), h.Games.Ref(gameID(r.GameID)), game.View{User: caller(ctx)})
	if err != nil {
		return nil, err
	}
	return api.GetGameState200JSONResponse(stateOf(v)), nil
}

func (h *handlers) PutOrders(ctx context.Context, r api.PutOrdersRequestObject) (api.PutOrdersResponseObject, error) {
	commands, err := galaxy.SplitCommands(r.Body.Commands)
	if err != nil {
		return nil, err
	}
	done, err := kit.Ask(living(ctx), h.Games.Ref(gameID(r.GameID)), game.PutOrders{User: caller(ctx), Turn: int(r.Body.Turn), Expected: r.Body.ExpectedRevision,
		Commands: commands, Raw: r.Body.Commands})
	if err != nil {
		return nil, err
	}
	answer := api.PutOrders200JSONResponse{Turn: done.Turn, Revision: done.Revision, Accepted: done.Result.Accepted, Rejected: done.Result.Rejected,
		Results: make([]api.CommandResult, 0, len(done.Result.Results))}
	for _, c := range done.Result.Results {
		answer.Results = append(answer.Results, api.CommandResult{Index: c.Index, Applied: c.Applied, ErrorCode: optional(c.ErrorCode), Message: optional(c.Message)})
	}
	return answer, nil
}

func (h *handlers) GetOrders(ctx context.Context, r api.GetOrdersRequestObject) (api.GetOrdersResponseObject, error) {
	held, err := kit.Ask(living(ctx), h.Games.Ref(gameID(r.GameID)), game.GetOrders{User: caller(ctx)})
	if err != nil {
		return nil, err
	}
	return ordersJSON(held)
}

func (h *handlers) GetReport(ctx context.Context, r api.GetReportRequestObject) (api.GetReportResponseObject, error) {
	report, err := kit.Ask(living(ctx), h.Games.Ref(gameID(r.GameID)), game.GetReport{User: caller(ctx), Turn: int(r.Turn)})
	if err != nil {
		return nil, err
	}
	return verbatim(report), nil
}
