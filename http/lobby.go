package http

import (
	"context"
	"time"

	"galaxy/backend/actors/game"
	"galaxy/backend/actors/kit"
	"galaxy/backend/api"
	"galaxy/backend/galaxy"
)

func (h *handlers) ListLobbyGames(ctx context.Context, r api.ListLobbyGamesRequestObject) (api.ListLobbyGamesResponseObject, error) {
	page, err := h.games(ctx, galaxy.GameFilter{Visibility: galaxy.Public, Statuses: statusesOf(r.Params.Status, visibleStatuses), Text: deref(r.Params.Text)},
		pageOf(r.Params.Limit, r.Params.Cursor))
	return api.ListLobbyGames200JSONResponse(page), err
}

// visibleStatuses are those of the games that players see before they are in: drafts are their makers' alone.
var visibleStatuses = []galaxy.GameStatus{galaxy.EnrollmentOpen, galaxy.ReadyToStart, galaxy.Starting, galaxy.StartFailed, galaxy.Running,
	galaxy.Paused, galaxy.Finished, galaxy.Cancelled}

func (h *handlers) games(ctx context.Context, f galaxy.GameFilter, p galaxy.Page) (api.GamePage, error) {
	if f.Statuses != nil && len(f.Statuses) == 0 {
		return api.GamePage{Items: []api.Game{}}, nil
	}
	found, next, err := h.Store.ListGames(living(ctx), f, p)
	if err != nil {
		return api.GamePage{}, err
	}
	page := api.GamePage{Items: make([]api.Game, 0, len(found)), NextCursor: optional(next)}
	for _, g := range found {
		page.Items = append(page.Items, summaryOf(g))
	}
	return page, nil
}

