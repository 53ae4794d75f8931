package drill

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"galaxy/backend/internal/postgres/pgtest"
	"galaxy/backend/internal/stack"
)

var (
	full = flag.Bool("full", false, "drill, in place of showing that the drills work")
	only = flag.String("only", "", "end the service only at points whose name has this in it")
)

// binaries are the programs under drill: the real ones, as they are shipped.
var binaries stack.Binaries

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "galaxy-drill-bin")
	if err == nil {
		defer os.RemoveAll(dir)
		binaries, err = stack.Build(context.Background(), dir)
	}
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return pgtest.Run(m)
}

// TestDrill runs the drills.
func TestDrill(t *testing.T) {
	for _, one := range []struct {
		name string
		run  func(*testing.T, *drill)
	}{
		{"backend/turn", drillTurn},
		{"backend/start", drillStart},
		{"engine/kill", drillEngine},
		{"docker", drillDocker},
		{"postgres/restart", drillPostgres},
		{"disk/full", drillDisk},
		{"two/backends", drillTwo},
		{"one/frozen", drillFrozen},
		{"deadline/race", drillRace},
		{"clock/season", drillSeason},
	} {
		t.Run(one.name, func(t *testing.T) {
			d := &drill{name: one.name, began: time.Now()}
			defer d.report(t)
			one.run(t, d)
		})
	}
}

// of gives how often something is done: few times, or as often as a drill asks for.
func of(few, many int) int {
	if *full {
		return many
	}
	return few
}

// drill counts what was done and what came of it. It may be used by several worlds at once.
type drill struct {
	name  string
	began time.Time

	mu                                       sync.Mutex
	rounds, turns, lost, doubled, lostOrders int
	problems, notes                          []string
}

func (d *drill) count(what *int, n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	*what += n
}

// problem says what should not be; a drill with one has failed.
func (d *drill) problem(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.problems = append(d.problems, fmt.Sprintf(format, args...))
}

// note says something worth knowing below the drill's line.
func (d *drill) note(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.notes = append(d.notes, fmt.Sprintf(format, args...))
}

func (d *drill) report(t *testing.T) {
	if t.Skipped() {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	fmt.Printf("DRILL %s rounds=%d turns=%d lost=%d doubled=%d orders_lost=%d\n", d.name, d.rounds, d.turns, d.lost, d.doubled, d.lostOrders)
	for _, note := range append(d.notes, fmt.Sprintf("%.0f s", time.Since(d.began).Seconds())) {
		fmt.Printf("  %s: %s\n", d.name, note)
	}
	if d.lost+d.doubled+d.lostOrders > 0 || len(d.problems) > 0 {
		told := d.problems[:min(len(d.problems), 20)]
		t.Errorf("%d turns lost, %d doubled, %d orders lost, %d problems:\n%s", d.lost, d.doubled, d.lostOrders, len(d.problems), strings.Join(told, "\n"))
	}
}
