package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"galaxy/backend/client"
	"galaxy/backend/internal/bot"
	"galaxy/backend/internal/gateway"
)

// play gives orders and makes turns.
func (d *demo) play(ctx context.Context) error {
	now, err := d.await(ctx, 0)
	if err != nil {
		return err
	}
	turn := *now.Turn
	for n := 0; d.turns == 0 || n < d.turns; n++ {
		turn++
		if err := d.turn(ctx, turn); err != nil {
			return fmt.Errorf("turn %d: %w", turn, err)
		}
		if d.turns > 0 && n+1 == d.turns {
			break
		}
		select {
		case <-time.After(d.pace):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// turn plays one turn and says what came of it.
func (d *demo) turn(ctx context.Context, turn int) error {
	began := time.Now()
	var accepted, rejected int
	for _, p := range d.saved.Players {
		a, r, err := d.order(ctx, p, turn)
		if err != nil {
			return err
		}
		accepted, rejected = accepted+a, rejected+r
	}
	before, starts := d.stream.Count("game.turn.ready"), d.starts()
	if err := d.force(ctx, turn); err != nil {
		return err
	}
	if _, err := d.await(ctx, turn); err != nil {
		return err
	}
	pushes, err := d.told(ctx, before, starts)
	if err != nil {
		return err
	}
	state, err := d.state(ctx)
	if err != nil {
		return err
	}
	var planets int
	var population float64
	for _, r := range state.Races {
		if r.Planets != nil && r.Population != nil {
			planets, population = planets+*r.Planets, population+*r.Population
		}
	}
	fmt.Printf("turn %d: %d races, %d planets, population %.0f, orders %d accepted %d rejected, %d pushes, %d ms\n",
		turn, len(state.Races), planets, population, accepted, rejected, pushes, time.Since(began).Milliseconds())
	return nil
}

// order reads a player's report and gives the orders that follow from it.
func (d *demo) order(ctx context.Context, p gateway.Player, turn int) (accepted, rejected int, err error) {
	report, err := persist(ctx, func() ([]byte, error) {
		r, err := d.gateway.API.GetReportWithResponse(ctx, d.saved.Game, int32(turn-1), nil, p.As)
		if err != nil {
			return nil, err
		}
		return r.Body, gateway.Check(r.HTTPResponse, r.Body, http.StatusOK)
	})
	if err != nil {
		return 0, 0, fmt.Errorf("read the report: %w", err)
	}
	commands, err := bot.Think(report)
	if err != nil {
		return 0, 0, err
	}
	list, err := json.Marshal(commands)
	if err != nil {
		return 0, 0, err
	}
	done, err := persist(ctx, func() (*client.PutOrdersAnswer, error) {
		r, err := d.gateway.API.PutOrdersWithResponse(ctx, d.saved.Game, nil, client.PutOrdersRequest{Turn: int32(turn), Commands: list}, p.As)
		if err != nil {
			return nil, err
		}
		err = gateway.Check(r.HTTPResponse, r.Body, http.StatusOK)
		var refused *gateway.Refused
		if errors.As(err, &refused) && refused.Status == http.StatusConflict {
			_, err = d.await(ctx, turn-1) // it may be paused
			err = cmp.Or(err, fmt.Errorf("orders are taken again: %s", refused.Body))
		}
		return r, err
	})
	if err != nil {
		return 0, 0, fmt.Errorf("give orders: %w", err)
	}
	return done.JSON200.Accepted, done.JSON200.Rejected, nil
}

// force makes a turn. After a failure the turn may have been made already.
func (d *demo) force(ctx context.Context, turn int) error {
	_, err := persist(ctx, func() (bool, error) {
		r, err := d.gateway.API.AdminForceNextTurnWithResponse(ctx, d.saved.Game, nil, client.ForceNextTurnRequest{Turn: int32(turn)}, d.admin)
		if err != nil {
			return false, err
		}
		err = gateway.Check(r.HTTPResponse, r.Body, http.StatusOK)
		var refused *gateway.Refused
		if errors.As(err, &refused) && refused.Status == http.StatusConflict {
			now, look := d.gateway.API.AdminGetRuntimeWithResponse(ctx, d.saved.Game, nil, d.admin)
			if look != nil {
				return false, look
			}
			if r := now.JSON200; r != nil && r.GameStatus == client.GameStatusPaused {
				return false, d.resume(ctx, r)
			}
			if r := now.JSON200; r != nil && r.Turn != nil && (*r.Turn >= turn || r.Operation != nil) {
				return true, nil
			}
			return false, fmt.Errorf("the turn cannot be made yet: %s", refused.Body)
		}
		return err == nil, err
	})
	return err
}

// told waits until every player's device has been told of the turn, and counts the pushes. One that a killed service was
// about to send may be missing.
func (d *demo) told(ctx context.Context, before, starts int) (int, error) {
	patience := time.Now().Add(5 * time.Second)
	return persist(ctx, func() (int, error) {
		n := d.stream.Count("game.turn.ready") - before
		if n < len(d.saved.Players) && (d.starts() == starts || time.Now().Before(patience)) {
			return n, fmt.Errorf("%d of %d players were told", n, len(d.saved.Players))
		}
		return n, nil
	})
}

func (d *demo) state(ctx context.Context) (*client.GameState, error) {
	return persist(ctx, func() (*client.GameState, error) {
		r, err := d.gateway.API.GetGameStateWithResponse(ctx, d.saved.Game, nil, d.saved.Players[0].As)
		if err != nil {
			return nil, err
		}
		return r.JSON200, gateway.Check(r.HTTPResponse, r.Body, http.StatusOK)
	})
}
