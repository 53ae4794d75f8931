package http

import (
	"context"

	"github.com/google/uuid"

	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/races"
	"galaxy/backend/api"
	"galaxy/backend/galaxy"
)

func (h *handlers) CheckRaceName(ctx context.Context, r api.CheckRaceNameRequestObject) (api.CheckRaceNameResponseObject, error) {
	a := galaxy.CheckName(r.Params.Name, caller(ctx), h.Names.Holder)
	out := api.CheckRaceName200JSONResponse{RaceName: r.Params.Name, Free: a.Free, Own: a.Own, Message: optional(a.Detail)}
	if a.Reason != "" {
		out.Reason = new(api.RaceNameCheckReason(a.Reason))
	}
	return out, nil
}

func (h *handlers) RegisterRaceName(ctx context.Context, r api.RegisterRaceNameRequestObject) (api.RegisterRaceNameResponseObject, error) {
	held, err := kit.Ask(living(ctx), h.Races, races.Register{User: caller(ctx), Name: r.Body.RaceName,
		Idempotency: idempotency(ctx, r.Params.IdempotencyKey), RequestID: requestID(ginOf(ctx))})
	return api.RegisterRaceName201JSONResponse(raceNameOf(held)), err
}

func (h *handlers) ListMyRaceNames(ctx context.Context, _ api.ListMyRaceNamesRequestObject) (api.ListMyRaceNamesResponseObject, error) {
	held, err := h.Store.NamesOf(living(ctx), caller(ctx))
	out := api.ListMyRaceNames200JSONResponse{Items: make([]api.RaceName, 0, len(held))}
	for _, n := range held {
		out.Items = append(out.Items, raceNameOf(n))
	}
	return out, err
}

func (h *handlers) AdminGetRaceName(ctx context.Context, r api.AdminGetRaceNameRequestObject) (api.AdminGetRaceNameResponseObject, error) {
	key, err := galaxy.RaceKey(r.Name)
	if err != nil {
		return nil, err
	}
	held, err := h.Store.Names(living(ctx), key)
	if err != nil {
		return nil, err
	}
	events, next, err := h.Store.NameHistory(living(ctx), key, pageOf(r.Params.Limit, r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	if len(held)+len(events) == 0 && r.Params.Cursor == nil {
		return nil, galaxy.Errorf(galaxy.NotFound, "nobody holds, or has lately held, this race name")
	}
	out := api.AdminGetRaceName200JSONResponse{CanonicalKey: key, Items: mapped(events, nameEventOf), NextCursor: optional(next)}
	for _, n := range held {
		out.HolderUserID, out.Holder = &n.User.UUID, new(raceNameOf(n))
	}
	return out, nil
}

func nameEventOf(e galaxy.NameEvent) api.RaceNameEvent {
	out := api.RaceNameEvent{RaceName: e.Name, UserID: e.User.UUID, Event: api.RaceNameEventEvent(e.Move), At: e.At}
	if e.Game != nil {
		out.GameID = &e.Game.UUID
	}
	return out
}

func raceNameOf(h galaxy.HeldName) api.RaceName {
	out := api.RaceName{RaceName: h.Name, Status: api.RaceNameStatus(h.Status), Since: h.Since, ExpiresAt: h.ExpiresAt, Games: make([]uuid.UUID, 0, len(h.Games))}
	for _, id := range h.Games {
		out.Games = append(out.Games, id.UUID)
	}
	return out
}
