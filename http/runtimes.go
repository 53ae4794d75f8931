package http

import (
	"context"

	"galaxy/backend/actors/game"
	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/reconciler"
	"galaxy/backend/api"
	"galaxy/backend/galaxy"
)

// runtime asks a game to do something and gives its engine as operators see it.
func (h *handlers) runtime(ctx context.Context, id galaxy.GameID, cmd kit.Command[galaxy.Game]) (api.RuntimeJSONResponse, error) {
	g, err := kit.Ask(living(ctx), h.Games.Ref(id), cmd)
	if err != nil {
		return api.RuntimeJSONResponse{}, err
	}
	return api.RuntimeJSONResponse(runtimeOf(g, h.moment())), nil
}

// moment is what explains why a game waits, beside the game.
func (h *handlers) moment() galaxy.Moment {
	return galaxy.Moment{Now: h.Now(), DiskLow: h.System.Disk.Low()}
}

func (h *handlers) AdminListRuntimes(ctx context.Context, r api.AdminListRuntimesRequestObject) (api.AdminListRuntimesResponseObject, error) {
	f := galaxy.RuntimeFilter{Status: galaxy.RuntimeStatus(deref(r.Params.Status)), Why: galaxy.WhyCode(deref(r.Params.Why))}
	found, next, err := h.Store.ListRuntimes(living(ctx), f, pageOf(r.Params.Limit, r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	m := h.moment()
	return api.AdminListRuntimes200JSONResponse{Items: mapped(found, func(g galaxy.Game) api.Runtime { return runtimeOf(g, m) }), NextCursor: optional(next)}, nil
}

func (h *handlers) AdminGetRuntime(ctx context.Context, r api.AdminGetRuntimeRequestObject) (api.AdminGetRuntimeResponseObject, error) {
	out, err := h.runtime(ctx, gameID(r.GameID), game.Get{})
	return api.AdminGetRuntime200JSONResponse{RuntimeJSONResponse: out}, err
}

func (h *handlers) AdminForceNextTurn(ctx context.Context, r api.AdminForceNextTurnRequestObject) (api.AdminForceNextTurnResponseObject, error) {
	out, err := h.runtime(ctx, gameID(r.GameID), game.ForceNextTurn{By: operator(ctx), Turn: int(r.Body.Turn)})
	return api.AdminForceNextTurn200JSONResponse{RuntimeJSONResponse: out}, err
}

func (h *handlers) AdminRestartRuntime(ctx context.Context, r api.AdminRestartRuntimeRequestObject) (api.AdminRestartRuntimeResponseObject, error) {
	out, err := h.runtime(ctx, gameID(r.GameID), game.Restart{By: operator(ctx)})
	return api.AdminRestartRuntime200JSONResponse{RuntimeJSONResponse: out}, err
}

func (h *handlers) AdminPatchRuntime(ctx context.Context, r api.AdminPatchRuntimeRequestObject) (api.AdminPatchRuntimeResponseObject, error) {
	out, err := h.runtime(ctx, gameID(r.GameID), game.Patch{By: operator(ctx), Version: r.Body.Version})
	return api.AdminPatchRuntime200JSONResponse{RuntimeJSONResponse: out}, err
}

// usualTail is how many lines of an engine's log are shown.
const usualTail = 200

func (h *handlers) AdminGetLogs(ctx context.Context, r api.AdminGetLogsRequestObject) (api.AdminGetLogsResponseObject, error) {
	id, tail := gameID(r.GameID), usualTail
	if r.Params.Tail != nil {
		tail = *r.Params.Tail
	}
	if _, err := kit.Ask(living(ctx), h.Games.Ref(id), game.Get{}); err != nil {
		return nil, err
	}
	log, err := kit.Ask(living(ctx), h.Reconciler, reconciler.Logs{Game: id, Tail: tail})
	return api.AdminGetLogs200JSONResponse{GameID: r.GameID, Log: log}, err
}

func (h *handlers) AdminListOrphans(ctx context.Context, _ api.AdminListOrphansRequestObject) (api.AdminListOrphansResponseObject, error) {
	found, err := kit.Ask(living(ctx), h.Reconciler, reconciler.Orphans{})
	return api.AdminListOrphans200JSONResponse{Items: mapped(found, orphanOf)}, err
}

func (h *handlers) AdminListTimeline(ctx context.Context, r api.AdminListTimelineRequestObject) (api.AdminListTimelineResponseObject, error) {
	if _, err := kit.Ask(living(ctx), h.Games.Ref(gameID(r.GameID)), game.Get{}); err != nil {
		return nil, err
	}
	page, err := h.timeline(ctx, gameID(r.GameID), pageOf(r.Params.Limit, r.Params.Cursor), func(e galaxy.TimelineEntry) api.TimelineEntry {
		out := timelineEntryOf(e)
		out.By = new(e.By.Actor())
		return out
	})
	return api.AdminListTimeline200JSONResponse(page), err
}

// timeline gives a page of a game's timeline, as somebody sees it.
func (h *handlers) timeline(ctx context.Context, id galaxy.GameID, p galaxy.Page, see func(galaxy.TimelineEntry) api.TimelineEntry) (api.TimelinePage, error) {
	found, next, err := h.Store.Timeline(living(ctx), id, p)
	return api.TimelinePage{Items: mapped(found, see), NextCursor: optional(next)}, err
}