func (h *handlers) ListMyGames(ctx context.Context, r api.ListMyGamesRequestObject) (api.ListMyGamesResponseObject, error) {
	user := caller(ctx)
	f := galaxy.GameFilter{Player: &user, Statuses: statusesOf(r.Params.Status, nil)}
	page := api.ListMyGames200JSONResponse{Items: []api.MyGame{}}
	if f.Statuses != nil && len(f.Statuses) == 0 {
		return page, nil
	}
	found, next, err := h.Store.ListGames(living(ctx), f, pageOf(r.Params.Limit, r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	ids := make([]galaxy.GameID, 0, len(found))
	for _, g := range found {
		ids = append(ids, g.ID)
	}
	seats, err := h.Store.SeatsOf(living(ctx), user, ids)
	if err != nil {
		return nil, err
	}
	page.NextCursor = optional(next)
	for _, g := range found {
		mine := api.MyGame{Game: summaryOf(g), Owner: g.Owner != nil && *g.Owner == user}
		if seat, ok := seats[g.ID]; ok {
			mine.Membership = new(membershipOf(seat))
		}
		page.Items = append(page.Items, mine)
	}
	return page, nil
}

// lobbyGame asks a game to do something and gives it as players see it.
func (h *handlers) lobbyGame(ctx context.Context, id galaxy.GameID, cmd kit.Command[galaxy.Game]) (api.LobbyGameJSONResponse, error) {
	g, err := kit.Ask(living(ctx), h.Games.Ref(id), cmd)
	if err != nil {
		return api.LobbyGameJSONResponse{}, err
	}
	return api.LobbyGameJSONResponse{Body: gameOf(g), Headers: api.LobbyGameResponseHeaders{ETag: etag(g)}}, nil
}

// byPlayer is the player who calls.
func byPlayer(ctx context.Context) game.By {
	return game.By{Principal: galaxy.User(caller(ctx)), RequestID: requestID(ginOf(ctx))}
}

func (h *handlers) CreateLobbyGame(ctx context.Context, r api.CreateLobbyGameRequestObject) (api.CreateLobbyGameResponseObject, error) {
	b := r.Body
	spec := specOf(api.CreateGameRequest{Name: b.Name, Description: b.Description, MinPlayers: b.MinPlayers, MaxPlayers: b.MaxPlayers,
		StartGapHours: b.StartGapHours, StartGapPlayers: b.StartGapPlayers, EnrollmentEndsAt: b.EnrollmentEndsAt, TurnSchedule: b.TurnSchedule,
		ScheduleTimeZone: b.ScheduleTimeZone, OrderGraceSeconds: b.OrderGraceSeconds, EarlyTurn: b.EarlyTurn, ShowReady: b.ShowReady, CatchUp: b.CatchUp,
		TargetEngineVersion: b.TargetEngineVersion})
	spec.Race = deref(b.RaceName)
	g, err := h.lobbyGame(ctx, gameID(galaxy.NewID()), game.Create{By: byPlayer(ctx), Visibility: galaxy.Private, Spec: spec,
		Idempotency: idempotency(ctx, r.Params.IdempotencyKey)})
	return api.CreateLobbyGame201JSONResponse{LobbyGameJSONResponse: g}, err
}

func specOf(b api.CreateGameRequest) galaxy.GameSpec {
	return galaxy.GameSpec{Name: b.Name, Description: deref(b.Description), MinPlayers: b.MinPlayers, MaxPlayers: b.MaxPlayers,
		StartGapHours: deref(b.StartGapHours), StartGapPlayers: deref(b.StartGapPlayers), EnrollmentEndsAt: utc(b.EnrollmentEndsAt),
		Schedule: galaxy.Schedule{Cron: b.TurnSchedule, Zone: deref(b.ScheduleTimeZone)}, OrderGrace: seconds(b.OrderGraceSeconds),
		EarlyTurn: deref(b.EarlyTurn), ShowReady: deref(b.ShowReady), CatchUp: galaxy.CatchUp(deref(b.CatchUp)), TargetVersion: deref(b.TargetEngineVersion)}
}

func editOf(b api.EditGameRequest) galaxy.GameEdit {
	return galaxy.GameEdit{Name: b.Name, Description: b.Description, MinPlayers: b.MinPlayers, MaxPlayers: b.MaxPlayers, StartGapHours: b.StartGapHours,
		StartGapPlayers: b.StartGapPlayers, EnrollmentEndsAt: utc(b.EnrollmentEndsAt), Cron: b.TurnSchedule, Zone: b.ScheduleTimeZone,
		OrderGrace: seconds(b.OrderGraceSeconds), EarlyTurn: b.EarlyTurn, ShowReady: b.ShowReady, CatchUp: (*galaxy.CatchUp)(b.CatchUp),
		TargetVersion: b.TargetEngineVersion, StateRestored: b.StateRestored}
}

func seconds(n *int) *time.Duration {
	if n == nil {
		return nil
	}
	return new(time.Duration(*n) * time.Second)
}

func (h *handlers) GetLobbyGame(ctx context.Context, r api.GetLobbyGameRequestObject) (api.GetLobbyGameResponseObject, error) {
	g, err := h.lobbyGame(ctx, gameID(r.GameID), game.Get{To: galaxy.User(caller(ctx))})
	return api.GetLobbyGame200JSONResponse{LobbyGameJSONResponse: g}, err
}

func (h *handlers) UpdateLobbyGame(ctx context.Context, r api.UpdateLobbyGameRequestObject) (api.UpdateLobbyGameResponseObject, error) {
	g, err := h.lobbyGame(ctx, gameID(r.GameID), game.Edit{By: byPlayer(ctx), Version: version(r.Params.IfMatch), Edit: editOf(*r.Body)})
	return api.UpdateLobbyGame200JSONResponse{LobbyGameJSONResponse: g}, err
}

func (h *handlers) OpenLobbyEnrollment(ctx context.Context, r api.OpenLobbyEnrollmentRequestObject) (api.OpenLobbyEnrollmentResponseObject, error) {
	g, err := h.lobbyGame(ctx, gameID(r.GameID), game.OpenEnrollment{By: byPlayer(ctx), EndsAt: utc(r.Body.EnrollmentEndsAt)})
	return api.OpenLobbyEnrollment200JSONResponse{LobbyGameJSONResponse: g}, err
}

func (h *handlers) ReadyLobbyGame(ctx context.Context, r api.ReadyLobbyGameRequestObject) (api.ReadyLobbyGameResponseObject, error) {
	g, err := h.lobbyGame(ctx, gameID(r.GameID), game.ReadyToStart{By: byPlayer(ctx)})
	return api.ReadyLobbyGame200JSONResponse{LobbyGameJSONResponse: g}, err
}

func (h *handlers) StartLobbyGame(ctx context.Context, r api.StartLobbyGameRequestObject) (api.StartLobbyGameResponseObject, error) {
	g, err := h.lobbyGame(ctx, gameID(r.GameID), game.Begin{By: byPlayer(ctx)})
	return api.StartLobbyGame200JSONResponse{LobbyGameJSONResponse: g}, err
}

func (h *handlers) RetryStartLobbyGame(ctx context.Context, r api.RetryStartLobbyGameRequestObject) (api.RetryStartLobbyGameResponseObject, error) {
	g, err := h.lobbyGame(ctx, gameID(r.GameID), game.Begin{By: byPlayer(ctx), Retry: true})
	return api.RetryStartLobbyGame200JSONResponse{LobbyGameJSONResponse: g}, err
}

func (h *handlers) PauseLobbyGame(ctx context.Context, r api.PauseLobbyGameRequestObject) (api.PauseLobbyGameResponseObject, error) {
	g, err := h.lobbyGame(ctx, gameID(r.GameID), game.Pause{By: byPlayer(ctx)})
	return api.PauseLobbyGame200JSONResponse{LobbyGameJSONResponse: g}, err
}

func (h *handlers) ResumeLobbyGame(ctx context.Context, r api.ResumeLobbyGameRequestObject) (api.ResumeLobbyGameResponseObject, error) {
	g, err := h.lobbyGame(ctx, gameID(r.GameID), game.Resume{By: byPlayer(ctx)})
	return api.ResumeLobbyGame200JSONResponse{LobbyGameJSONResponse: g}, err
}

func (h *handlers) MoveLobbyDeadline(ctx context.Context, r api.MoveLobbyDeadlineRequestObject) (api.MoveLobbyDeadlineResponseObject, error) {
	g, err := h.lobbyGame(ctx, gameID(r.GameID), game.MoveDeadline{By: byPlayer(ctx), Turn: int(r.Body.Turn), At: *utc(&r.Body.Deadline)})
	return api.MoveLobbyDeadline200JSONResponse{LobbyGameJSONResponse: g}, err
}

func (h *handlers) CancelLobbyGame(ctx context.Context, r api.CancelLobbyGameRequestObject) (api.CancelLobbyGameResponseObject, error) {
	g, err := h.lobbyGame(ctx, gameID(r.GameID), game.Cancel{By: byPlayer(ctx), Reason: deref(r.Body.Reason)})
	return api.CancelLobbyGame200JSONResponse{LobbyGameJSONResponse: g}, err
}

func (h *handlers) TransferLobbyGame(ctx context.Context, r api.TransferLobbyGameRequestObject) (api.TransferLobbyGameResponseObject, error) {
	g, err := h.lobbyGame(ctx, gameID(r.GameID), game.Transfer{By: byPlayer(ctx), To: galaxy.UserID{UUID: r.Body.UserID}})
	return api.TransferLobbyGame200JSONResponse{LobbyGameJSONResponse: g}, err
}
