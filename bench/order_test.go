package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/game"
	"galaxy/backend/actors/kit"
	"galaxy/backend/engineapi"
	"galaxy/backend/galaxy"
	"galaxy/backend/store/storetest"
)

// player is who sends orders in a game.
type player struct {
	galaxy.Account
	game galaxy.GameID
	race string
}

// benchOrder: a list of orders accepted by an engine and stored, one player in each of 64 games.
func benchOrder(t *testing.T) {
	stand := newEngines(t)
	w := newWorld(t, stand)
	w.addVersion("engine:1.0.0")
	var players []player
	for range connections {
		players = append(players, w.runningGame(2)[0])
	}
	w.compareOrders("rest/order", stand, players)
}

// benchOrderOneGame: the same, all players in one game, whose writes wait for one another.
func benchOrderOneGame(t *testing.T) {
	stand := newEngines(t)
	w := newWorld(t, stand)
	w.addVersion("engine:1.0.0")
	w.compareOrders("rest/order-one-game", stand, w.runningGame(connections))
}

var operator = game.By{Principal: galaxy.Admin("root")}

// addVersion registers the engine that games are started with.
func (w *world) addVersion(imageRef string) {
	require.NoError(w, w.st.AddEngineVersion(w.Context(), galaxy.EngineVersion{Version: "1.0.0", ImageRef: imageRef, Enabled: true, ExpectedTurn: true,
		CreatedAt: storetest.Now()}, galaxy.Audit{By: operator.Principal, Action: "bench"}))
}

// runningGame starts a game of n players and waits until it takes orders.
func (w *world) runningGame(n int) (players []player) {
	g, accounts := storetest.Game(w.T, w.st, n)
	for _, a := range accounts {
		w.system.Rights.Add(a)
	}
	w.started(g.ID)
	for i, a := range accounts {
		seat, ok := g.SeatOf(a.ID)
		require.True(w, ok, i)
		players = append(players, player{a, g.ID, seat.Race})
	}
	return players
}

// started starts a game and waits until its engine is initialised.
func (w *world) started(id galaxy.GameID) {
	_, err := kit.Ask(w.Context(), w.system.Games.Ref(id), game.ForceStart{By: operator})
	require.NoError(w, err)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		g, err := kit.Ask(w.Context(), w.system.Games.Ref(id), game.Get{})
		require.NoError(w, err)
		if g.Status == galaxy.Running {
			return
		}
		require.True(w, time.Now().Before(deadline), "the game does not start: %+v", g.Runtime)
	}
}

// adopted waits until a game that runs takes orders. None is given: those that are tried are meant for others than are stored.
func (w *world) adopted(id galaxy.GameID) {
	g, err := kit.Ask(w.Context(), w.system.Games.Ref(id), game.Get{})
	require.NoError(w, err)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		_, err := kit.Ask(w.Context(), w.system.Games.Ref(id), game.PutOrders{User: g.Members[0].User, Turn: g.Runtime.Turn + 1, Expected: new(int64(-1))})
		if galaxy.Is(err, galaxy.Conflict) {
			return
		}
		require.True(w, time.Now().Before(deadline), "the engine is not adopted: %v", err)
	}
}

// commands are ten commands in one KiB.
func commands() string {
	one := fmt.Sprintf(`{"type":"planet.rename","planet":1,"name":%q}`, strings.Repeat("n", 50))
	return "[" + strings.Repeat(one+",", 9) + one + "]"
}

func (w *world) compareOrders(name string, stand *engines, players []player) {
	put := func(host string, p player, body string) *http.Request {
		r, err := http.NewRequestWithContext(w.Context(), http.MethodPut, "http://"+host+"/api/v1/user/games/"+p.game.String()+"/orders", strings.NewReader(body))
		require.NoError(w, err)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-User-ID", p.ID.String())
		return r
	}
	body := `{"turn":1,"commands":` + commands() + `}`
	limit := w.bareOrders(stand, players)
	ours := newLoad(w.T, w.rest, func(i int) *http.Request { return put(w.rest, players[i], body) })
	loop := newLoad(w.T, limit, func(i int) *http.Request { return put(limit, players[i], body) })
	comparison{name: name, unit: "orders/s", ours: ours.perSecond, limit: loop.perSecond}.run(w.T)
}

// bareOrders is the same call to the same engine and the same insert, by hand. Its rows stand beside those of the service,
// as orders of another epoch.
func (w *world) bareOrders(stand *engines, players []player) (address string) {
	pool := handPool(w.T, w.dsn)
	byUser := map[string]player{}
	engines := map[galaxy.GameID]string{}
	for _, p := range players {
		byUser[p.ID.String()] = p
		c, err := stand.Inspect(w.Context(), p.game)
		require.NoError(w, err)
		engines[p.game] = c.Address + "/api/v1/order"
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}}
	h := &bareOrder{pool: pool, client: client, byUser: byUser, engines: engines}
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.PUT("/api/v1/user/games/:id/orders", func(c *gin.Context) {
		if out, err := h.put(c); err != nil {
			c.String(http.StatusInternalServerError, err.Error())
		} else {
			c.JSON(http.StatusAccepted, out)
		}
	})
	return bare(w.T, e)
}

type bareOrder struct {
	pool    *pgxpool.Pool
	client  *http.Client
	byUser  map[string]player
	engines map[galaxy.GameID]string
}

func (h *bareOrder) put(c *gin.Context) (out engineapi.Results, err error) {
	var in struct {
		Turn     int               `json:"turn"`
		Commands []json.RawMessage `json:"commands"`
	}
	if err := c.BindJSON(&in); err != nil {
		return out, err
	}
	p := h.byUser[c.GetHeader("X-User-ID")]
	body, err := json.Marshal(engineapi.OrderRequest{RaceName: p.race, Turn: in.Turn, Commands: in.Commands})
	if err != nil {
		return out, err
	}
	r, err := http.NewRequestWithContext(c.Request.Context(), http.MethodPut, h.engines[p.game], bytes.NewReader(body))
	if err != nil {
		return out, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(engineapi.GameHeader, p.game.String())
	res, err := h.client.Do(r)
	if err != nil {
		return out, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return out, err
	}
	if res.StatusCode >= 300 {
		return out, &refused{strconv.Itoa(res.StatusCode), string(raw)}
	}
	if err := json.Unmarshal(raw, &out); err != nil {
		return out, err
	}
	list, err := json.Marshal(in.Commands)
	if err != nil {
		return out, err
	}
	_, err = h.pool.Exec(c.Request.Context(), `INSERT INTO orders (game_id, epoch, turn, race_name, user_id, revision, engine_revision, commands, stored_at)
		VALUES ($1, 1, $2, $3, $4, $5, $5, $6, $7)
		ON CONFLICT (game_id, epoch, turn, race_name) DO UPDATE SET user_id = excluded.user_id, revision = excluded.revision,
			engine_revision = excluded.engine_revision, commands = excluded.commands, stored_at = excluded.stored_at`,
		p.game.UUID, in.Turn, p.race, p.ID.UUID, out.Revision, string(list), time.Now())
	return out, err
}
