package drill

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// point is an instant at which the service is ended.
type point struct {
	what  string // a commit, by the tables that it writes, or one of the instants below
	after bool   // of a commit: it was made and nobody has heard of it
}

func (p point) String() string {
	switch {
	case strings.Contains(p.what, " "):
		return p.what
	case p.after:
		return "after " + p.what
	}
	return "before " + p.what
}

// The instants that no commit marks. Their names have spaces, which those of tables have not.
const (
	anyInstant = "at any instant"
	orderHangs = "while an order hangs in the engine"
	turnHangs  = "while the turn hangs in the engine"
)

// discover plays rounds in which nobody is killed, and gives the commits that each of them has, with their least number in
// one. What commits by the clock is in some only.
func (w *world) discover(ctx context.Context, rounds int, do func(context.Context) error) (commits map[string]int, err error) {
	for range rounds {
		w.wire.listen(true)
		if _, err := w.through(ctx, do); err != nil {
			return nil, err
		}
		if err := w.quiet(ctx); err != nil {
			return nil, err
		}
		seen := map[string]int{}
		for _, commit := range w.wire.listen(false) {
			seen[commit]++
		}
		delete(seen, "lease") // beats by the clock
		commits = common(commits, seen)
	}
	return commits, nil
}

// common gives what two rounds have both, each with the lesser number; the first of them may be nil.
func common(a, b map[string]int) map[string]int {
	if a == nil {
		return b
	}
	both := map[string]int{}
	for commit, n := range a {
		if b[commit] > 0 {
			both[commit] = min(n, b[commit])
		}
	}
	return both
}

// quiet waits until everybody is told what there is to tell. What a service that was killed had begun to tell is told later.
func (w *world) quiet(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		var waiting int
		err := w.db.QueryRow(ctx, `SELECT (SELECT count(*) FROM notification_routes WHERE status IN ('pending', 'retrying') AND next_attempt_at <= now()) +
			(SELECT count(*) FROM mail_deliveries WHERE status IN ('pending', 'retrying') AND next_attempt_at <= now())`).Scan(&waiting)
		if err != nil || waiting == 0 {
			return err
		}
		if err := pause(ctx, every); err != nil {
			return fmt.Errorf("%d notices and mails wait: %w", waiting, err)
		}
	}
}

// plan is which points are still to be drilled, by all worlds together.
type plan struct {
	commits map[string]int
	mu      sync.Mutex
	todo    []point
	hits    map[point]int
	misses  map[point]int
}

// shown is how many points show that a drill works.
const shown = 4

// newPlan orders each point to be drilled a number of times.
func newPlan(commits map[string]int, more []string, times int) *plan {
	p := &plan{commits: commits, hits: map[point]int{}, misses: map[point]int{}}
	var points []point
	for commit := range commits {
		points = append(points, point{commit, false}, point{commit, true})
	}
	for _, instant := range more {
		points = append(points, point{what: instant})
	}
	points = slices.DeleteFunc(points, func(at point) bool { return !strings.Contains(at.String(), *only) })
	for range times {
		p.todo = append(p.todo, points...)
	}
	rand.Shuffle(len(p.todo), func(i, j int) { p.todo[i], p.todo[j] = p.todo[j], p.todo[i] })
	p.todo = p.todo[:of(min(shown, len(p.todo)), len(p.todo))]
	return p
}

func (p *plan) next() (point, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.todo) == 0 {
		return point{}, false
	}
	next := p.todo[0]
	p.todo = p.todo[1:]
	return next, true
}

// most is how often a point may be missed: what is committed depends a little on who is faster.
const most = 10

// done counts a round at a point; one in which the service was not ended there is done again, if there is hope.
func (p *plan) done(at point, hit bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if hit {
		p.hits[at]++
		return
	}
	if p.misses[at]++; p.misses[at] <= most {
		p.todo = append(p.todo, at)
	}
}

// tell notes how often each point was hit.
func (p *plan) tell(d *drill) {
	for at, n := range p.misses {
		if n > most {
			d.problem("the service could not be ended %s", at)
		}
	}
	var points []point
	for at := range p.hits {
		points = append(points, at)
	}
	slices.SortFunc(points, func(a, b point) int { return strings.Compare(a.what+a.String(), b.what+b.String()) })
	for _, at := range points {
		d.note("%d times killed %s", p.hits[at], at)
	}
}

// trap gives the trap for a commit, at one of those that there are in a round.
func (p *plan) trap(w *world, at point) *trap {
	return newTrap(func(commit string) bool { return commit == at.what }, 1+rand.IntN(p.commits[at.what]), at.after, w.kill)
}

// recovery gives the trap for the first commit about a game that the next service makes.
func recovery(w *world) *trap {
	return newTrap(func(commit string) bool { return slices.Contains(strings.Split(commit, "+"), "games") }, 1, rand.IntN(2) == 0, w.kill)
}

// instant waits for a while that nobody knows before, at the longest for most.
func instant(ctx context.Context, most time.Duration) error {
	return pause(ctx, rand.N(most+1))
}
