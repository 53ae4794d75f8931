package test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"galaxy/backend/client"
	"galaxy/backend/internal/bot"
	"galaxy/backend/internal/gateway"
	"galaxy/backend/internal/stack"
)

// ok is the body of an answer that must have a status.
func ok[T any](w *world, status int, body []byte, code int, v *T, err error) T {
	w.Helper()
	require.NoError(w, err)
	require.Equal(w, status, code, string(body))
	require.NotNil(w, v, string(body))
	return *v
}

// engineVersion registers the engine that games are started with.
func (w *world) engineVersion() {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
	defer cancel()
	image, err := w.stack.ProvideEngine(ctx, "1.0.0")
	require.NoError(w, err)
	r, err := w.gateway.API.AdminAddEngineVersionWithResponse(ctx, nil, client.AddEngineVersionRequest{Version: "1.0.0", ImageRef: image, ExpectedTurn: new(true)}, w.admin)
	ok(w, http.StatusCreated, r.Body, r.StatusCode(), r.JSON201, err)
}

// owner signs a player in who has paid.
func (w *world) owner(email string) gateway.Player {
	w.Helper()
	p := w.signIn(email)
	r, err := w.gateway.API.AdminEntitleUserWithResponse(w.Context(), p.User, nil, client.EntitlementRequest{Tier: client.TierPermanent}, w.admin)
	require.NoError(w, err)
	require.Equal(w, http.StatusOK, r.StatusCode(), string(r.Body))
	return p
}

// is waits until a game has a status.
func (w *world) is(game uuid.UUID, status client.GameStatus) client.AdminGame {
	w.Helper()
	var last *client.AdminGetGameAnswer
	require.Eventually(w, func() bool {
		r, err := w.gateway.API.AdminGetGameWithResponse(w.Context(), game, nil, w.admin)
		last = r
		return err == nil && r.JSON200 != nil && r.JSON200.Status == status
	}, time.Minute, 20*time.Millisecond, "the game is not %s: %s", status, last)
	return *last.JSON200
}

// open makes a private game of the owner's and opens it.
func (w *world) open(owner gateway.Player, request client.CreatePrivateGameRequest) uuid.UUID {
	w.Helper()
	api, ctx := w.gateway.API, w.Context()
	request.Name, request.MinPlayers, request.TurnSchedule = "Sirius", 2, "0 21 * * *"
	made, err := api.CreateLobbyGameWithResponse(ctx, &client.CreateLobbyGameParams{IdempotencyKey: new(uuid.NewString())}, request, owner.As)
	g := ok(w, http.StatusCreated, made.Body, made.StatusCode(), made.JSON201, err)
	opened, err := api.OpenLobbyEnrollmentWithResponse(ctx, g.GameID, nil, client.OpenEnrollmentRequest{EnrollmentEndsAt: new(time.Now().Add(time.Hour))}, owner.As)
	ok(w, http.StatusOK, opened.Body, opened.StatusCode(), opened.JSON200, err)
	return g.GameID
}

// invite asks a player in by name; a gateway that heard no answer asks again.
func (w *world) invite(game uuid.UUID, owner, guest gateway.Player) client.Invite {
	w.Helper()
	api, ctx := w.gateway.API, w.Context()
	account, err := api.GetAccountWithResponse(ctx, nil, guest.As)
	require.NoError(w, err)
	key := &client.InviteToGameParams{IdempotencyKey: new(uuid.NewString())}
	var first client.Invite
	for range 2 {
		r, err := api.InviteToGameWithResponse(ctx, game, key, client.InviteRequest{UserName: &account.JSON200.UserName}, owner.As)
		i := ok(w, http.StatusCreated, r.Body, r.StatusCode(), r.JSON201, err)
		if first.InviteID != (uuid.UUID{}) {
			require.Equal(w, first, i)
		}
		first = i
	}
	return first
}

func (w *world) redeem(i client.Invite, guest gateway.Player, race string) {
	w.Helper()
	for range 2 {
		r, err := w.gateway.API.RedeemInviteWithResponse(w.Context(), i.GameID, i.InviteID, nil, client.RedeemRequest{RaceName: race}, guest.As)
		ok(w, http.StatusOK, r.Body, r.StatusCode(), r.JSON200, err)
	}
}

