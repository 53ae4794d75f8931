package http

import (
	"context"

	"galaxy/backend/actors/game"
	"galaxy/backend/actors/kit"
	"galaxy/backend/api"
	"galaxy/backend/galaxy"
)

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
