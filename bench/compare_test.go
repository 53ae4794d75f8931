package bench

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"galaxy/backend/internal/heap"
	"galaxy/backend/internal/postgres/pgtest"
)

var full = flag.Bool("full", false, "measure, in place of showing that the benchmarks work")

func TestMain(m *testing.M) {
	flag.Parse()
	heap.Tune()
	os.Exit(pgtest.Run(m))
}

// TestBench runs the benchmarks.
func TestBench(t *testing.T) {
	for _, one := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"rest/account", benchAccount},
		{"rest/session-lookup", benchSessionLookup},
		{"rest/admin", benchAdmin},
		{"rest/limits", benchLimits},
		{"rest/order", benchOrder},
		{"rest/order-one-game", benchOrderOneGame},
		{"order/degraded", benchDegraded},
		{"auth/signin", benchSignIn},
		{"storm/reconnect", benchStorm},
		{"warm/sessions", benchWarm},
		{"lobby/join", benchJoin},
		{"lobby/contended", benchContended},
		{"lobby/list", benchList},
		{"warm/games", benchWarmGames},
		{"flood/admin", benchFlood},
		{"start/docker", benchStart},
		{"recover", benchRecover},
		{"reconcile", benchReconcile},
		{"restart/ready", benchReady},
		{"push/fanout-10", benchFanout},
		{"timers", benchTimers},
		{"timers-games", benchGameTimers},
		{"turn/latency", benchTurn},
		{"turn/stampede", benchStampede},
		{"memory/game", benchMemory},
	} {
		t.Run(one.name, one.run)
	}
}

// comparison is one benchmark: both sides measure the same work, each call one sample.
type comparison struct {
	name, unit  string
	less        bool // the smaller figure is the better one
	pairs       int  // 0: elevenPairs
	ours, limit func() float64
}

const elevenPairs = 11

// run takes interleaved pairs of samples, and prints the medians with the spread of the ratio.
func (c comparison) run(t *testing.T) {
	t.Helper()
	pairs := max(c.pairs, elevenPairs)
	if !*full {
		pairs = 1
	}
	var ours, limits, ratios []float64
	for i := range pairs + 1 {
		var o, l float64
		if i%2 == 0 {
			o, l = c.ours(), c.limit()
		} else {
			l, o = c.limit(), c.ours()
		}
		if t.Failed() {
			t.FailNow()
		}
		if i == 0 {
			continue // warms both sides up
		}
		ours, limits, ratios = append(ours, o), append(limits, l), append(ratios, c.ratio(o, l))
	}
	slices.Sort(ratios)
	if *full {
		fmt.Printf("BENCH %s ours=%s limit=%s unit=%s ratio=%.2f spread=%.2f..%.2f pairs=%d\n", c.name, figure(median(ours)), figure(median(limits)), c.unit,
			median(ratios), ratios[0], ratios[len(ratios)-1], pairs)
	}
}

func (c comparison) ratio(ours, limit float64) float64 {
	if c.less {
		return limit / ours
	}
	return ours / limit
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

// figure keeps four significant digits of small numbers and no fraction of large ones.
func figure(v float64) string {
	if v >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.4g", v)
}

// sample is how long one sample of a throughput takes.
func sample() time.Duration {
	if *full {
		return 700 * time.Millisecond
	}
	return 20 * time.Millisecond
}