// TestAPrivateGame: made, its players invited, full, started by itself; paused, resumed, handed over.
func TestAPrivateGame(t *testing.T) {
	w := begin(t, "process")
	w.engineVersion()
	owner, guest := w.owner("owner@galaxy.test"), w.owner("guest@galaxy.test") // who is to own it too
	api, ctx := w.gateway.API, t.Context()
	w.game = w.open(owner, client.CreatePrivateGameRequest{MaxPlayers: 2, RaceName: new("Owners")})
	hidden, err := api.GetLobbyGameWithResponse(ctx, w.game, nil, guest.As)
	require.NoError(t, err)
	require.Equal(t, http.StatusNotFound, hidden.StatusCode())
	i := w.invite(w.game, owner, guest)
	w.redeem(i, guest, "Guests")
	w.is(w.game, client.GameStatusRunning)
	w.waitTurn(0)
	paused, err := api.PauseLobbyGameWithResponse(ctx, w.game, nil, owner.As)
	ok(w, http.StatusOK, paused.Body, paused.StatusCode(), paused.JSON200, err)
	stopped, err := api.AdminForceStopWithResponse(ctx, w.game, nil, w.admin)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, stopped.StatusCode(), string(stopped.Body))
	require.Eventually(t, func() bool { return w.waitAny().Status == client.RuntimeStatusStopped }, time.Minute, 20*time.Millisecond)
	resumed, err := api.ResumeLobbyGameWithResponse(ctx, w.game, nil, owner.As)
	require.Equal(t, client.GameStatusPaused, ok(w, http.StatusOK, resumed.Body, resumed.StatusCode(), resumed.JSON200, err).Status, "until the engine has answered")
	w.is(w.game, client.GameStatusRunning)
	given, err := api.TransferLobbyGameWithResponse(ctx, w.game, nil, client.TransferRequest{UserID: guest.User}, owner.As)
	require.Equal(t, guest.User, *ok(w, http.StatusOK, given.Body, given.StatusCode(), given.JSON200, err).OwnerUserID)
	mine, err := api.ListMyGamesWithResponse(ctx, nil, guest.As)
	page := ok(w, http.StatusOK, mine.Body, mine.StatusCode(), mine.JSON200, err)
	require.True(t, page.Items[0].Owner)
	require.Equal(t, "Guests", page.Items[0].Membership.RaceName)
	require.Eventually(t, func() bool {
		return w.stream.Count("lobby.invite.received") == 1 && w.stream.Count("lobby.game.updated") >= 4
	}, time.Minute, 20*time.Millisecond)
	deleted, err := api.DeleteAccountWithResponse(ctx, nil, guest.As)
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, deleted.StatusCode(), string(deleted.Body))
	require.Eventually(t, func() bool {
		g := w.is(w.game, client.GameStatusRunning)
		return g.OwnerUserID != nil && *g.OwnerUserID == owner.User
	}, time.Minute, 20*time.Millisecond, "a game whose owner goes is the other member's")
}

// TestAPublicGame: applied to, approved, the gap of a full game, its last seat, the start.
func TestAPublicGame(t *testing.T) {
	w := begin(t, "process")
	w.engineVersion()
	api, ctx := w.gateway.API, t.Context()
	made, err := api.AdminCreateGameWithResponse(ctx, nil, client.CreateGameRequest{Name: "Andromeda", Description: new("For beginners"), MinPlayers: 2, MaxPlayers: 2,
		StartGapHours: new(1), StartGapPlayers: new(1), TurnSchedule: "0 21 * * *", ScheduleTimeZone: new("Europe/Berlin")}, w.admin)
	w.game = ok(w, http.StatusCreated, made.Body, made.StatusCode(), made.JSON201, err).GameID
	opened, err := api.AdminOpenEnrollmentWithResponse(ctx, w.game, nil, client.OpenEnrollmentRequest{EnrollmentEndsAt: new(time.Now().Add(2 * time.Hour))}, w.admin)
	ok(w, http.StatusOK, opened.Body, opened.StatusCode(), opened.JSON200, err)
	for i := range 3 {
		p := w.signIn(fmt.Sprintf("p%d@galaxy.test", i))
		found, err := api.ListLobbyGamesWithResponse(ctx, &client.ListLobbyGamesParams{Text: new("begin andro"), Status: &[]client.GameStatus{client.GameStatusEnrollmentOpen}}, p.As)
		require.Len(t, ok(w, http.StatusOK, found.Body, found.StatusCode(), found.JSON200, err).Items, 1)
		applied, err := api.ApplyToGameWithResponse(ctx, w.game, nil, client.ApplyRequest{RaceName: fmt.Sprintf("Race-%c", 'A'+i)}, p.As)
		a := ok(w, http.StatusCreated, applied.Body, applied.StatusCode(), applied.JSON201, err)
		for range 2 {
			approved, err := api.AdminApproveApplicationWithResponse(ctx, w.game, a.ApplicationID, nil, w.admin)
			ok(w, http.StatusOK, approved.Body, approved.StatusCode(), approved.JSON200, err)
		}
		if g := w.is; i < 2 {
			now := g(w.game, client.GameStatusEnrollmentOpen)
			require.Equal(t, i == 1, now.StartsAt != nil, "the gap begins when max_players are in")
		}
	}
	w.is(w.game, client.GameStatusRunning)
}

