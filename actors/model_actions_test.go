package actors_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"galaxy/backend/actors/game"
	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/races"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/enginetest"
)

// actions are everything that can happen. Each asks the real actors, and does the same to the model.
func (w *world) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"create": w.create, "open": w.open, "open again": w.open, "apply": w.apply, "apply again": w.apply, "and again": w.apply, "invite more": w.invite, "redeem more": w.redeem, "approve more": w.approve, "move more": w.move, "run": w.run, "run more": w.run, "approve": w.approve, "approve again": w.approve,
		"reject": w.reject, "withdraw": w.withdraw, "invite": w.invite, "invite again": w.invite, "redeem": w.redeem, "redeem again": w.redeem,
		"decline": w.decline, "unseat": w.unseat, "leave": w.leave, "edit": w.edit, "move": w.move, "move again": w.move, "transfer": w.transfer,
		"finish": w.finish, "register": w.register, "time passes": w.pass, "engines break": w.breakEngines, "delete": w.remove, "block": w.block, "rebuild": w.rebuild,
	}
}

func (w *world) open(rt *rapid.T) {
	i, g := w.game(rt, in(galaxy.Draft, galaxy.ReadyToStart))
	u, by := w.who(rt, g)
	ends := w.model.now.Add(20*time.Hour + w.hours(rt, 200))
	allowed := g.runs(u) && (g.status == galaxy.Draft || g.status == galaxy.ReadyToStart)
	if _, ok := tell(w, rt, i, allowed, game.OpenEnrollment{By: by, EndsAt: &ends}); ok {
		g.status, g.ends = galaxy.EnrollmentOpen, ends
		w.model.arrange(g)
	}
}

func (w *world) apply(rt *rapid.T) {
	i, g := w.game(rt, func(g *mGame) bool { return !g.private && g.status == galaxy.EnrollmentOpen })
	u := w.fitting(rt, g)
	name := race(rt, u)
	_, waits := g.apps[u]
	allowed := !g.private && w.model.open(g) && !waits && !g.inGame(name) && w.model.mayJoin(g, u, name)
	if _, ok := tell(w, rt, i, allowed, game.Apply{User: w.users[u], Race: name}); ok {
		g.apps[u] = name
	}
}

// application gives the id of a user's pending application, or one that nothing has.
func (w *world) application(rt *rapid.T, i, u int) galaxy.ApplicationID {
	g, err := kit.Ask(context.Background(), w.system.Games.Ref(w.games[i]), game.Get{})
	if err != nil {
		rt.Fatal(err)
	}
	for _, a := range g.Applications {
		if a.User == w.users[u] {
			return a.ID
		}
	}
	return galaxy.ApplicationID{UUID: galaxy.NewID()}
}

// waiting prefers somebody who waits for an answer.
func (w *world) waiting(rt *rapid.T, users []int) int {
	if len(users) > 0 && rapid.IntRange(0, 4).Draw(rt, "one who waits") > 0 {
		return rapid.SampledFrom(users).Draw(rt, "waits")
	}
	return w.user(rt, "user")
}

func (w *world) approve(rt *rapid.T) {
	i, g := w.game(rt, func(g *mGame) bool { return len(g.apps) > 0 })
	u, by := w.who(rt, g)
	applicant := w.waiting(rt, sorted(g.apps))
	name, waits := g.apps[applicant]
	allowed := waits && g.runs(u) && w.model.open(g) && !g.inGame(name) && w.model.mayJoin(g, applicant, name)
	if _, ok := tell(w, rt, i, allowed, game.Approve{By: by, Application: w.application(rt, i, applicant)}); ok {
		w.model.sit(g, applicant, name)
	}
}

