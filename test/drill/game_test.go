package drill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"galaxy/backend/client"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/gateway"
)

// game is one game, with what its players have been told.
type game struct {
	*world
	id    uuid.UUID
	races []*race
	turn  int // that was asked for last; -1 before the start
}

// race is a player's race in a game.
type race struct {
	player gateway.Player
	name   string
	planet int // that every list renames

	mu    sync.Mutex
	lists []*list // for the turn being prepared
}

// list is one list of orders: it gives the planet a name that no other list does.
type list struct {
	label        string
	began, ended time.Time
	fate         fate
	revision     int64
	code         client.ErrorErrorCode // of a refusal
}

// fate is what a player was told of a list.
type fate int

const (
	unknown  fate = iota // no answer, or one that leaves it open
	accepted             // it is in the turn, unless a later one has replaced it
	refused              // it is in no turn
)

// every is how often things are looked at.
const every = 15 * time.Millisecond

// make makes a game of two of the world's players, or of more, up to its start.
func (w *world) make(ctx context.Context, players int) (*game, error) {
	made, err := w.gateway.API.AdminCreateGameWithResponse(ctx, nil, client.CreateGameRequest{Name: "Andromeda", MinPlayers: 2, MaxPlayers: 64,
		TurnSchedule: "0 0 29 2 *"}, w.admin) // turns are forced
	if err != nil {
		return nil, err
	}
	if err := gateway.Check(made.HTTPResponse, made.Body, http.StatusCreated); err != nil {
		return nil, err
	}
	g := &game{world: w, id: made.JSON201.GameID, turn: -1}
	opened, err := w.gateway.API.AdminOpenEnrollmentWithResponse(ctx, g.id, nil, client.OpenEnrollmentRequest{EnrollmentEndsAt: new(time.Now().Add(time.Hour))}, w.admin)
	if err != nil {
		return nil, err
	}
	if err := gateway.Check(opened.HTTPResponse, opened.Body, http.StatusOK); err != nil {
		return nil, err
	}
	for i, p := range w.players[:players] {
		r := &race{player: p, name: fmt.Sprintf("Race-%c", 'A'+i)}
		g.races = append(g.races, r)
		applied, err := w.gateway.API.ApplyToGameWithResponse(ctx, g.id, nil, client.ApplyRequest{RaceName: r.name}, p.As)
		if err != nil {
			return nil, err
		}
		if err := gateway.Check(applied.HTTPResponse, applied.Body, http.StatusCreated); err != nil {
			return nil, err
		}
		approved, err := w.gateway.API.AdminApproveApplicationWithResponse(ctx, g.id, applied.JSON201.ApplicationID, nil, w.admin)
		if err != nil {
			return nil, err
		}
		if err := gateway.Check(approved.HTTPResponse, approved.Body, http.StatusOK); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// set makes games and starts them.
func (w *world) set(ctx context.Context, n, players int) ([]*game, error) {
	var games []*game
	for range n {
		g, err := w.make(ctx, players)
		if err != nil {
			return nil, fmt.Errorf("make a game: %w", err)
		}
		games = append(games, g)
	}
	return games, all(ctx, games, (*game).begin)
}

// all does something in each game at once.
func all(ctx context.Context, games []*game, do func(*game, context.Context) error) error {
	var every errgroup.Group
	for _, g := range games {
		every.Go(func() error { return do(g, ctx) })
	}
	return every.Wait()
}

// begin has the game started and waits until it is, whatever happens to the service meanwhile.
func (g *game) begin(ctx context.Context) error {
	g.turn = 0
	for {
		started, err := g.gateway.API.AdminForceStartWithResponse(ctx, g.id, nil, g.admin)
		if err == nil && started.StatusCode() == http.StatusOK {
			break
		}
		if err == nil && started.StatusCode() == http.StatusConflict {
			break // it was recorded before the service died; that it is not is found out by waiting
		}
		if err := pause(ctx, every); err != nil {
			return g.never("was not started")
		}
	}
	if err := g.await(ctx, 0); err != nil {
		return err
	}
	return g.lookAround(ctx)
}

// lookAround finds out which planets the races have.
func (g *game) lookAround(ctx context.Context) error {
	for _, r := range g.races {
		report, _, err := g.report(ctx, r, 0)
		if err != nil {
			return err
		}
		if len(report.Planets) == 0 {
			return fmt.Errorf("%s has no planets in the report of turn 0", r.name)
		}
		r.planet = report.Planets[0].ID
	}
	return nil
}

// next plays a turn: every player gives orders, and an operator forces the turn.
func (g *game) next(ctx context.Context) error {
	g.open()
	if err := g.order(ctx); err != nil {
		return err
	}
	return g.advance(ctx)
}

// open begins a turn.
func (g *game) open() {
	g.turn++
	for _, r := range g.races {
		r.lists = nil
	}
}

// tries is how often a player gives orders that meet trouble.
const tries = 40

// order has every player give orders until a list is accepted, or cannot be any more.
func (g *game) order(ctx context.Context) error {
	var players errgroup.Group
	for _, r := range g.races {
		players.Go(func() error {
			for range tries {
				l := g.put(ctx, r)
				if l.fate != unknown {
					return nil
				}
				if err := pause(ctx, every); err != nil {
					return g.never("took no orders")
				}
			}
			return nil
		})
	}
	return players.Wait()
}

// put gives one list.
func (g *game) put(ctx context.Context, r *race) *list {
	l := &list{label: fmt.Sprintf("t%d-%d", g.turn, g.labels.Add(1)), began: time.Now()}
	r.mu.Lock()
	r.lists = append(r.lists, l)
	r.mu.Unlock()
	commands, err := json.Marshal([]map[string]any{{"type": "planet.rename", "planet": r.planet, "name": l.label}})
	if err != nil {
		g.problem("orders: %v", err)
		return l
	}
	answer, err := g.gateway.API.PutOrdersWithResponse(ctx, g.id, nil, client.PutOrdersRequest{Turn: int32(g.turn), Commands: commands}, r.player.As)
	l.ended = time.Now()
	switch {
	case err != nil:
	case answer.JSON200 != nil:
		l.fate, l.revision = accepted, answer.JSON200.Revision
		if answer.JSON200.Accepted != 1 || answer.JSON200.Turn != g.turn {
			g.problem("game %s: a good list for turn %d was answered with %s", g.id, g.turn, answer.Body)
		}
	case answer.StatusCode() == http.StatusConflict:
		l.fate, l.code = refused, code(answer.Body)
	case answer.StatusCode() < 500:
		g.problem("game %s: a good list for turn %d was answered with %d %s", g.id, g.turn, answer.StatusCode(), answer.Body)
	}
	return l
}

// code gives the code of a refusal.
func code(body []byte) client.ErrorErrorCode {
	var e client.Error
	_ = json.Unmarshal(body, &e)
	return e.Error.Code
}

// advance forces the turn and waits until it is recorded, whatever happens to the service meanwhile.
func (g *game) advance(ctx context.Context) error {
	if err := g.force(ctx); err != nil {
		return err
	}
	return g.await(ctx, g.turn)
}

// force asks for the turn until it is claimed or made.
func (g *game) force(ctx context.Context) error {
	for {
		forced, err := g.gateway.API.AdminForceNextTurnWithResponse(ctx, g.id, nil, client.ForceNextTurnRequest{Turn: int32(g.turn)}, g.admin)
		switch {
		case err == nil && forced.StatusCode() == http.StatusOK:
			return nil
		case err == nil && forced.StatusCode() == http.StatusConflict:
			if r := g.runtime(ctx); r != nil && (r.Turn != nil && *r.Turn >= g.turn || r.Operation != nil && r.Operation.Kind == "turn" || stuck(r)) {
				return nil
			}
		}
		if err := pause(ctx, every); err != nil {
			return g.never("was not claimed")
		}
	}
}

// runtime gives what the service says of the game's engine; nil when it says nothing.
func (g *game) runtime(ctx context.Context) *client.Runtime {
	r, err := g.gateway.API.AdminGetRuntimeWithResponse(ctx, g.id, nil, g.admin)
	if err != nil {
		return nil
	}
	return r.JSON200
}

// errStuck is a game that waits for an operator.
var errStuck = errors.New("the game waits for an operator")

func stuck(r *client.Runtime) bool {
	switch r.Why {
	case "engine_unreachable", "generation_failed", "state_mismatch", "start_failed":
		return true
	}
	return false
}

// await waits until the turn is recorded and the game takes orders for the next.
func (g *game) await(ctx context.Context, turn int) error {
	for {
		r := g.runtime(ctx)
		switch {
		case r == nil:
		case r.Turn != nil && *r.Turn > turn:
			return nil // which the judge will not like
		case r.Turn != nil && *r.Turn == turn && r.Status == client.RuntimeStatusRunning && r.Operation == nil:
			return nil
		case stuck(r):
			return fmt.Errorf("game %s, turn %d: %w: %s", g.id, turn, errStuck, r.WhyText)
		}
		if err := pause(ctx, every); err != nil {
			return g.never("was not recorded")
		}
	}
}

// never is a turn that does not come to its end.
func (g *game) never(what string) error {
	g.count(&g.lost, 1)
	state := "nothing is known of it"
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if r := g.runtime(ctx); r != nil {
		state = fmt.Sprintf("it is %s: %s", r.Status, r.WhyText)
	}
	return fmt.Errorf("game %s: turn %d %s; %s", g.id, g.turn, what, state)
}

// resume has an operator go on with a paused game, and waits until it does.
func (g *game) resume(ctx context.Context) error {
	for {
		r, err := g.gateway.API.AdminResumeWithResponse(ctx, g.id, nil, g.admin)
		if err == nil && (r.StatusCode() == http.StatusOK || r.StatusCode() == http.StatusConflict) {
			break
		}
		if err := pause(ctx, every); err != nil {
			return g.never("was not resumed")
		}
	}
	for {
		if r := g.runtime(ctx); r != nil && r.Status == client.RuntimeStatusRunning && r.Operation == nil && !stuck(r) {
			return nil
		}
		if err := pause(ctx, every); err != nil {
			return g.never("did not go on")
		}
	}
}

// cancel ends the game, and waits until its engine has.
func (g *game) cancel(ctx context.Context) error {
	reason := "the drill is over"
	for {
		_, err := g.gateway.API.AdminCancelWithResponse(ctx, g.id, nil, client.ReasonRequest{Reason: &reason}, g.admin)
		if r := g.runtime(ctx); err == nil && r != nil && r.Status == client.RuntimeStatusStopped && r.Operation == nil {
			return nil
		}
		if err := pause(ctx, every); err != nil {
			return g.never("could not be cancelled")
		}
	}
}

// galaxyID is the game's id as drivers take it.
func (g *game) galaxyID() galaxy.GameID { return galaxy.GameID{UUID: g.id} }