// last plays a private game of two until one race is left, which has grown, and gives its player.
func (w *world) last(owner, guest gateway.Player, race string) {
	w.Helper()
	api, ctx := w.gateway.API, w.Context()
	w.game = w.open(owner, client.CreatePrivateGameRequest{MaxPlayers: 2, RaceName: &race})
	w.redeem(w.invite(w.game, owner, guest), guest, "Guests")
	w.is(w.game, client.GameStatusRunning)
	turn, begun := 0, w.ownRace(owner, race)
	for now := begun; *now.Planets <= *begun.Planets || *now.Population <= *begun.Population; turn++ {
		require.Less(w, turn, 60, "the race does not grow")
		report, err := api.GetReportWithResponse(ctx, w.game, int32(turn), nil, owner.As)
		require.NoError(w, err)
		commands, err := bot.Think(report.Body)
		require.NoError(w, err)
		list, err := json.Marshal(commands)
		require.NoError(w, err)
		put, err := api.PutOrdersWithResponse(ctx, w.game, nil, client.PutOrdersRequest{Turn: int32(turn + 1), Commands: list}, owner.As)
		ok(w, http.StatusOK, put.Body, put.StatusCode(), put.JSON200, err)
		require.Equal(w, http.StatusOK, w.force(turn+1))
		w.waitTurn(turn + 1)
		now = w.ownRace(owner, race)
	}
	left, err := api.LeaveGameWithResponse(ctx, w.game, nil, guest.As)
	ok(w, http.StatusOK, left.Body, left.StatusCode(), left.JSON200, err)
	require.Equal(w, http.StatusOK, w.force(turn+1))
	g := w.is(w.game, client.GameStatusFinished)
	require.Equal(w, "last_race_standing", *g.Reason)
}

// ownRace gives the newest numbers of a race.
func (w *world) ownRace(p gateway.Player, race string) (own client.RaceState) {
	w.Helper()
	state, err := w.gateway.API.GetGameStateWithResponse(w.Context(), w.game, nil, p.As)
	for _, r := range ok(w, http.StatusOK, state.Body, state.StatusCode(), state.JSON200, err).Races {
		if r.RaceName == race {
			own = r
		}
	}
	require.NotNil(w, own.Planets)
	require.Positive(w, *own.Planets)
	return own
}

func (w *world) nameOf(p gateway.Player, race string) *client.RaceName {
	w.Helper()
	r, err := w.gateway.API.ListMyRaceNamesWithResponse(w.Context(), nil, p.As)
	for _, n := range ok(w, http.StatusOK, r.Body, r.StatusCode(), r.JSON200, err).Items {
		if n.RaceName == race {
			return &n
		}
	}
	return nil
}