func (w *world) reject(rt *rapid.T) {
	i, g := w.game(rt, func(g *mGame) bool { return len(g.apps) > 0 })
	u, by := w.who(rt, g)
	applicant := w.waiting(rt, sorted(g.apps))
	_, waits := g.apps[applicant]
	if _, ok := tell(w, rt, i, waits && g.runs(u), game.Reject{By: by, Application: w.application(rt, i, applicant)}); ok {
		delete(g.apps, applicant)
	}
}

func (w *world) withdraw(rt *rapid.T) {
	i, g := w.game(rt, func(g *mGame) bool { return len(g.apps) > 0 })
	u := w.waiting(rt, sorted(g.apps))
	_, waits := g.apps[u]
	if _, ok := tell(w, rt, i, waits, game.Withdraw{User: w.users[u], Application: w.application(rt, i, u)}); ok {
		delete(g.apps, u)
	}
}

func (w *world) invite(rt *rapid.T) {
	i, g := w.game(rt, func(g *mGame) bool { return g.private && g.status == galaxy.EnrollmentOpen })
	u, by := w.who(rt, g)
	guest := w.fitting(rt, g)
	expires := w.model.now.Add(w.hours(rt, 80))
	_, invited := g.invites[guest]
	seat := g.last(guest)
	allowed := g.runs(u) && g.private && w.model.open(g) && !invited && !w.model.users[guest].gone && g.active() < g.capacity() &&
		(seat == nil || seat.state != galaxy.MemberActive && seat.state != galaxy.MemberBlocked)
	if _, ok := tell(w, rt, i, allowed, game.Invite{By: by, User: w.users[guest], ExpiresAt: expires}); ok {
		g.invites[guest] = expires
	}
}

func (w *world) invited(rt *rapid.T, i, u int) galaxy.InviteID {
	g, err := kit.Ask(context.Background(), w.system.Games.Ref(w.games[i]), game.Get{})
	if err != nil {
		rt.Fatal(err)
	}
	for _, invite := range g.Invites {
		if invite.User == w.users[u] {
			return invite.ID
		}
	}
	return galaxy.InviteID{UUID: galaxy.NewID()}
}

func (w *world) redeem(rt *rapid.T) {
	i, g := w.game(rt, func(g *mGame) bool { return len(g.invites) > 0 })
	u := w.waiting(rt, sorted(g.invites))
	name := race(rt, u)
	_, invited := g.invites[u]
	allowed := invited && w.model.open(g) && !g.inGame(name) && w.model.mayJoin(g, u, name)
	if _, ok := tell(w, rt, i, allowed, game.Redeem{User: w.users[u], Invite: w.invited(rt, i, u), Race: name}); ok {
		w.model.sit(g, u, name)
	}
}

// decline turns an invite down, or takes it back.
func (w *world) decline(rt *rapid.T) {
	i, g := w.game(rt, func(g *mGame) bool { return len(g.invites) > 0 })
	guest := w.waiting(rt, sorted(g.invites))
	_, invited := g.invites[guest]
	id := w.invited(rt, i, guest)
	var ok bool
	if rapid.Bool().Draw(rt, "revoked") {
		u, by := w.who(rt, g)
		_, ok = tell(w, rt, i, invited && g.runs(u), game.Revoke{By: by, Invite: id})
	} else {
		_, ok = tell(w, rt, i, invited, game.Decline{User: w.users[guest], Invite: id})
	}
	if ok {
		delete(g.invites, guest)
	}
}

func (w *world) unseat(rt *rapid.T) {
	i, g := w.game(rt, func(g *mGame) bool { return len(g.seats) > 0 && !g.over() })
	if len(g.seats) == 0 {
		return
	}
	u, by := w.who(rt, g)
	n := rapid.IntRange(0, len(g.seats)-1).Draw(rt, "seat")
	real, err := kit.Ask(context.Background(), w.system.Games.Ref(w.games[i]), game.Get{})
	if err != nil {
		rt.Fatal(err)
	}
	s, to := g.seats[n], galaxy.MemberRemoved
	blocks := rapid.Bool().Draw(rt, "blocks")
	if blocks {
		to = galaxy.MemberBlocked
	}
	allowed := g.runs(u) && (s.state == to || s.state == galaxy.MemberActive && !g.over())
	if _, ok := tell(w, rt, i, allowed, game.Remove{By: by, Membership: real.Members[n].ID, Block: blocks}); ok && s.state != to {
		w.model.unseat(g, s, to)
	}
}

