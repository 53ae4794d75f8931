package drill

import (
	"context"
	"math/rand/v2"
	"testing"

	"golang.org/x/sync/errgroup"

	"galaxy/backend/client"
)

// A race is run by several players, each with two devices that know nothing of one another.
const (
	racers  = 6
	devices = 2
	volley  = 4 // lists of each device for each turn
)

// drillRace has players give orders at the very instant at which a turn is closed.
func drillRace(t *testing.T, d *drill) {
	w := begin(t, d, options{players: racers})
	games, err := w.set(t.Context(), 1, racers)
	if err != nil {
		d.problem("%v", err)
		return
	}
	g := games[0]
	counts := map[fate]int{}
	for given := 0; given < of(100, 1000); given += racers * devices * volley {
		if err := g.raceOnce(t.Context(), counts); err != nil {
			d.problem("%v", err)
			return
		}
		d.count(&d.rounds, 1)
	}
	d.note("%d lists were accepted and played or replaced, %d were refused as too late, %d have no known fate", counts[accepted], counts[refused], counts[unknown])
	if counts[accepted] == 0 || counts[refused] == 0 {
		d.problem("the race was not close: %d lists were accepted, %d refused", counts[accepted], counts[refused])
	}
	if counts[unknown] > 0 {
		d.problem("%d lists were neither accepted nor refused, though nothing had failed", counts[unknown])
	}
}

// raceOnce closes a turn while orders for it come in.
func (g *game) raceOnce(ctx context.Context, counts map[fate]int) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	g.open()
	var both errgroup.Group
	answered := make(chan struct{}, racers*devices*volley)
	for _, r := range g.races {
		for range devices {
			both.Go(func() error {
				for range volley {
					g.put(ctx, r)
					answered <- struct{}{}
				}
				return nil
			})
		}
	}
	both.Go(func() error {
		for range rand.IntN(racers * devices * volley / 2) { // while every device has lists to give
			<-answered
		}
		return g.advance(ctx)
	})
	if err := both.Wait(); err != nil {
		return err
	}
	for _, r := range g.races {
		for _, l := range r.lists {
			counts[l.fate]++
			if l.fate == refused && l.code != client.ErrorErrorCodeTurnAlreadyClosed {
				g.problem("list %s was refused with %s", l.label, l.code)
			}
		}
	}
	return g.judge(ctx)
}
