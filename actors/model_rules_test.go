package actors_test

import (
	"cmp"
	"slices"
	"time"

	"galaxy/backend/galaxy"
)

// The model is the rules of the lobby written down a second time, as plainly as possible: no versions, no notices, no
// store. It says whether an operation is allowed, and what is then true.
type model struct {
	now     time.Time
	users   []*mUser
	games   []*mGame
	pending map[string]mWon // won names by key
	kept    map[string]int  // registered names by key
	broken  bool            // engines cannot be started
}

type mUser struct {
	owns, seats, names int // how many private games, seats and registered names are allowed
	blocked, gone      bool
}

type mWon struct {
	user    int
	race    string
	expires time.Time
}

const operators = -1

type mGame struct {
	private     bool
	status      galaxy.GameStatus
	owner       int // operators, or a user
	min, max    int
	gapHours    int
	gapPlayers  int
	ends        time.Time
	full        *time.Time // since when max players are in
	seats       []*mSeat
	apps        map[int]string    // race by user
	invites     map[int]time.Time // expiry by user
	ran         bool
	engineStops bool // the engine was stopped by force
	down        bool // the engine does not run
}

type mSeat struct {
	user  int
	race  string
	state galaxy.MembershipStatus
	holds bool
}

func (g *mGame) active() (n int) {
	for _, s := range g.seats {
		if s.state == galaxy.MemberActive {
			n++
		}
	}
	return n
}

// last gives a user's newest seat.
func (g *mGame) last(user int) *mSeat {
	for _, s := range slices.Backward(g.seats) {
		if s.user == user {
			return s
		}
	}
	return nil
}

func (g *mGame) over() bool { return g.status == galaxy.Finished || g.status == galaxy.Cancelled }

func (g *mGame) before() bool {
	return slices.Contains([]galaxy.GameStatus{galaxy.Draft, galaxy.EnrollmentOpen, galaxy.ReadyToStart, galaxy.StartFailed}, g.status)
}

func (g *mGame) capacity() int {
	if g.gapHours > 0 {
		return g.max + g.gapPlayers
	}
	return g.max
}

func (g *mGame) sees(user int) bool {
	_, invited := g.invites[user]
	return user == operators || g.owner == user || !g.private && g.status != galaxy.Draft || g.private && (invited || g.last(user) != nil)
}

func (g *mGame) runs(user int) bool { return user == operators || g.owner == user }

func keyOf(race string) string {
	key, err := galaxy.RaceKey(race)
	if err != nil {
		panic(err)
	}
	return key
}

// holder says who has a name: by registration, by having won it, or by a seat of any game.
func (m *model) holder(key string) (int, bool) {
	if u, ok := m.kept[key]; ok {
		return u, true
	}
	if w, ok := m.pending[key]; ok {
		return w.user, true
	}
	for _, g := range m.games {
		for _, s := range g.seats {
			if s.holds && keyOf(s.race) == key {
				return s.user, true
			}
		}
	}
	return 0, false
}

func (m *model) seatsOf(user int) (n int) {
	for _, g := range m.games {
		if s := g.last(user); s != nil && s.state == galaxy.MemberActive && !g.over() {
			n++
		}
	}
	return n
}

// mayJoin: the account, the seats it may have, and the name.
func (m *model) mayJoin(g *mGame, user int, race string) bool {
	u := m.users[user]
	last := g.last(user)
	if u.gone || u.blocked || m.seatsOf(user) >= u.seats || g.active() >= g.capacity() {
		return false
	}
	return (last == nil || last.state != galaxy.MemberActive && last.state != galaxy.MemberBlocked) && m.nameFree(user, race)
}

func (m *model) nameFree(user int, race string) bool {
	by, held := m.holder(keyOf(race))
	if held && by != user {
		return false
	}
	return true
}

// inGame reports whether a seat of the game holds the name.
func (g *mGame) inGame(race string) bool {
	return slices.ContainsFunc(g.seats, func(s *mSeat) bool { return s.holds && keyOf(s.race) == keyOf(race) })
}

func (m *model) open(g *mGame) bool { return g.status == galaxy.EnrollmentOpen && m.now.Before(g.ends) }

func (m *model) sit(g *mGame, user int, race string) {
	g.seats = append(g.seats, &mSeat{user, race, galaxy.MemberActive, true})
	delete(g.apps, user)
	delete(g.invites, user)
	m.arrange(g)
}

