package http

import (
	"context"

	"github.com/google/uuid"

	"galaxy/backend/actors/game"
	"galaxy/backend/actors/kit"
	"galaxy/backend/api"
	"galaxy/backend/galaxy"
)

// seen gives a game that the caller may know of.
func (h *handlers) seen(ctx context.Context, id uuid.UUID) (galaxy.Game, error) {
	return kit.Ask(living(ctx), h.Games.Ref(gameID(id)), game.Get{To: galaxy.User(caller(ctx))})
}

// application asks a game for a decision about an application.
func (h *handlers) application(ctx context.Context, id uuid.UUID, cmd kit.Command[galaxy.Application]) (api.Application, error) {
	a, err := kit.Ask(living(ctx), h.Games.Ref(gameID(id)), cmd)
	return applicationOf(a), err
}

func (h *handlers) ApplyToGame(ctx context.Context, r api.ApplyToGameRequestObject) (api.ApplyToGameResponseObject, error) {
	a, err := h.application(ctx, r.GameID, game.Apply{User: caller(ctx), Race: r.Body.RaceName,
		Idempotency: idempotency(ctx, r.Params.IdempotencyKey), RequestID: requestID(ginOf(ctx))})
	return api.ApplyToGame201JSONResponse(a), err
}

func (h *handlers) ListOwnApplications(ctx context.Context, r api.ListOwnApplicationsRequestObject) (api.ListOwnApplicationsResponseObject, error) {
	g, err := h.seen(ctx, r.GameID)
	if err != nil {
		return nil, err
	}
	user := caller(ctx)
	page, err := h.applications(ctx, galaxy.ApplicationFilter{Game: &g.ID, User: &user}, pageOf(r.Params.Limit, r.Params.Cursor))
	return api.ListOwnApplications200JSONResponse(page), err
}

