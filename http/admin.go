package http

import (
	"context"

	"galaxy/backend/actors/game"
	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/versions"
	"galaxy/backend/api"
	"galaxy/backend/galaxy"
)

func (h *handlers) AdminGetRuntime(ctx context.Context, r api.AdminGetRuntimeRequestObject) (api.AdminGetRuntimeResponseObject, error) {
	g, err := kit.Ask(living(ctx), h.Games.Ref(gameID(r.GameID)), game.Get{})
	return api.AdminGetRuntime200JSONResponse{RuntimeJSONResponse: api.RuntimeJSONResponse(runtimeOf(g))}, err
}

func (h *handlers) AdminForceNextTurn(ctx context.Context, r api.AdminForceNextTurnRequestObject) (api.AdminForceNextTurnResponseObject, error) {
	g, err := kit.Ask(living(ctx), h.Games.Ref(gameID(r.GameID)), game.ForceNextTurn{By: operator(ctx), Turn: int(r.Body.Turn)})
	return api.AdminForceNextTurn200JSONResponse{RuntimeJSONResponse: api.RuntimeJSONResponse(runtimeOf(g))}, err
}

func (h *handlers) AdminListEngineVersions(ctx context.Context, _ api.AdminListEngineVersionsRequestObject) (api.AdminListEngineVersionsResponseObject, error) {
	known, err := kit.Ask(living(ctx), h.Versions, versions.List{})
	if err != nil {
		return nil, err
	}
	list := api.AdminListEngineVersions200JSONResponse{Items: make([]api.EngineVersion, 0, len(known))}
	for _, v := range known {
		list.Items = append(list.Items, versionOf(v))
	}
	return list, nil
}

func (h *handlers) AdminAddEngineVersion(ctx context.Context, r api.AdminAddEngineVersionRequestObject) (api.AdminAddEngineVersionResponseObject, error) {
	by := operator(ctx)
	v, err := kit.Ask(living(ctx), h.Versions, versions.Add{By: by.Principal, RequestID: by.RequestID, Version: galaxy.EngineVersion{Version: r.Body.Version,
		ImageRef: r.Body.ImageRef, Enabled: r.Body.Enabled == nil || *r.Body.Enabled, ExpectedTurn: r.Body.ExpectedTurn != nil && *r.Body.ExpectedTurn,
		Idempotency: idempotency(ctx, r.Params.IdempotencyKey)}})
	return api.AdminAddEngineVersion201JSONResponse(versionOf(v)), err
}
