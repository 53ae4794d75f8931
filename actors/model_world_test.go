package actors_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"galaxy/backend/actors/account"
	"galaxy/backend/actors/game"
	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

// broken compares the directory with the names that the model has, and looks for broken invariants.
func (w *world) broken(want map[string]galaxy.UserID) string {
	for what, sql := range invariants {
		rows, err := w.conn.Query(context.Background(), sql)
		if err != nil {
			return err.Error()
		}
		found, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil || len(found) > 0 {
			return fmt.Sprintf("%s: %s %v", what, strings.Join(found, ", "), err)
		}
	}
	stored := map[string]galaxy.UserID{}
	if err := w.st.HeldKeys(context.Background(), func(key string, user galaxy.UserID, _ galaxy.NameStatus, _ int) { stored[key] = user }); err != nil {
		return err.Error()
	}
	if len(stored) != len(want) || w.system.Names.Len() != len(want) {
		return fmt.Sprintf("%d names are held, %d in memory, and not %d", len(stored), w.system.Names.Len(), len(want))
	}
	for key, user := range want {
		if cached, _, _ := w.system.Names.Holder(key); stored[key] != user || cached != user {
			return fmt.Sprintf("%s is held by %s, in memory by %s, and not by %s", key, stored[key], cached, user)
		}
	}
	return ""
}

// draws.
func (w *world) user(rt *rapid.T, what string) int {
	return rapid.IntRange(0, len(w.users)-1).Draw(rt, what)
}

// who is mostly whoever runs the game, else a player, or an operator.
func (w *world) who(rt *rapid.T, g *mGame) (int, game.By) {
	if g != nil && likely(rt) {
		return w.as(g.owner)
	}
	return w.as(rapid.IntRange(operators, len(w.users)-1).Draw(rt, "who"))
}

// likely is true four times of five: what is refused is tried, but does not fill the day.
func likely(rt *rapid.T) bool { return rapid.IntRange(0, 4).Draw(rt, "likely") > 0 }

func rarely(rt *rapid.T) bool { return rapid.IntRange(0, 9).Draw(rt, "rarely") == 0 }

func (w *world) as(u int) (int, game.By) {
	if u == operators {
		return u, game.By{Principal: galaxy.Admin("root")}
	}
	return u, game.By{Principal: galaxy.User(w.users[u])}
}

// game picks a game, mostly one that suits.
func (w *world) game(rt *rapid.T, suits func(*mGame) bool) (int, *mGame) {
	if len(w.games) == 0 {
		w.create(rt)
	}
	if len(w.games) == 0 {
		rt.Skip("there is no game")
	}
	var fit []int
	for i, g := range w.model.games {
		if suits(g) {
			fit = append(fit, i)
		}
	}
	i := -1
	switch {
	case !likely(rt):
		i = rapid.IntRange(0, len(w.games)-1).Draw(rt, "any game")
	case len(fit) > 0:
		i = rapid.SampledFrom(fit).Draw(rt, "game")
	default:
		rt.Skip("no game suits")
	}
	return i, w.model.games[i]
}

func in(statuses ...galaxy.GameStatus) func(*mGame) bool {
	return func(g *mGame) bool { return slices.Contains(statuses, g.status) }
}

// fitting picks a player, mostly one who can have a seat.
func (w *world) fitting(rt *rapid.T, g *mGame) int {
	var fit []int
	for u := range w.users {
		_, applied := g.apps[u]
		_, invited := g.invites[u]
		if !applied && !invited && w.model.mayJoin(g, u, raceNames[u]) {
			fit = append(fit, u)
		}
	}
	if len(fit) > 0 && likely(rt) {
		return rapid.SampledFrom(fit).Draw(rt, "fits")
	}
	return w.user(rt, "anybody")
}

// race is mostly the player's own.
func race(rt *rapid.T, u int) string {
	if likely(rt) {
		return raceNames[u]
	}
	return rapid.SampledFrom(raceNames).Draw(rt, "race")
}

