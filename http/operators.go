package http

import (
	"context"
	"slices"

	"galaxy/backend/actors/admin"
	"galaxy/backend/actors/kit"
	"galaxy/backend/api"
	"galaxy/backend/galaxy"
)

func adminOf(a galaxy.AdminAccount) api.AdminAccount {
	return api.AdminAccount{Username: a.Username, Enabled: a.Enabled, CreatedBy: a.CreatedBy, CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt}
}

func (h *handlers) AdminListAdmins(ctx context.Context, _ api.AdminListAdminsRequestObject) (api.AdminListAdminsResponseObject, error) {
	all, err := kit.Ask(living(ctx), h.Admin, admin.List{})
	return api.AdminListAdmins200JSONResponse{Items: mapped(all, adminOf)}, err
}

func (h *handlers) AdminGetAdmin(ctx context.Context, r api.AdminGetAdminRequestObject) (api.AdminGetAdminResponseObject, error) {
	all, err := kit.Ask(living(ctx), h.Admin, admin.List{})
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(a galaxy.AdminAccount) bool { return a.Username == r.Username })
	if i < 0 {
		return nil, galaxy.Errorf(galaxy.NotFound, "there is no such operator")
	}
	return api.AdminGetAdmin200JSONResponse(adminOf(all[i])), nil
}

func (h *handlers) AdminCreateAdmin(ctx context.Context, r api.AdminCreateAdminRequestObject) (api.AdminCreateAdminResponseObject, error) {
	a, err := kit.Ask(living(ctx), h.Admin, admin.Create{By: adminBy(ctx), Username: r.Body.Username, Password: r.Body.Password,
		Idempotency: h.keyedIdempotency(ctx, r.Params.IdempotencyKey)})
	return api.AdminCreateAdmin201JSONResponse(adminOf(a)), err
}

func (h *handlers) AdminDisableAdmin(ctx context.Context, r api.AdminDisableAdminRequestObject) (api.AdminDisableAdminResponseObject, error) {
	a, err := kit.Ask(living(ctx), h.Admin, admin.SetEnabled{By: adminBy(ctx), Username: r.Username})
	return api.AdminDisableAdmin200JSONResponse(adminOf(a)), err
}

func (h *handlers) AdminEnableAdmin(ctx context.Context, r api.AdminEnableAdminRequestObject) (api.AdminEnableAdminResponseObject, error) {
	a, err := kit.Ask(living(ctx), h.Admin, admin.SetEnabled{By: adminBy(ctx), Username: r.Username, Enabled: true})
	return api.AdminEnableAdmin200JSONResponse(adminOf(a)), err
}

func (h *handlers) AdminResetPassword(ctx context.Context, r api.AdminResetPasswordRequestObject) (api.AdminResetPasswordResponseObject, error) {
	a, err := kit.Ask(living(ctx), h.Admin, admin.ResetPassword{By: adminBy(ctx), Username: r.Username, Password: r.Body.Password})
	return api.AdminResetPassword200JSONResponse(adminOf(a)), err
}
