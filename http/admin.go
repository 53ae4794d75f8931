package http

import (
	"context"

	"galaxy/backend/actors/game"
	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/versions"
	"galaxy/backend/api"
	"galaxy/backend/galaxy"
)

// adminGame asks a game to do something and gives it as operators see it.
func (h *handlers) adminGame(ctx context.Context, id galaxy.GameID, cmd kit.Command[galaxy.Game]) (api.AdminGameJSONResponse, error) {
	g, err := kit.Ask(living(ctx), h.Games.Ref(id), cmd)
	if err != nil {
		return api.AdminGameJSONResponse{}, err
	}
	return api.AdminGameJSONResponse{Body: adminGameOf(g), Headers: api.AdminGameResponseHeaders{ETag: etag(g)}}, nil
}

func (h *handlers) AdminCreateGame(ctx context.Context, r api.AdminCreateGameRequestObject) (api.AdminCreateGameResponseObject, error) {
	b := r.Body
	g, err := h.adminGame(ctx, gameID(galaxy.NewID()), game.Create{By: operator(ctx), Visibility: galaxy.Public, Idempotency: idempotency(ctx, r.Params.IdempotencyKey),
		Spec: galaxy.GameSpec{Name: b.Name, Description: deref(b.Description), MinPlayers: b.MinPlayers, MaxPlayers: b.MaxPlayers,
			Schedule: galaxy.Schedule{Cron: b.TurnSchedule, Zone: deref(b.ScheduleTimeZone)}, TargetVersion: deref(b.TargetEngineVersion)}})
	return api.AdminCreateGame201JSONResponse{AdminGameJSONResponse: g}, err
}

func (h *handlers) AdminListGames(ctx context.Context, r api.AdminListGamesRequestObject) (api.AdminListGamesResponseObject, error) {
	page, err := h.games(ctx, galaxy.GameFilter{Statuses: statusesOf(r.Params.Status, nil)}, pageOf(r.Params.Limit, r.Params.Cursor))
	return api.AdminListGames200JSONResponse(page), err
}

func (h *handlers) AdminGetGame(ctx context.Context, r api.AdminGetGameRequestObject) (api.AdminGetGameResponseObject, error) {
	g, err := h.adminGame(ctx, gameID(r.GameID), game.Get{})
	return api.AdminGetGame200JSONResponse{AdminGameJSONResponse: g}, err
}

func (h *handlers) AdminOpenEnrollment(ctx context.Context, r api.AdminOpenEnrollmentRequestObject) (api.AdminOpenEnrollmentResponseObject, error) {
	g, err := h.adminGame(ctx, gameID(r.GameID), game.OpenEnrollment{By: operator(ctx), EndsAt: r.Body.EnrollmentEndsAt.UTC()})
	return api.AdminOpenEnrollment200JSONResponse{AdminGameJSONResponse: g}, err
}

func (h *handlers) AdminReadyToStart(ctx context.Context, r api.AdminReadyToStartRequestObject) (api.AdminReadyToStartResponseObject, error) {
	g, err := h.adminGame(ctx, gameID(r.GameID), game.ReadyToStart{By: operator(ctx)})
	return api.AdminReadyToStart200JSONResponse{AdminGameJSONResponse: g}, err
}

func (h *handlers) AdminForceStart(ctx context.Context, r api.AdminForceStartRequestObject) (api.AdminForceStartResponseObject, error) {
	g, err := h.adminGame(ctx, gameID(r.GameID), game.ForceStart{By: operator(ctx)})
	return api.AdminForceStart200JSONResponse{AdminGameJSONResponse: g}, err
}

func (h *handlers) AdminForceStop(ctx context.Context, r api.AdminForceStopRequestObject) (api.AdminForceStopResponseObject, error) {
	g, err := h.adminGame(ctx, gameID(r.GameID), game.ForceStop{By: operator(ctx)})
	return api.AdminForceStop200JSONResponse{AdminGameJSONResponse: g}, err
}

func (h *handlers) AdminListApplications(ctx context.Context, r api.AdminListApplicationsRequestObject) (api.AdminListApplicationsResponseObject, error) {
	if _, err := kit.Ask(living(ctx), h.Games.Ref(gameID(r.GameID)), game.Get{}); err != nil {
		return nil, err
	}
	f := galaxy.ApplicationFilter{Game: gameID(r.GameID)}
	if r.Params.Status != nil {
		f.Status = galaxy.ApplicationStatus(*r.Params.Status)
	}
	page, err := h.applications(ctx, f, pageOf(r.Params.Limit, r.Params.Cursor))
	return api.AdminListApplications200JSONResponse(page), err
}

func (h *handlers) AdminApproveApplication(ctx context.Context, r api.AdminApproveApplicationRequestObject) (api.AdminApproveApplicationResponseObject, error) {
	a, err := kit.Ask(living(ctx), h.Games.Ref(gameID(r.GameID)), game.Approve{By: operator(ctx), Application: galaxy.ApplicationID{UUID: r.ApplicationID}})
	return api.AdminApproveApplication200JSONResponse(applicationOf(a)), err
}

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
