package http

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"galaxy/backend/actors/account"
	"galaxy/backend/actors/auth"
	"galaxy/backend/actors/kit"
	"galaxy/backend/api"
	"galaxy/backend/galaxy"
)

func (h *handlers) GetAccount(ctx context.Context, _ api.GetAccountRequestObject) (api.GetAccountResponseObject, error) {
	a, err := kit.Ask(living(ctx), h.Accounts.Ref(caller(ctx)), account.Get{})
	if err != nil {
		return nil, err
	}
	return h.render(a)
}

// rendered is an account as it was last answered.
type rendered struct {
	account *galaxy.Account
	body    accountBody
}

// accountBody is an encoded account with its version.
type accountBody struct {
	verbatim
	etag string
}

// keptRendered is how many accounts' answers are kept, of about a kilobyte each.
const keptRendered = 4096

// render encodes an account, unless it is still the one that was encoded last: gateways read it with every screen.
func (h *handlers) render(a *galaxy.Account) (accountBody, error) {
	if r, ok := h.accounts.Get(a.ID); ok && r.account == a {
		return r.body, nil
	}
	encoded, err := json.Marshal(accountOf(a, h.Now()))
	if err != nil {
		return accountBody{}, err
	}
	body := accountBody{encoded, *tag(a.Version)}
	h.accounts.Add(a.ID, rendered{a, body})
	return body, nil
}

// edited answers with an account that was changed.
func (h *handlers) edited(a *galaxy.Account, err error) (api.AccountJSONResponse, error) {
	if err != nil {
		return api.AccountJSONResponse{}, err
	}
	return api.AccountJSONResponse{Body: accountOf(a, h.Now()), Headers: api.AccountResponseHeaders{ETag: tag(a.Version)}}, nil
}

// version reads the ETag that an edit is meant for; 0 when it names none.
func version(ifMatch *string) int64 {
	v, err := strconv.ParseInt(strings.Trim(deref(ifMatch), `"`), 10, 64)
	if err != nil {
		return 0 // the contract lets only numbers in
	}
	return v
}

func (h *handlers) UpdateProfile(ctx context.Context, r api.UpdateProfileRequestObject) (api.UpdateProfileResponseObject, error) {
	a, err := h.edited(kit.Ask(living(ctx), h.Accounts.Ref(caller(ctx)), account.UpdateProfile{By: playerBy(ctx), Version: version(r.Params.IfMatch),
		DisplayName: r.Body.DisplayName}))
	return api.UpdateProfile200JSONResponse{AccountJSONResponse: a}, err
}

func (h *handlers) UpdateSettings(ctx context.Context, r api.UpdateSettingsRequestObject) (api.UpdateSettingsResponseObject, error) {
	a, err := h.edited(kit.Ask(living(ctx), h.Accounts.Ref(caller(ctx)), account.UpdateSettings{By: playerBy(ctx), Version: version(r.Params.IfMatch),
		Language: r.Body.PreferredLanguage, TimeZone: r.Body.TimeZone}))
	return api.UpdateSettings200JSONResponse{AccountJSONResponse: a}, err
}

func preferencesOf(a *galaxy.Account) api.Preferences {
	p := api.Preferences{Email: map[string]bool{}}
	for _, kind := range galaxy.MailKinds() {
		p.Email[string(kind)] = a.Wants(kind)
	}
	return p
}

func (h *handlers) GetPreferences(ctx context.Context, _ api.GetPreferencesRequestObject) (api.GetPreferencesResponseObject, error) {
	a, err := kit.Ask(living(ctx), h.Accounts.Ref(caller(ctx)), account.Get{})
	if err != nil {
		return nil, err
	}
	return api.GetPreferences200JSONResponse(preferencesOf(a)), nil
}

func (h *handlers) PutPreferences(ctx context.Context, r api.PutPreferencesRequestObject) (api.PutPreferencesResponseObject, error) {
	var off []galaxy.Kind
	for kind, wanted := range r.Body.Email {
		if err := galaxy.CheckMailKind(galaxy.Kind(kind)); err != nil {
			return nil, err
		}
		if !wanted {
			off = append(off, galaxy.Kind(kind))
		}
	}
	a, err := kit.Ask(living(ctx), h.Accounts.Ref(caller(ctx)), account.UpdatePreferences{By: playerBy(ctx), Off: off})
	if err != nil {
		return nil, err
	}
	return api.PutPreferences200JSONResponse(preferencesOf(a)), nil
}

func (h *handlers) ChangeEmail(ctx context.Context, r api.ChangeEmailRequestObject) (api.ChangeEmailResponseObject, error) {
	email, err := galaxy.NormalEmail(r.Body.Email)
	if err != nil {
		return nil, err
	}
	a, err := kit.Ask(living(ctx), h.Accounts.Ref(caller(ctx)), account.Get{})
	if err != nil {
		return nil, err
	}
	if err := a.Allows(galaxy.ActUpdateProfile, h.Now()); err != nil {
		return nil, err
	}
	if email == a.Email {
		return nil, galaxy.Errorf(galaxy.Conflict, "this is the address of the account already")
	}
	id, err := kit.Ask(living(ctx), h.Auth.Ref(email), auth.SendCode{User: &a.ID, Source: source(ginOf(ctx))})
	return api.ChangeEmail200JSONResponse{ChallengeID: id.UUID}, err
}

func (h *handlers) ConfirmEmailChange(ctx context.Context, r api.ConfirmEmailChangeRequestObject) (api.ConfirmEmailChangeResponseObject, error) {
	ch, err := h.challenge(ctx, r.Body.ChallengeID)
	if err != nil {
		return nil, err
	}
	if _, err := kit.Ask(living(ctx), h.Auth.Ref(ch.Email), auth.ConfirmEmail{By: playerBy(ctx), User: caller(ctx), Challenge: ch.ID, Code: r.Body.Code,
		Source: source(ginOf(ctx))}); err != nil {
		return nil, err
	}
	a, err := h.edited(kit.Ask(living(ctx), h.Accounts.Ref(caller(ctx)), account.Get{}))
	return api.ConfirmEmailChange200JSONResponse{AccountJSONResponse: a}, err
}

func (h *handlers) DeleteAccount(ctx context.Context, _ api.DeleteAccountRequestObject) (api.DeleteAccountResponseObject, error) {
	_, err := kit.Ask(living(ctx), h.Accounts.Ref(caller(ctx)), account.Delete{By: playerBy(ctx)})
	return api.DeleteAccount202Response{}, err
}

func (h *handlers) ExportAccount(ctx context.Context, _ api.ExportAccountRequestObject) (api.ExportAccountResponseObject, error) {
	a, err := kit.Ask(living(ctx), h.Accounts.Ref(caller(ctx)), account.Get{})
	if err != nil {
		return nil, err
	}
	e, err := h.Store.ExportUser(living(ctx), a.ID)
	if err != nil {
		return nil, err
	}
	return api.ExportAccount200JSONResponse(exportOf(a, e, h.Now())), nil
}
