package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/google/uuid"

	"galaxy/backend/client"
	"galaxy/backend/internal/gateway"
	"galaxy/backend/internal/stack"
)

// demo plays a game through REST and the push stream, as a gateway would.
type demo struct {
	options
	gateway *gateway.Gateway
	stream  *gateway.Stream
	admin   client.RequestEditorFn
	starts  func() int // of the service, so far
	saved   saved
	file    string
}

// saved is what the next start of the demo needs to go on with the same game.
type saved struct {
	Game    uuid.UUID
	Players []gateway.Player
}

const engineVersion = "1.0.0"

func newDemo(ctx context.Context, o options, s *stack.Stack, starts func() int) (*demo, error) {
	g, err := gateway.New(s.URL(), fmt.Sprintf("http://127.0.0.1:%d", s.Ports.Inbox), "")
	if err != nil {
		return nil, err
	}
	d := &demo{options: o, starts: starts, gateway: g, admin: gateway.Operator(stack.AdminUser, stack.AdminPassword), file: filepath.Join(o.data, "demo.json")}
	if d.stream, err = gateway.Subscribe(ctx, s.Push(), "devstack", ""); err != nil {
		return nil, err
	}
	err = during("providing the engine", func() error { return d.register(ctx, s) })
	if err != nil {
		return d, err
	}
	if raw, err := os.ReadFile(d.file); err == nil {
		if err := json.Unmarshal(raw, &d.saved); err != nil {
			return d, fmt.Errorf("%s: %w", d.file, err)
		}
		fmt.Printf("going on with game %s of %d races\n", d.saved.Game, len(d.saved.Players))
		return d, nil
	}
	return d, d.begin(ctx)
}

func (d *demo) close() { d.stream.Close() }

// register makes the engine available and known.
func (d *demo) register(ctx context.Context, s *stack.Stack) error {
	image, err := s.ProvideEngine(ctx, engineVersion)
	if err != nil {
		return err
	}
	yes := true
	a, err := d.gateway.API.AdminAddEngineVersionWithResponse(ctx, nil, client.AddEngineVersionRequest{Version: engineVersion, ImageRef: image, ExpectedTurn: &yes}, d.admin)
	if err != nil {
		return err
	}
	if a.StatusCode() == http.StatusConflict {
		return nil // registered by an earlier start
	}
	return gateway.Check(a.HTTPResponse, a.Body, http.StatusCreated)
}

// begin makes a game, signs the players in, and waits until it runs.
func (d *demo) begin(ctx context.Context) error {
	api := d.gateway.API
	made, err := api.AdminCreateGameWithResponse(ctx, nil, client.CreateGameRequest{Name: "Demo", MinPlayers: 2, MaxPlayers: d.races, TurnSchedule: "0 21 * * *"}, d.admin)
	if err != nil {
		return err
	}
	if err := gateway.Check(made.HTTPResponse, made.Body, http.StatusCreated); err != nil {
		return fmt.Errorf("make the game: %w", err)
	}
	d.saved.Game = made.JSON201.GameID
	opened, err := api.AdminOpenEnrollmentWithResponse(ctx, d.saved.Game, nil, client.OpenEnrollmentRequest{EnrollmentEndsAt: new(time.Now().Add(time.Hour))}, d.admin)
	if err != nil {
		return err
	}
	if err := gateway.Check(opened.HTTPResponse, opened.Body, http.StatusOK); err != nil {
		return fmt.Errorf("open the enrolment: %w", err)
	}
	if err := during(fmt.Sprintf("signing %d players in", d.races), func() error { return d.join(ctx) }); err != nil {
		return err
	}
	// The table is full, so the game starts by itself.
	if err := during("starting the engine", func() error { _, err := d.await(ctx, 0); return err }); err != nil {
		return err
	}
	raw, err := json.Marshal(d.saved)
	if err != nil {
		return err
	}
	return os.WriteFile(d.file, raw, 0o600)
}

func (d *demo) join(ctx context.Context) error {
	for i := range d.races {
		p, err := d.gateway.SignIn(ctx, fmt.Sprintf("player-%c@galaxy.example", 'a'+i))
		if err != nil {
			return fmt.Errorf("sign in: %w", err)
		}
		d.saved.Players = append(d.saved.Players, p)
		a, err := d.gateway.API.ApplyToGameWithResponse(ctx, d.saved.Game, nil, client.ApplyRequest{RaceName: fmt.Sprintf("Race-%c", 'A'+i)}, p.As)
		if err != nil {
			return err
		}
		if err := gateway.Check(a.HTTPResponse, a.Body, http.StatusCreated); err != nil {
			return fmt.Errorf("apply: %w", err)
		}
		approved, err := d.gateway.API.AdminApproveApplicationWithResponse(ctx, d.saved.Game, a.JSON201.ApplicationID, nil, d.admin)
		if err != nil {
			return err
		}
		if err := gateway.Check(approved.HTTPResponse, approved.Body, http.StatusOK); err != nil {
			return fmt.Errorf("approve: %w", err)
		}
	}
	return nil
}

// turnLimit is how long a turn may take, with whatever dies meanwhile.
const turnLimit = 2 * time.Minute

// await waits until a turn of at least that number is recorded and the game takes orders.
func (d *demo) await(ctx context.Context, turn int) (*client.Runtime, error) {
	return persist(ctx, func() (*client.Runtime, error) {
		r, err := d.gateway.API.AdminGetRuntimeWithResponse(ctx, d.saved.Game, nil, d.admin)
		switch {
		case err != nil:
			return nil, err
		case r.JSON200 == nil:
			return nil, gateway.Check(r.HTTPResponse, r.Body, http.StatusOK)
		case r.JSON200.GameStatus == client.GameStatusPaused:
			return nil, d.resume(ctx, r.JSON200)
		case r.JSON200.Turn == nil || *r.JSON200.Turn < turn || r.JSON200.Status != client.RuntimeStatusRunning || r.JSON200.Operation != nil:
			return nil, fmt.Errorf("the game waits: %s", r.JSON200.WhyText)
		}
		return r.JSON200, nil
	})
}

// resume goes on with a game that was paused, as an operator would: its engine may have been killed more often than it is
// started again.
func (d *demo) resume(ctx context.Context, r *client.Runtime) error {
	if r.Operation == nil || r.Operation.Kind == client.OperationKindTurn {
		fmt.Printf("the game is paused (%s): it is resumed\n", r.WhyText)
		resumed, err := d.gateway.API.AdminResumeWithResponse(ctx, d.saved.Game, nil, d.admin)
		if err != nil {
			return err
		}
		if err := gateway.Check(resumed.HTTPResponse, resumed.Body, http.StatusOK); err != nil {
			return errors.New("resume the game: " + err.Error()) // no refusal: it is looked at again
		}
	}
	return fmt.Errorf("the game waits: %s", r.WhyText)
}

// persist tries until it works: the service may be being restarted. A refusal that no waiting changes ends it.
func persist[T any](ctx context.Context, try func() (T, error)) (T, error) {
	return backoff.Retry(ctx, func() (T, error) {
		v, err := try()
		var refused *gateway.Refused
		if errors.As(err, &refused) && refused.Status < 500 && refused.Status != http.StatusTooManyRequests {
			err = backoff.Permanent(err)
		}
		return v, err
	}, backoff.WithMaxElapsedTime(turnLimit), backoff.WithBackOff(&backoff.ExponentialBackOff{InitialInterval: 20 * time.Millisecond,
		Multiplier: 1.5, RandomizationFactor: 0.3, MaxInterval: time.Second}))
}