func (h *handlers) ListMyApplications(ctx context.Context, r api.ListMyApplicationsRequestObject) (api.ListMyApplicationsResponseObject, error) {
	user := caller(ctx)
	page, err := h.applications(ctx, galaxy.ApplicationFilter{User: &user, Status: galaxy.ApplicationStatus(deref(r.Params.Status))}, pageOf(r.Params.Limit, r.Params.Cursor))
	return api.ListMyApplications200JSONResponse(page), err
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

func (h *handlers) ApproveApplication(ctx context.Context, r api.ApproveApplicationRequestObject) (api.ApproveApplicationResponseObject, error) {
	a, err := h.application(ctx, r.GameID, game.Approve{By: byPlayer(ctx), Application: galaxy.ApplicationID{UUID: r.ApplicationID}})
	return api.ApproveApplication200JSONResponse(a), err
}

func (h *handlers) RejectApplication(ctx context.Context, r api.RejectApplicationRequestObject) (api.RejectApplicationResponseObject, error) {
	a, err := h.application(ctx, r.GameID, game.Reject{By: byPlayer(ctx), Application: galaxy.ApplicationID{UUID: r.ApplicationID}})
	return api.RejectApplication200JSONResponse(a), err
}

func (h *handlers) WithdrawApplication(ctx context.Context, r api.WithdrawApplicationRequestObject) (api.WithdrawApplicationResponseObject, error) {
	a, err := h.application(ctx, r.GameID, game.Withdraw{User: caller(ctx), RequestID: requestID(ginOf(ctx)), Application: galaxy.ApplicationID{UUID: r.ApplicationID}})
	return api.WithdrawApplication200JSONResponse(a), err
}

// invite asks a game for a decision about an invite.
func (h *handlers) invite(ctx context.Context, id uuid.UUID, cmd kit.Command[galaxy.Invite]) (api.Invite, error) {
	i, err := kit.Ask(living(ctx), h.Games.Ref(gameID(id)), cmd)
	return inviteOf(i), err
}

func (h *handlers) InviteToGame(ctx context.Context, r api.InviteToGameRequestObject) (api.InviteToGameResponseObject, error) {
	if r.Body.UserName != nil {
		if _, err := h.seen(ctx, r.GameID); err != nil { // nobody finds out user names by a game that is not there
			return nil, err
		}
	}
	i, err := h.inviteBy(ctx, byPlayer(ctx), r.GameID, *r.Body, r.Params.IdempotencyKey)
	return api.InviteToGame201JSONResponse(i), err
}

// inviteBy has somebody ask a player into a game.
func (h *handlers) inviteBy(ctx context.Context, by game.By, id uuid.UUID, b api.InviteRequest, key *api.IdempotencyKey) (api.Invite, error) {
	if (b.UserID == nil) == (b.UserName == nil) {
		return api.Invite{}, galaxy.Errorf(galaxy.InvalidRequest, "either user_id or user_name must name the player")
	}
	cmd := game.Invite{By: by, User: galaxy.UserID{UUID: deref(b.UserID)}, Idempotency: idempotency(ctx, key)}
	if b.UserName != nil {
		found, err := h.Store.FindUser(living(ctx), "", *b.UserName)
		if galaxy.Is(err, galaxy.NotFound) {
			err = galaxy.Errorf(galaxy.NotFound, "there is no such player")
		}
		if err != nil {
			return api.Invite{}, err
		}
		cmd.User = found
	}
	if b.ExpiresAt != nil {
		cmd.ExpiresAt = *utc(b.ExpiresAt)
	}
	return h.invite(ctx, id, cmd)
}

func (h *handlers) ListGameInvites(ctx context.Context, r api.ListGameInvitesRequestObject) (api.ListGameInvitesResponseObject, error) {
	g, err := h.seen(ctx, r.GameID)
	if err != nil {
		return nil, err
	}
	f := galaxy.InviteFilter{Game: &g.ID, Status: galaxy.InviteStatus(deref(r.Params.Status))}
	if user := caller(ctx); g.Owner == nil || *g.Owner != user {
		f.User = &user
	}
	page, err := h.invites(ctx, f, pageOf(r.Params.Limit, r.Params.Cursor))
	return api.ListGameInvites200JSONResponse(page), err
}

func (h *handlers) ListMyInvites(ctx context.Context, r api.ListMyInvitesRequestObject) (api.ListMyInvitesResponseObject, error) {
	user := caller(ctx)
	page, err := h.invites(ctx, galaxy.InviteFilter{User: &user, Status: galaxy.InviteStatus(deref(r.Params.Status))}, pageOf(r.Params.Limit, r.Params.Cursor))
	return api.ListMyInvites200JSONResponse(page), err
}

func (h *handlers) invites(ctx context.Context, f galaxy.InviteFilter, p galaxy.Page) (api.InvitePage, error) {
	found, next, err := h.Store.ListInvites(living(ctx), f, p)
	if err != nil {
		return api.InvitePage{}, err
	}
	page := api.InvitePage{Items: make([]api.Invite, 0, len(found)), NextCursor: optional(next)}
	for _, i := range found {
		page.Items = append(page.Items, inviteOf(i))
	}
	return page, nil
}

func (h *handlers) RedeemInvite(ctx context.Context, r api.RedeemInviteRequestObject) (api.RedeemInviteResponseObject, error) {
	i, err := h.invite(ctx, r.GameID, game.Redeem{User: caller(ctx), RequestID: requestID(ginOf(ctx)), Invite: galaxy.InviteID{UUID: r.InviteID}, Race: r.Body.RaceName})
	return api.RedeemInvite200JSONResponse(i), err
}

func (h *handlers) DeclineInvite(ctx context.Context, r api.DeclineInviteRequestObject) (api.DeclineInviteResponseObject, error) {
	i, err := h.invite(ctx, r.GameID, game.Decline{User: caller(ctx), RequestID: requestID(ginOf(ctx)), Invite: galaxy.InviteID{UUID: r.InviteID}})
	return api.DeclineInvite200JSONResponse(i), err
}

func (h *handlers) RevokeInvite(ctx context.Context, r api.RevokeInviteRequestObject) (api.RevokeInviteResponseObject, error) {
	i, err := h.invite(ctx, r.GameID, game.Revoke{By: byPlayer(ctx), Invite: galaxy.InviteID{UUID: r.InviteID}})
	return api.RevokeInvite200JSONResponse(i), err
}

// membership asks a game to end a membership.
func (h *handlers) membership(ctx context.Context, id uuid.UUID, cmd kit.Command[galaxy.Membership]) (api.Membership, error) {
	m, err := kit.Ask(living(ctx), h.Games.Ref(gameID(id)), cmd)
	return membershipOf(m), err
}

func (h *handlers) ListMemberships(ctx context.Context, r api.ListMembershipsRequestObject) (api.ListMembershipsResponseObject, error) {
	g, err := h.seen(ctx, r.GameID)
	return api.ListMemberships200JSONResponse{Items: membershipsOf(g)}, err
}

func (h *handlers) RemoveMembership(ctx context.Context, r api.RemoveMembershipRequestObject) (api.RemoveMembershipResponseObject, error) {
	m, err := h.membership(ctx, r.GameID, game.Remove{By: byPlayer(ctx), Membership: galaxy.MembershipID{UUID: r.MembershipID}, Reason: deref(r.Body.Reason)})
	return api.RemoveMembership200JSONResponse(m), err
}

func (h *handlers) BlockMembership(ctx context.Context, r api.BlockMembershipRequestObject) (api.BlockMembershipResponseObject, error) {
	m, err := h.membership(ctx, r.GameID, game.Remove{By: byPlayer(ctx), Membership: galaxy.MembershipID{UUID: r.MembershipID}, Reason: deref(r.Body.Reason), Block: true})
	return api.BlockMembership200JSONResponse(m), err
}

func (h *handlers) LeaveGame(ctx context.Context, r api.LeaveGameRequestObject) (api.LeaveGameResponseObject, error) {
	m, err := h.membership(ctx, r.GameID, game.Leave{User: caller(ctx), RequestID: requestID(ginOf(ctx))})
	return api.LeaveGame200JSONResponse(m), err
}
