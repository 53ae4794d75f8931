package http

import (
	"context"

	"galaxy/backend/actors/game"
	"galaxy/backend/actors/kit"
	"galaxy/backend/api"
	"galaxy/backend/galaxy"
)

// adminGame asks a game to do something and gives it as operators see it.
func (h *handlers) adminGame(ctx context.Context, id galaxy.GameID, cmd kit.Command[galaxy.Game]) (api.AdminGameJSONResponse, error) {
	g, err := kit.Ask(living(ctx), h.Games.Ref(id), cmd)
	if err != nil {
		return api.AdminGameJSONResponse{}, err
	}
	return api.AdminGameJSONResponse{Body: adminGameOf(g, h.moment()), Headers: api.AdminGameResponseHeaders{ETag: etag(g)}}, nil
}

func (h *handlers) AdminCreateGame(ctx context.Context, r api.AdminCreateGameRequestObject) (api.AdminCreateGameResponseObject, error) {
	g, err := h.adminGame(ctx, gameID(galaxy.NewID()), game.Create{By: operator(ctx), Visibility: galaxy.Public, Idempotency: idempotency(ctx, r.Params.IdempotencyKey), Spec: specOf(*r.Body)})
	return api.AdminCreateGame201JSONResponse{AdminGameJSONResponse: g}, err
}

func (h *handlers) AdminListGames(ctx context.Context, r api.AdminListGamesRequestObject) (api.AdminListGamesResponseObject, error) {
	page, err := h.games(ctx, galaxy.GameFilter{Visibility: galaxy.Visibility(deref(r.Params.Visibility)), Statuses: statusesOf(r.Params.Status, nil),
		Text: deref(r.Params.Text)}, pageOf(r.Params.Limit, r.Params.Cursor))
	return api.AdminListGames200JSONResponse(page), err
}

func (h *handlers) AdminGetGame(ctx context.Context, r api.AdminGetGameRequestObject) (api.AdminGetGameResponseObject, error) {
	g, err := h.adminGame(ctx, gameID(r.GameID), game.Get{})
	return api.AdminGetGame200JSONResponse{AdminGameJSONResponse: g}, err
}

func (h *handlers) AdminOpenEnrollment(ctx context.Context, r api.AdminOpenEnrollmentRequestObject) (api.AdminOpenEnrollmentResponseObject, error) {
	g, err := h.adminGame(ctx, gameID(r.GameID), game.OpenEnrollment{By: operator(ctx), EndsAt: utc(r.Body.EnrollmentEndsAt)})
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

func (h *handlers) AdminMoveDeadline(ctx context.Context, r api.AdminMoveDeadlineRequestObject) (api.AdminMoveDeadlineResponseObject, error) {
	g, err := h.adminGame(ctx, gameID(r.GameID), game.MoveDeadline{By: operator(ctx), Turn: int(r.Body.Turn), At: *utc(&r.Body.Deadline)})
	return api.AdminMoveDeadline200JSONResponse{AdminGameJSONResponse: g}, err
}

func (h *handlers) AdminListApplications(ctx context.Context, r api.AdminListApplicationsRequestObject) (api.AdminListApplicationsResponseObject, error) {
	if _, err := kit.Ask(living(ctx), h.Games.Ref(gameID(r.GameID)), game.Get{}); err != nil {
		return nil, err
	}
	f := galaxy.ApplicationFilter{Game: new(gameID(r.GameID)), Status: galaxy.ApplicationStatus(deref(r.Params.Status))}
	page, err := h.applications(ctx, f, pageOf(r.Params.Limit, r.Params.Cursor))
	return api.AdminListApplications200JSONResponse(page), err
}

func (h *handlers) AdminApproveApplication(ctx context.Context, r api.AdminApproveApplicationRequestObject) (api.AdminApproveApplicationResponseObject, error) {
	a, err := h.application(ctx, r.GameID, game.Approve{By: operator(ctx), Application: galaxy.ApplicationID{UUID: r.ApplicationID}})
	return api.AdminApproveApplication200JSONResponse(a), err
}

func (h *handlers) AdminRejectApplication(ctx context.Context, r api.AdminRejectApplicationRequestObject) (api.AdminRejectApplicationResponseObject, error) {
	a, err := h.application(ctx, r.GameID, game.Reject{By: operator(ctx), Application: galaxy.ApplicationID{UUID: r.ApplicationID}})
	return api.AdminRejectApplication200JSONResponse(a), err
}

func (h *handlers) AdminUpdateGame(ctx context.Context, r api.AdminUpdateGameRequestObject) (api.AdminUpdateGameResponseObject, error) {
	g, err := h.adminGame(ctx, gameID(r.GameID), game.Edit{By: operator(ctx), Version: version(r.Params.IfMatch), Edit: editOf(*r.Body)})
	return api.AdminUpdateGame200JSONResponse{AdminGameJSONResponse: g}, err
}

func (h *handlers) AdminStart(ctx context.Context, r api.AdminStartRequestObject) (api.AdminStartResponseObject, error) {
	g, err := h.adminGame(ctx, gameID(r.GameID), game.Begin{By: operator(ctx)})
	return api.AdminStart200JSONResponse{AdminGameJSONResponse: g}, err
}

func (h *handlers) AdminRetryStart(ctx context.Context, r api.AdminRetryStartRequestObject) (api.AdminRetryStartResponseObject, error) {
	g, err := h.adminGame(ctx, gameID(r.GameID), game.Begin{By: operator(ctx), Retry: true})
	return api.AdminRetryStart200JSONResponse{AdminGameJSONResponse: g}, err
}

func (h *handlers) AdminPause(ctx context.Context, r api.AdminPauseRequestObject) (api.AdminPauseResponseObject, error) {
	g, err := h.adminGame(ctx, gameID(r.GameID), game.Pause{By: operator(ctx)})
	return api.AdminPause200JSONResponse{AdminGameJSONResponse: g}, err
}

func (h *handlers) AdminResume(ctx context.Context, r api.AdminResumeRequestObject) (api.AdminResumeResponseObject, error) {
	g, err := h.adminGame(ctx, gameID(r.GameID), game.Resume{By: operator(ctx)})
	return api.AdminResume200JSONResponse{AdminGameJSONResponse: g}, err
}

func (h *handlers) AdminCancel(ctx context.Context, r api.AdminCancelRequestObject) (api.AdminCancelResponseObject, error) {
	g, err := h.adminGame(ctx, gameID(r.GameID), game.Cancel{By: operator(ctx), Reason: deref(r.Body.Reason)})
	return api.AdminCancel200JSONResponse{AdminGameJSONResponse: g}, err
}

func (h *handlers) AdminTransfer(ctx context.Context, r api.AdminTransferRequestObject) (api.AdminTransferResponseObject, error) {
	g, err := h.adminGame(ctx, gameID(r.GameID), game.Transfer{By: operator(ctx), To: galaxy.UserID{UUID: r.Body.UserID}})
	return api.AdminTransfer200JSONResponse{AdminGameJSONResponse: g}, err
}

func (h *handlers) AdminBanMember(ctx context.Context, r api.AdminBanMemberRequestObject) (api.AdminBanMemberResponseObject, error) {
	id := gameID(r.GameID)
	if _, err := kit.Ask(living(ctx), h.Games.Ref(id), game.Ban{By: operator(ctx), User: galaxy.UserID{UUID: r.Body.UserID}, Reason: deref(r.Body.Reason)}); err != nil {
		return nil, err
	}
	g, err := h.adminGame(ctx, id, game.Get{})
	return api.AdminBanMember200JSONResponse{AdminGameJSONResponse: g}, err
}