func (w *world) leave(rt *rapid.T) {
	i, g := w.game(rt, func(g *mGame) bool { return len(g.seats) > 0 && !g.over() })
	u := w.user(rt, "leaver")
	if len(g.seats) > 0 && likely(rt) {
		u = rapid.SampledFrom(g.seats).Draw(rt, "seat").user
	}
	s := g.last(u)
	allowed := s != nil && (s.state == galaxy.MemberLeft || s.state == galaxy.MemberActive && !g.over()) && g.sees(u)
	if _, ok := tell(w, rt, i, allowed, game.Leave{User: w.users[u]}); ok && s.state == galaxy.MemberActive {
		w.model.unseat(g, s, galaxy.MemberLeft)
	}
}

func (w *world) edit(rt *rapid.T) {
	i, g := w.game(rt, in(galaxy.Draft, galaxy.EnrollmentOpen))
	u, by := w.who(rt, g)
	most := rapid.IntRange(2, 5).Draw(rt, "max")
	allowed := g.runs(u) && (g.status == galaxy.Draft || g.status == galaxy.EnrollmentOpen) && most >= g.active()
	if _, ok := tell(w, rt, i, allowed, game.Edit{By: by, Edit: galaxy.GameEdit{MaxPlayers: &most}}); ok {
		g.max = most
		w.model.arrange(g)
	}
}

// moves are those that a status mostly allows.
var moves = map[galaxy.GameStatus][]string{galaxy.EnrollmentOpen: {"ready", "force"}, galaxy.ReadyToStart: {"start", "force"}, galaxy.StartFailed: {"retry", "force", "ready"},
	galaxy.Running: {"pause", "stop"}, galaxy.Paused: {"resume", "resume", "stop"}}

// move makes one of the moves that have no other matter.
func (w *world) move(rt *rapid.T) {
	w.moveOne(rt, func(g *mGame) bool { return !g.over() && g.active() > 1 })
}

// run moves a game whose engine runs, or should.
func (w *world) run(rt *rapid.T) {
	w.moveOne(rt, in(galaxy.Running, galaxy.Paused, galaxy.StartFailed))
}

func (w *world) moveOne(rt *rapid.T, suits func(*mGame) bool) {
	i, g := w.game(rt, suits)
	u, by := w.who(rt, g)
	runs := g.runs(u)
	all := []string{"ready", "start", "retry", "force", "stop", "pause", "resume", "cancel"}
	if fit := moves[g.status]; fit != nil && likely(rt) {
		all = fit
	}
	switch rapid.SampledFrom(all).Draw(rt, "move") {
	case "ready":
		enough := g.status == galaxy.EnrollmentOpen && g.active() >= g.min || g.status == galaxy.StartFailed
		if _, ok := tell(w, rt, i, runs && enough, game.ReadyToStart{By: by}); ok {
			w.model.close(g)
			g.status = galaxy.ReadyToStart
		}
	case "start":
		w.begins(rt, i, runs && g.status == galaxy.ReadyToStart && g.active() >= g.min, game.Begin{By: by})
	case "retry":
		w.begins(rt, i, runs && g.status == galaxy.StartFailed && g.active() >= g.min, game.Begin{By: by, Retry: true})
	case "force":
		_, root := w.as(operators)
		can := slices.Contains([]galaxy.GameStatus{galaxy.EnrollmentOpen, galaxy.ReadyToStart, galaxy.StartFailed}, g.status) && g.active() >= 2
		w.begins(rt, i, can, game.ForceStart{By: root})
	case "stop":
		_, root := w.as(operators)
		can := g.status == galaxy.Running || g.status == galaxy.Paused && !g.engineStops
		if _, ok := tell(w, rt, i, can, game.ForceStop{By: root}); ok {
			g.status, g.engineStops, g.down = galaxy.Paused, true, true
		}
	case "pause":
		if _, ok := tell(w, rt, i, runs && g.status == galaxy.Running, game.Pause{By: by}); ok {
			g.status = galaxy.Paused
		}
	case "resume":
		if _, ok := tell(w, rt, i, runs && g.status == galaxy.Paused, game.Resume{By: by}); ok {
			w.model.resume(g)
		}
	case "cancel":
		can := !g.over() && (u == operators || runs && g.before())
		if _, ok := tell(w, rt, i, can, game.Cancel{By: by}); ok {
			w.model.end(g, galaxy.Cancelled)
		}
	}
}