func (w *world) hours(rt *rapid.T, most int) time.Duration {
	return time.Duration(rapid.IntRange(1, most).Draw(rt, "hours")) * time.Hour
}

// create makes a game: a public one by operators, a private one by a player.
func (w *world) create(rt *rapid.T) {
	going := 0
	for _, g := range w.model.games {
		if !g.over() {
			going++
		}
	}
	if going > 4 {
		rt.Skip("there are games enough")
	}
	u, by := w.who(rt, nil)
	spec := galaxy.GameSpec{Name: "Model", MinPlayers: 2, MaxPlayers: rapid.IntRange(2, 4).Draw(rt, "max"), StartGapHours: rapid.IntRange(0, 1).Draw(rt, "gap") * 20,
		StartGapPlayers: rapid.IntRange(0, 2).Draw(rt, "gap players"), Schedule: galaxy.Schedule{Cron: "0 0 29 2 *"}}
	g := &mGame{private: u != operators, status: galaxy.Draft, owner: u, min: 2, max: spec.MaxPlayers, gapHours: spec.StartGapHours, gapPlayers: spec.StartGapPlayers,
		apps: map[int]string{}, invites: map[int]time.Time{}}
	allowed := true
	visibility := galaxy.Public
	if u != operators {
		visibility = galaxy.Private
		owned := 0
		for _, other := range w.model.games {
			if other.owner == u && !other.over() {
				owned++
			}
		}
		allowed = owned < w.model.users[u].owns && !w.model.users[u].gone
		if rapid.Bool().Draw(rt, "joins") {
			spec.Race = race(rt, u)
			allowed = allowed && w.model.mayJoin(g, u, spec.Race)
		}
	}
	id := galaxy.GameID{UUID: galaxy.NewID()}
	_, err := kit.Ask(context.Background(), w.system.Games.Ref(id), game.Create{By: by, Visibility: visibility, Spec: spec})
	w.judge(rt, fmt.Sprintf("create %+v by %d", spec, u), allowed, err)
	if err != nil {
		return
	}
	w.games, w.model.games = append(w.games, id), append(w.model.games, g)
	if spec.Race != "" {
		w.model.sit(g, u, spec.Race)
	}
}

// pass lets time pass. Games that are due are woken as the sweeper would.
func (w *world) pass(rt *rapid.T) {
	w.model.now = w.model.now.Add(w.hours(rt, 25))
	now := w.model.now
	w.clock.Store(&now)
	for _, id := range w.games {
		kit.Tell(w.system.Games.Ref(id), game.Wake{})
	}
}

// remove deletes an account.
func (w *world) remove(rt *rapid.T) {
	u := w.user(rt, "deleted")
	if w.model.users[u].gone || !rarely(rt) {
		return
	}
	_, err := kit.Ask(context.Background(), w.system.Accounts.Ref(w.users[u]), account.Delete{By: galaxy.By{Principal: galaxy.User(w.users[u])}})
	w.judge(rt, fmt.Sprintf("delete %d", u), true, err)
	w.model.forget(u)
	deadline := time.Now().Add(10 * time.Second)
	for {
		a, err := w.st.Account(context.Background(), w.users[u])
		if a.Deletion == galaxy.DeletionDone {
			return
		}
		if time.Now().After(deadline) {
			rt.Fatalf("the deletion of %d does not come to its end: %+v %v", u, a, err)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// block forbids a player to join games.
func (w *world) block(rt *rapid.T) {
	u := w.user(rt, "blocked")
	if w.model.users[u].gone || w.model.users[u].blocked || !rarely(rt) {
		return
	}
	_, err := kit.Ask(context.Background(), w.system.Accounts.Ref(w.users[u]), account.Sanction{By: galaxy.By{Principal: galaxy.Admin("root")},
		Sanction: galaxy.Sanction{ID: galaxy.SanctionID{UUID: galaxy.NewID()}, Kind: galaxy.GameJoinBlock, ReasonCode: "test"}})
	w.judge(rt, fmt.Sprintf("block %d", u), true, err)
	w.model.users[u].blocked = true
}
