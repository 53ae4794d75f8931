package http

import (
	"context"

	"galaxy/backend/actors/game"
	"galaxy/backend/actors/kit"
	"galaxy/backend/api"
	"galaxy/backend/galaxy"
)

func (h *handlers) AdminInviteToGame(ctx context.Context, r api.AdminInviteToGameRequestObject) (api.AdminInviteToGameResponseObject, error) {
	i, err := h.inviteBy(ctx, operator(ctx), r.GameID, *r.Body, r.Params.IdempotencyKey)
	return api.AdminInviteToGame201JSONResponse(i), err
}

func (h *handlers) AdminListGameInvites(ctx context.Context, r api.AdminListGameInvitesRequestObject) (api.AdminListGameInvitesResponseObject, error) {
	if _, err := kit.Ask(living(ctx), h.Games.Ref(gameID(r.GameID)), game.Get{}); err != nil {
		return nil, err
	}
	f := galaxy.InviteFilter{Game: new(gameID(r.GameID)), Status: galaxy.InviteStatus(deref(r.Params.Status))}
	page, err := h.invites(ctx, f, pageOf(r.Params.Limit, r.Params.Cursor))
	return api.AdminListGameInvites200JSONResponse(page), err
}

func (h *handlers) AdminRevokeInvite(ctx context.Context, r api.AdminRevokeInviteRequestObject) (api.AdminRevokeInviteResponseObject, error) {
	i, err := h.invite(ctx, r.GameID, game.Revoke{By: operator(ctx), Invite: galaxy.InviteID{UUID: r.InviteID}})
	return api.AdminRevokeInvite200JSONResponse(i), err
}