// arrange keeps the gap, and does what follows by itself.
func (m *model) arrange(g *mGame) {
	switch full := g.active() >= g.max && g.status == galaxy.EnrollmentOpen; {
	case !full:
		g.full = nil
	case g.full == nil:
		now := m.now
		g.full = &now
	}
}

func (g *mGame) enrolled() (end time.Time) {
	end = g.ends
	if g.full != nil {
		gap := g.full.Add(time.Duration(g.gapHours) * time.Hour)
		if g.gapPlayers > 0 && g.active() >= g.capacity() {
			gap = *g.full
		}
		if gap.Before(end) {
			end = gap
		}
	}
	return end
}

// settle does everything that is due in the lobby.
func (m *model) settle() {
	for _, g := range m.games {
		if g.status != galaxy.EnrollmentOpen {
			continue
		}
		switch over := !m.now.Before(g.enrolled()); {
		case over && g.active() >= g.min:
			m.begin(g)
		case over:
			m.end(g, galaxy.Cancelled)
		default:
			for u, expires := range g.invites {
				if !m.now.Before(expires) {
					delete(g.invites, u)
				}
			}
		}
	}
	for key, w := range m.pending {
		if !m.now.Before(w.expires) {
			delete(m.pending, key)
		}
	}
}

func (m *model) close(g *mGame) {
	g.apps, g.invites, g.full = map[int]string{}, map[int]time.Time{}, nil
}

func (m *model) begin(g *mGame) {
	m.close(g)
	g.status, g.ran = galaxy.Running, true
	if m.broken {
		g.status, g.ran = galaxy.StartFailed, false
	}
}

func (m *model) end(g *mGame, status galaxy.GameStatus) {
	m.close(g)
	g.status = status
	for _, s := range g.seats {
		s.holds = false
	}
}

func (m *model) unseat(g *mGame, s *mSeat, state galaxy.MembershipStatus) {
	s.state = state
	if g.before() {
		s.holds = false
	}
	m.arrange(g)
}

// mayOwn tells whether a player may own a game beside those that the player owns already.
func (m *model) mayOwn(user int, game *mGame) bool {
	owned := 0
	for _, g := range m.games {
		if g != game && g.owner == user && !g.over() {
			owned++
		}
	}
	return owned < m.users[user].owns && !m.users[user].gone
}

// heir is the longest-standing member whose account lives.
func (m *model) heir(g *mGame) int {
	for _, s := range g.seats {
		if s.state == galaxy.MemberActive && !m.users[s.user].gone {
			return s.user
		}
	}
	return operators
}

// forget takes a deleted player out of everything.
func (m *model) forget(user int) {
	m.users[user].gone = true
	for _, g := range m.games {
		if g.over() {
			continue
		}
		delete(g.apps, user)
		delete(g.invites, user)
		if s := g.last(user); g.before() && s != nil && s.state == galaxy.MemberActive {
			m.unseat(g, s, galaxy.MemberLeft)
		}
		if g.owner == user {
			g.owner = m.heir(g)
		}
	}
	for key, w := range m.pending {
		if w.user == user {
			delete(m.pending, key)
		}
	}
	for key, u := range m.kept {
		if u == user {
			delete(m.kept, key)
		}
	}
}

// resume goes on with a game, unless its engine is down and cannot be started.
func (m *model) resume(g *mGame) {
	g.engineStops = false
	if g.down && m.broken {
		return
	}
	g.status, g.down = galaxy.Running, false
}

// finish ends a game: members whose races have grown win their names.
func (m *model) finish(g *mGame, grown map[string]bool) {
	for _, s := range g.seats {
		key := keyOf(s.race)
		_, kept := m.kept[key]
		if s.state == galaxy.MemberActive && grown[s.race] && !kept && !m.users[s.user].gone {
			m.pending[key] = mWon{s.user, s.race, m.now.Add(modelTTL)}
		}
	}
	m.end(g, galaxy.Finished)
}

// names gives who holds every name.
func (m *model) names() map[string]int {
	all := map[string]int{}
	for _, g := range m.games {
		for _, s := range g.seats {
			if s.holds {
				all[keyOf(s.race)] = s.user
			}
		}
	}
	for key, w := range m.pending {
		all[key] = w.user
	}
	for key, u := range m.kept {
		all[key] = u
	}
	return all
}

func sorted[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
