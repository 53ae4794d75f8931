package http

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"galaxy/backend/actors/account"
	"galaxy/backend/actors/kit"
	"galaxy/backend/api"
	"galaxy/backend/galaxy"
)

// user asks an account to do something and gives it as operators see it in lists.
func (h *handlers) user(ctx context.Context, id uuid.UUID, cmd kit.Command[*galaxy.Account]) (api.UserSummary, error) {
	a, err := kit.Ask(living(ctx), h.Accounts.Ref(galaxy.UserID{UUID: id}), cmd)
	if err != nil {
		return api.UserSummary{}, err
	}
	return userOf(*a, h.Now()), nil
}

func (h *handlers) AdminListUsers(ctx context.Context, r api.AdminListUsersRequestObject) (api.AdminListUsersResponseObject, error) {
	q := r.Params
	found, next, err := h.Store.ListUsers(living(ctx), galaxy.UserFilter{Now: h.Now(), Text: deref(q.Text), Status: galaxy.UserStatus(deref(q.Status)),
		Tier: galaxy.Tier(deref(q.Tier)), Sanction: galaxy.SanctionKind(deref(q.Sanction)), Country: deref(q.Country)}, pageOf(q.Limit, q.Cursor))
	if err != nil {
		return nil, err
	}
	page := api.AdminListUsers200JSONResponse{Items: make([]api.UserSummary, 0, len(found)), NextCursor: optional(next)}
	for _, a := range found {
		page.Items = append(page.Items, userOf(a, h.Now()))
	}
	return page, nil
}

func (h *handlers) AdminFindUser(ctx context.Context, r api.AdminFindUserRequestObject) (api.AdminFindUserResponseObject, error) {
	email, name := deref(r.Params.Email), deref(r.Params.UserName)
	if (email == "") == (name == "") {
		return nil, galaxy.Errorf(galaxy.InvalidRequest, "either email or user_name is required")
	}
	if email != "" {
		var err error
		if email, err = galaxy.NormalEmail(email); err != nil {
			return nil, err
		}
	}
	id, err := h.Store.FindUser(living(ctx), email, name)
	if err != nil {
		return nil, err
	}
	a, err := h.Store.AnyAccount(living(ctx), id)
	if err != nil {
		return nil, err
	}
	return api.AdminFindUser200JSONResponse(userOf(a, h.Now())), nil
}

// shownSessions is how many sessions the picture of a player holds.
const shownSessions = 50

func (h *handlers) AdminGetUser(ctx context.Context, r api.AdminGetUserRequestObject) (api.AdminGetUserResponseObject, error) {
	id := galaxy.UserID{UUID: r.UserID}
	a, err := h.Store.AnyAccount(living(ctx), id)
	if err != nil {
		return nil, err
	}
	history, err := h.Store.UserHistory(living(ctx), id)
	if err != nil {
		return nil, err
	}
	sessions, _, err := h.Store.ListSessions(living(ctx), id, false, galaxy.Page{Limit: shownSessions})
	if err != nil {
		return nil, err
	}
	return api.AdminGetUser200JSONResponse{Body: detailOf(a, history, sessions, h.Now()), Headers: api.AdminGetUser200ResponseHeaders{ETag: tag(a.Version)}}, nil
}

func (h *handlers) AdminSanctionUser(ctx context.Context, r api.AdminSanctionUserRequestObject) (api.AdminSanctionUserResponseObject, error) {
	s, err := kit.Ask(living(ctx), h.Accounts.Ref(galaxy.UserID{UUID: r.UserID}), account.Sanction{By: adminBy(ctx), Sanction: galaxy.Sanction{
		ID: galaxy.SanctionID{UUID: galaxy.NewID()}, Kind: galaxy.SanctionKind(r.Body.Kind), ReasonCode: r.Body.ReasonCode, Note: deref(r.Body.Text),
		ExpiresAt: utc(r.Body.ExpiresAt), Idempotency: idempotency(ctx, r.Params.IdempotencyKey)}})
	return api.AdminSanctionUser201JSONResponse(sanctionOf(s, h.Now())), err
}

func (h *handlers) AdminLiftSanction(ctx context.Context, r api.AdminLiftSanctionRequestObject) (api.AdminLiftSanctionResponseObject, error) {
	s, err := kit.Ask(living(ctx), h.Accounts.Ref(galaxy.UserID{UUID: r.UserID}), account.LiftSanction{By: adminBy(ctx),
		ID: galaxy.SanctionID{UUID: r.SanctionID}, Reason: r.Body.Reason})
	return api.AdminLiftSanction200JSONResponse(sanctionOf(s, h.Now())), err
}