func (w *world) begins(rt *rapid.T, i int, allowed bool, cmd kit.Command[galaxy.Game]) {
	if _, ok := tell(w, rt, i, allowed, cmd); ok {
		w.model.begin(w.model.games[i])
	}
}

func (w *world) transfer(rt *rapid.T) {
	i, g := w.game(rt, func(g *mGame) bool { return g.private && g.active() > 1 && !g.over() })
	u, by := w.who(rt, g)
	to := w.user(rt, "heir")
	if len(g.seats) > 0 && likely(rt) {
		to = rapid.SampledFrom(g.seats).Draw(rt, "seat").user
	}
	s := g.last(to)
	allowed := g.runs(u) && g.private && !g.over() && g.owner != to && s != nil && s.state == galaxy.MemberActive && w.model.mayOwn(to, g)
	if _, ok := tell(w, rt, i, allowed, game.Transfer{By: by, To: w.users[to]}); ok {
		g.owner = to
	}
}

// finish makes the last turn of a game that runs. Some races have grown.
func (w *world) finish(rt *rapid.T) {
	i, g := w.game(rt, in(galaxy.Running))
	if g.status != galaxy.Running || likely(rt) {
		return
	}
	grown := map[string]bool{}
	for _, s := range g.seats {
		grown[s.race] = rapid.Bool().Draw(rt, "grown "+s.race)
	}
	w.engines.Change(w.games[i], func(e *enginetest.Game) { e.Ends, e.Grown = true, grown })
	_, root := w.as(operators)
	tell(w, rt, i, true, game.ForceNextTurn{By: root, Turn: 1})
	w.model.finish(g, grown)
}

func (w *world) register(rt *rapid.T) {
	u := w.user(rt, "registrant")
	name := race(rt, u)
	if won := sorted(w.model.pending); len(won) > 0 && likely(rt) {
		name = w.model.pending[rapid.SampledFrom(won).Draw(rt, "won")].race
	}
	key := keyOf(name)
	won, waits := w.model.pending[key]
	if waits && rapid.IntRange(0, 3).Draw(rt, "the winner") > 0 {
		u = won.user
	}
	kept, is := w.model.kept[key]
	n := 0
	for _, by := range w.model.kept {
		if by == u {
			n++
		}
	}
	allowed := !w.model.users[u].gone && (is && kept == u || waits && won.user == u && w.model.now.Before(won.expires) && n < w.model.users[u].names)
	_, err := kit.Ask(context.Background(), w.system.Races, races.Register{User: w.users[u], Name: name})
	w.judge(rt, fmt.Sprintf("register %s by %d", name, u), allowed, err)
	if err == nil {
		delete(w.model.pending, key)
		w.model.kept[key] = u
	}
}

// breakEngines makes engines impossible to start, or possible again.
func (w *world) breakEngines(rt *rapid.T) {
	w.model.broken = rapid.IntRange(0, 3).Draw(rt, "broken") == 0
	w.engines.Refuse(w.model.broken)
}
