package http

import (
	"context"

	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/versions"
	"galaxy/backend/api"
	"galaxy/backend/galaxy"
)

func versionOf(v galaxy.EngineVersion) api.EngineVersion {
	return api.EngineVersion{Version: v.Version, ImageRef: v.ImageRef, Enabled: v.Enabled, ExpectedTurn: v.ExpectedTurn, Etag: *tag(v.Number), CreatedAt: v.CreatedAt}
}

// engineVersion asks the registry to do something and gives the entry that comes of it.
func (h *handlers) engineVersion(ctx context.Context, cmd kit.Command[galaxy.EngineVersion]) (api.EngineVersionJSONResponse, error) {
	v, err := kit.Ask(living(ctx), h.Versions, cmd)
	if err != nil {
		return api.EngineVersionJSONResponse{}, err
	}
	return api.EngineVersionJSONResponse{Body: versionOf(v), Headers: api.EngineVersionResponseHeaders{ETag: tag(v.Number)}}, nil
}

func (h *handlers) AdminListEngineVersions(ctx context.Context, _ api.AdminListEngineVersionsRequestObject) (api.AdminListEngineVersionsResponseObject, error) {
	known, err := kit.Ask(living(ctx), h.Versions, versions.List{})
	return api.AdminListEngineVersions200JSONResponse{Items: mapped(known, versionOf)}, err
}

func (h *handlers) AdminAddEngineVersion(ctx context.Context, r api.AdminAddEngineVersionRequestObject) (api.AdminAddEngineVersionResponseObject, error) {
	by := operator(ctx)
	v, err := h.engineVersion(ctx, versions.Add{By: by.Principal, RequestID: by.RequestID, Version: galaxy.EngineVersion{Version: r.Body.Version,
		ImageRef: r.Body.ImageRef, Enabled: r.Body.Enabled == nil || *r.Body.Enabled, ExpectedTurn: deref(r.Body.ExpectedTurn),
		Idempotency: idempotency(ctx, r.Params.IdempotencyKey)}})
	return api.AdminAddEngineVersion201JSONResponse{EngineVersionJSONResponse: v}, err
}

func (h *handlers) AdminEditEngineVersion(ctx context.Context, r api.AdminEditEngineVersionRequestObject) (api.AdminEditEngineVersionResponseObject, error) {
	by := operator(ctx)
	v, err := h.engineVersion(ctx, versions.Edit{By: by.Principal, RequestID: by.RequestID, Version: r.Version, Number: version(r.Params.IfMatch),
		Edit: galaxy.VersionEdit{ImageRef: r.Body.ImageRef, Enabled: r.Body.Enabled, ExpectedTurn: r.Body.ExpectedTurn}})
	return api.AdminEditEngineVersion200JSONResponse{EngineVersionJSONResponse: v}, err
}