func (h *handlers) AdminLimitUser(ctx context.Context, r api.AdminLimitUserRequestObject) (api.AdminLimitUserResponseObject, error) {
	u, err := h.user(ctx, r.UserID, account.SetLimit{By: adminBy(ctx), Name: galaxy.LimitName(r.Body.Name), Value: r.Body.Value, ExpiresAt: utc(r.Body.ExpiresAt)})
	return api.AdminLimitUser200JSONResponse(u), err
}

func (h *handlers) AdminEntitleUser(ctx context.Context, r api.AdminEntitleUserRequestObject) (api.AdminEntitleUserResponseObject, error) {
	u, err := h.user(ctx, r.UserID, account.SetTier{By: adminBy(ctx), Tier: galaxy.Tier(r.Body.Tier), EndsAt: utc(r.Body.EndsAt)})
	return api.AdminEntitleUser200JSONResponse(u), err
}

func (h *handlers) AdminChangeUserEmail(ctx context.Context, r api.AdminChangeUserEmailRequestObject) (api.AdminChangeUserEmailResponseObject, error) {
	email, err := galaxy.NormalEmail(r.Body.Email)
	if err != nil {
		return nil, err
	}
	u, err := h.user(ctx, r.UserID, account.ReplaceEmail{By: adminBy(ctx), Email: email})
	return api.AdminChangeUserEmail200JSONResponse(u), err
}

func (h *handlers) AdminDeleteUser(ctx context.Context, r api.AdminDeleteUserRequestObject) (api.AdminDeleteUserResponseObject, error) {
	id := galaxy.UserID{UUID: r.UserID}
	if _, err := h.Store.AnyAccount(living(ctx), id); err != nil {
		return nil, err
	}
	if _, err := kit.Ask(living(ctx), h.Accounts.Ref(id), account.Delete{By: adminBy(ctx)}); err != nil {
		return nil, err
	}
	a, err := h.Store.AnyAccount(living(ctx), id)
	return api.AdminDeleteUser202JSONResponse(userOf(a, h.Now())), err
}

func (h *handlers) AdminListUserCountries(ctx context.Context, r api.AdminListUserCountriesRequestObject) (api.AdminListUserCountriesResponseObject, error) {
	id := galaxy.UserID{UUID: r.UserID}
	if _, err := h.Store.AnyAccount(living(ctx), id); err != nil {
		return nil, err
	}
	history, err := h.Store.UserHistory(living(ctx), id)
	return api.AdminListUserCountries200JSONResponse{Items: mapped(history.Countries, countryOf)}, err
}

func (h *handlers) AdminListUserNotifications(ctx context.Context, r api.AdminListUserNotificationsRequestObject) (api.AdminListUserNotificationsResponseObject, error) {
	id := galaxy.UserID{UUID: r.UserID}
	if _, err := h.Store.AnyAccount(living(ctx), id); err != nil {
		return nil, err
	}
	found, next, err := h.Store.ListRoutes(living(ctx), id, pageOf(r.Params.Limit, r.Params.Cursor))
	return api.AdminListUserNotifications200JSONResponse{Items: mapped(found, routeOf), NextCursor: optional(next)}, err
}

func (h *handlers) AdminListAudit(ctx context.Context, r api.AdminListAuditRequestObject) (api.AdminListAuditResponseObject, error) {
	q := r.Params
	if q.ActorID != nil && q.ActorKind == nil {
		return nil, galaxy.Errorf(galaxy.InvalidRequest, "actor_id needs actor_kind")
	}
	found, next, err := h.Store.ListAudit(living(ctx), galaxy.AuditFilter{Actor: galaxy.Principal{Kind: galaxy.PrincipalKind(deref(q.ActorKind)), ID: deref(q.ActorID)},
		Action: deref(q.Action), Subject: deref(q.Subject), From: utc(q.From), Until: utc(q.Until)}, pageOf(q.Limit, q.Cursor))
	return api.AdminListAudit200JSONResponse{Items: mapped(found, auditOf), NextCursor: optional(next)}, err
}

func (h *handlers) AdminListActors(_ context.Context, r api.AdminListActorsRequestObject) (api.AdminListActorsResponseObject, error) {
	p := pageOf(r.Params.Limit, r.Params.Cursor)
	after, err := pathOf(p.Cursor)
	if err != nil {
		return nil, err
	}
	all := h.Stats()
	page := api.AdminListActors200JSONResponse{Counts: map[string]int{}, Items: []api.Actor{}}
	for _, s := range all {
		page.Counts[s.Kind]++
	}
	all = slices.DeleteFunc(all, func(s kit.Stat) bool { return s.ID <= after || r.Params.Kind != nil && s.Kind != *r.Params.Kind })
	if len(all) > p.Limit {
		all = all[:p.Limit]
		page.NextCursor = optional(cursorOf(all[p.Limit-1].ID))
	}
	page.Items = mapped(all, actorOf)
	return page, nil
}
