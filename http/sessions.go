package http

import (
	"context"
	"encoding/base64"

	"github.com/google/uuid"

	"galaxy/backend/actors/account"
	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/session"
	"galaxy/backend/api"
	"galaxy/backend/galaxy"
)

var errNoSession = galaxy.Errorf(galaxy.NotFound, "there is no such session")

// GetSession answers for live sessions from memory. Of others the store knows whether they ever were.
func (h *handlers) GetSession(ctx context.Context, r api.GetSessionRequestObject) (api.GetSessionResponseObject, error) {
	id := galaxy.SessionID{UUID: r.DeviceSessionID}
	if user, key, ok := h.Table.Find(id); ok {
		return deviceSession(id, user, key, api.DeviceSessionStatusActive), nil
	}
	s, err := h.Store.Session(living(ctx), id)
	if galaxy.Is(err, galaxy.NotFound) {
		return nil, errNoSession
	}
	if err != nil {
		return nil, err
	}
	status := api.DeviceSessionStatusActive // born this very moment
	if s.RevokedAt != nil {
		status = api.DeviceSessionStatusRevoked
	}
	return deviceSession(id, s.User, s.Key, status), nil
}

func deviceSession(id galaxy.SessionID, user galaxy.UserID, key galaxy.PublicKey, status api.DeviceSessionStatus) api.GetSession200JSONResponse {
	return api.GetSession200JSONResponse{DeviceSessionID: id.UUID, UserID: user.UUID, ClientPublicKey: base64.StdEncoding.EncodeToString(key[:]), Status: status}
}

// gatewayBy is the gateway, acting for itself.
func gatewayBy(ctx context.Context) galaxy.By {
	return galaxy.By{Principal: galaxy.System("gateway"), RequestID: requestID(ginOf(ctx))}
}

// playerBy is the player who calls.
func playerBy(ctx context.Context) galaxy.By {
	return galaxy.By{Principal: galaxy.User(caller(ctx)), RequestID: requestID(ginOf(ctx))}
}

// adminBy is the operator who calls.
func adminBy(ctx context.Context) galaxy.By {
	by := operator(ctx)
	return galaxy.By{Principal: by.Principal, RequestID: by.RequestID}
}

// revoke ends a session of anybody when owner is nil, else of that player.
func (h *handlers) revoke(ctx context.Context, id galaxy.SessionID, owner *galaxy.UserID, by galaxy.By, reason galaxy.RevokeReason) error {
	user, _, live := h.Table.Find(id)
	if !live {
		s, err := h.Store.Session(living(ctx), id)
		if galaxy.Is(err, galaxy.NotFound) {
			err = errNoSession
		}
		if err != nil {
			return err
		}
		user = s.User
	}
	if owner != nil && *owner != user {
		return errNoSession
	}
	_, err := kit.Ask(living(ctx), h.Sessions.Ref(id), session.Revoke{By: by, User: user, Reason: reason})
	return err
}

func (h *handlers) RevokeSession(ctx context.Context, r api.RevokeSessionRequestObject) (api.RevokeSessionResponseObject, error) {
	return api.RevokeSession204Response{}, h.revoke(ctx, galaxy.SessionID{UUID: r.DeviceSessionID}, nil, gatewayBy(ctx), galaxy.RevokedByGateway)
}

func (h *handlers) RevokeUserSessions(ctx context.Context, r api.RevokeUserSessionsRequestObject) (api.RevokeUserSessionsResponseObject, error) {
	return api.RevokeUserSessions204Response{}, h.revokeAll(ctx, r.UserID, gatewayBy(ctx), galaxy.RevokedByGateway)
}

func (h *handlers) AdminRevokeUserSessions(ctx context.Context, r api.AdminRevokeUserSessionsRequestObject) (api.AdminRevokeUserSessionsResponseObject, error) {
	return api.AdminRevokeUserSessions204Response{}, h.revokeAll(ctx, r.UserID, adminBy(ctx), galaxy.RevokedByAdmin)
}

func (h *handlers) revokeAll(ctx context.Context, user uuid.UUID, by galaxy.By, reason galaxy.RevokeReason) error {
	_, err := kit.Ask(living(ctx), h.Accounts.Ref(galaxy.UserID{UUID: user}), account.RevokeSessions{By: by, Reason: reason})
	return err
}

func (h *handlers) ListOwnSessions(ctx context.Context, r api.ListOwnSessionsRequestObject) (api.ListOwnSessionsResponseObject, error) {
	page, err := h.sessions(ctx, caller(ctx), true, pageOf(r.Params.Limit, r.Params.Cursor))
	return api.ListOwnSessions200JSONResponse(page), err
}

func (h *handlers) AdminListUserSessions(ctx context.Context, r api.AdminListUserSessionsRequestObject) (api.AdminListUserSessionsResponseObject, error) {
	user := galaxy.UserID{UUID: r.UserID}
	if _, err := h.Store.AnyAccount(living(ctx), user); err != nil {
		return nil, err
	}
	page, err := h.sessions(ctx, user, false, pageOf(r.Params.Limit, r.Params.Cursor))
	return api.AdminListUserSessions200JSONResponse(page), err
}

func (h *handlers) sessions(ctx context.Context, user galaxy.UserID, live bool, p galaxy.Page) (api.SessionPage, error) {
	found, next, err := h.Store.ListSessions(living(ctx), user, live, p)
	if err != nil {
		return api.SessionPage{}, err
	}
	return api.SessionPage{Items: sessionsOf(found, current(ctx)), NextCursor: optional(next)}, nil
}

// current is the session that the request came from, if it says so.
func current(ctx context.Context) galaxy.SessionID {
	id, _ := uuid.Parse(ginOf(ctx).GetHeader(sessionHeader))
	return galaxy.SessionID{UUID: id}
}

func (h *handlers) RenameSession(ctx context.Context, r api.RenameSessionRequestObject) (api.RenameSessionResponseObject, error) {
	id := galaxy.SessionID{UUID: r.DeviceSessionID}
	if user, _, ok := h.Table.Find(id); !ok || user != caller(ctx) {
		return nil, errNoSession
	}
	s, err := kit.Ask(living(ctx), h.Sessions.Ref(id), session.Rename{By: playerBy(ctx), User: caller(ctx), Name: r.Body.DeviceName})
	return api.RenameSession200JSONResponse(sessionOf(s, current(ctx))), err
}

func (h *handlers) RevokeOwnSession(ctx context.Context, r api.RevokeOwnSessionRequestObject) (api.RevokeOwnSessionResponseObject, error) {
	owner := caller(ctx)
	return api.RevokeOwnSession204Response{}, h.revoke(ctx, galaxy.SessionID{UUID: r.DeviceSessionID}, &owner, playerBy(ctx), galaxy.RevokedByUser)
}

func (h *handlers) RevokeOtherSessions(ctx context.Context, _ api.RevokeOtherSessionsRequestObject) (api.RevokeOtherSessionsResponseObject, error) {
	keep := current(ctx)
	if keep == (galaxy.SessionID{}) {
		return nil, galaxy.Errorf(galaxy.InvalidRequest, "%s must name the device that stays", sessionHeader)
	}
	_, err := kit.Ask(living(ctx), h.Accounts.Ref(caller(ctx)), account.RevokeSessions{By: playerBy(ctx), Keep: &keep, Reason: galaxy.RevokedOthers})
	return api.RevokeOtherSessions204Response{}, err
}
