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
	return api.GetGameState200JSONResponse(stateOf(v, h.moment())), nil
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
	return api.PutOrders200JSONResponse{Turn: done.Turn, Revision: done.Revision, Accepted: done.Result.Accepted, Rejected: done.Result.Rejected,
		Results: mapped(done.Result.Results, commandResultOf)}, nil
}

func commandResultOf(c galaxy.CommandResult) api.CommandResult {
	return api.CommandResult{Index: c.Index, Applied: c.Applied, ErrorCode: optional(c.ErrorCode), Message: optional(c.Message)}
}

func (h *handlers) SendCommands(ctx context.Context, r api.SendCommandsRequestObject) (api.SendCommandsResponseObject, error) {
	commands, err := galaxy.SplitCommands(r.Body.Commands)
	if err != nil {
		return nil, err
	}
	batch := deref(r.Body.BatchID)
	if batch == "" {
		batch = galaxy.NewID().String()
	}
	done, err := kit.Ask(living(ctx), h.Games.Ref(gameID(r.GameID)), game.PutCommands{User: caller(ctx), Turn: int(r.Body.Turn), Batch: batch,
		Commands: commands, Raw: r.Body.Commands})
	if err != nil {
		return nil, err
	}
	return api.SendCommands200JSONResponse{Turn: done.Turn, BatchID: batch, Accepted: done.Result.Accepted, Rejected: done.Result.Rejected,
		Results: mapped(done.Result.Results, commandResultOf)}, nil
}

func (h *handlers) PutReady(ctx context.Context, r api.PutReadyRequestObject) (api.PutReadyResponseObject, error) {
	user := caller(ctx)
	g, err := kit.Ask(living(ctx), h.Games.Ref(gameID(r.GameID)), game.Ready{User: user, RequestID: requestID(ginOf(ctx)), Turn: int(r.Body.Turn), Ready: r.Body.Ready})
	if err != nil {
		return nil, err
	}
	seat, _ := g.SeatOf(user)
	now := readyOf(g, seat)
	return api.PutReady200JSONResponse{Turn: int(r.Body.Turn), Ready: now.Own, ReadyCount: now.ReadyCount, Of: now.Of, EarlyTurnAt: g.Runtime.EarlyAt}, nil
}

func (h *handlers) ListTimeline(ctx context.Context, r api.ListTimelineRequestObject) (api.ListTimelineResponseObject, error) {
	if _, err := kit.Ask(living(ctx), h.Games.Ref(gameID(r.GameID)), game.View{User: caller(ctx)}); err != nil {
		return nil, err
	}
	page, err := h.timeline(ctx, gameID(r.GameID), pageOf(r.Params.Limit, r.Params.Cursor), timelineEntryOf)
	return api.ListTimeline200JSONResponse(page), err
}

func (h *handlers) GetOrders(ctx context.Context, r api.GetOrdersRequestObject) (api.GetOrdersResponseObject, error) {
	held, err := kit.Ask(living(ctx), h.Games.Ref(gameID(r.GameID)), game.GetOrders{User: caller(ctx)})
	if err != nil {
		return nil, err
	}
	return ordersJSON(held)
}

func (h *handlers) GetReport(ctx context.Context, r api.GetReportRequestObject) (api.GetReportResponseObject, error) {
	for ask := (game.GetReport{User: caller(ctx), Turn: int(r.Turn)}); ; ask.Engine = true {
		report, err := kit.Ask(living(ctx), h.Games.Ref(gameID(r.GameID)), ask)
		if err == nil && report.Raw == nil {
			report.Raw, err = h.Store.Report(living(ctx), gameID(r.GameID), report.Epoch, int(r.Turn), report.Race)
			if report.MayLack && !ask.Engine && galaxy.Is(err, galaxy.NotFound) {
				continue
			}
		}
		if err != nil {
			return nil, err
		}
		return verbatim(report.Raw), nil
	}
}