// TestARaceNameIsWon: a game ends, the last race's name waits to be registered, one is registered and one expires.
func TestARaceNameIsWon(t *testing.T) {
	w := beginWith(t, stack.Options{Driver: "process", Fast: true, Env: []string{"BACKEND_LOBBY_PENDING_REGISTRATION_TTL=8s", "BACKEND_LOBBY_SWEEPER_INTERVAL=200ms"}})
	w.engineVersion()
	owner, guest, api, ctx := w.owner("owner@galaxy.test"), w.signIn("guest@galaxy.test"), w.gateway.API, t.Context()
	w.last(owner, guest, "Zarquon")
	require.Equal(t, client.RaceNameStatusPendingRegistration, w.nameOf(owner, "Zarquon").Status)
	for range 2 {
		kept, err := api.RegisterRaceNameWithResponse(ctx, nil, client.RegisterRaceNameRequest{RaceName: "zarquon"}, owner.As)
		require.Equal(t, client.RaceNameStatusRegistered, ok(w, http.StatusCreated, kept.Body, kept.StatusCode(), kept.JSON201, err).Status)
	}
	require.Nil(t, w.nameOf(guest, "Guests"), "who has left wins nothing")
	taken, err := api.CheckRaceNameWithResponse(ctx, &client.CheckRaceNameParams{Name: "Zarqu0n"}, guest.As)
	check := ok(w, http.StatusOK, taken.Body, taken.StatusCode(), taken.JSON200, err)
	require.False(t, check.Free)
	require.EqualValues(t, "registered", *check.Reason)

	w.last(owner, guest, "Magrathea")
	require.NotNil(t, w.nameOf(owner, "Magrathea"))
	require.Eventually(t, func() bool {
		return w.nameOf(owner, "Magrathea") == nil && w.stream.Count("lobby.race_name.expired") == 1
	}, time.Minute, 50*time.Millisecond)
	late, err := api.RegisterRaceNameWithResponse(ctx, nil, client.RegisterRaceNameRequest{RaceName: "Magrathea"}, owner.As)
	require.NoError(t, err)
	require.Equal(t, http.StatusNotFound, late.StatusCode())
	free, err := api.CheckRaceNameWithResponse(ctx, &client.CheckRaceNameParams{Name: "Magrathea"}, guest.As)
	require.True(t, ok(w, http.StatusOK, free.Body, free.StatusCode(), free.JSON200, err).Free)
	report, err := api.AdminGetRaceNameWithResponse(ctx, "magrathea", nil, w.admin)
	var events []string
	for _, e := range ok(w, http.StatusOK, report.Body, report.StatusCode(), report.JSON200, err).Items {
		events = append(events, string(e.Event))
	}
	require.Equal(t, []string{"expired", "won", "reserved"}, events)
	require.Equal(t, 2, w.stream.Count("lobby.race_name.pending"))
	require.Equal(t, 1, w.stream.Count("lobby.race_name.registered"))
}

// TestANoticeOutlivesItsService: the service is killed between the commit of a fact and the delivery of its notices, which
// arrive after the restart, once.
func TestANoticeOutlivesItsService(t *testing.T) {
	w := begin(t, "process")
	owner, guest := w.owner("owner@galaxy.test"), w.signIn("guest@galaxy.test")
	w.game = w.open(owner, client.CreatePrivateGameRequest{MaxPlayers: 4})
	conn, err := pgx.Connect(t.Context(), w.stack.DSN)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	exec := func(sql string) {
		_, err := conn.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	// Whoever takes a notice up has to wait until the test lets go.
	exec(`CREATE FUNCTION wait_for_test() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock_shared(4711); RETURN NEW; END $$`)
	exec(`CREATE TRIGGER wait_for_test BEFORE UPDATE ON notification_routes FOR EACH ROW EXECUTE FUNCTION wait_for_test()`)
	exec(`SELECT pg_advisory_lock(4711)`)
	i := w.invite(w.game, owner, guest)
	w.backend.Kill()
	require.Zero(t, w.stream.Count("lobby.invite.received"))
	exec(`SELECT pg_advisory_unlock(4711)`)
	exec(`DROP TRIGGER wait_for_test ON notification_routes`)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	w.backend, err = w.stack.StartBackend(ctx)
	require.NoError(t, err)
	delivered := func() (n int) {
		require.NoError(t, conn.QueryRow(t.Context(), `SELECT count(*) FROM notification_routes r JOIN notifications n USING (notice_id)
			WHERE n.kind = 'lobby.invite.received' AND r.status = 'delivered' AND n.dedupe_key = $1`, i.InviteID.String()).Scan(&n))
		return n
	}
	require.Eventually(t, func() bool { return delivered() == 2 && w.stream.Count("lobby.invite.received") == 1 }, time.Minute, 20*time.Millisecond)
	var mails int
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT count(*) FROM mail_deliveries WHERE template_id = 'lobby.invite.received'`).Scan(&mails))
	require.Equal(t, 1, mails)
	require.Equal(t, 1, w.stream.Count("lobby.invite.received"))
	w.redeem(i, guest, "Guests")
}
