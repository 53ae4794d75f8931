package drill

import (
	"fmt"
	"os/exec"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

var seasonLine = regexp.MustCompile(`SEASON rounds=(\d+) turns=(\d+) lost=(\d+) doubled=(\d+) orders_lost=(\d+) clock_steps=(\d+)`)

// drillSeason plays seasons on a clock that is moved, also by an hour forward and back: a test of the actors, which has its
// own judge. Its short form is that test.
func drillSeason(t *testing.T, d *drill) {
	if !*full {
		t.Skip("a season is played by the tests of the actors")
	}
	steps := 0
	for range 10 {
		out, err := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-v", "-run", "^TestASeasonOfAHundredTurns$", "galaxy/backend/actors").CombinedOutput()
		found := seasonLine.FindSubmatch(out)
		if err != nil || found == nil {
			d.problem("a season: %v\n%s", err, out)
		}
		if found == nil {
			continue
		}
		for i, count := range []*int{&d.rounds, &d.turns, &d.lost, &d.doubled, &d.lostOrders, &steps} {
			var n int
			_, err := fmt.Sscan(string(found[i+1]), &n)
			require.NoError(t, err)
			d.count(count, n)
		}
	}
	d.note("the clock was set forward or back by an hour %d times", steps)
}
