package notify

import (
	"context"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/push"
	"galaxy/backend/galaxy"
)

const (
	// batch is how many routes are claimed at once, lease how long an attempt at them may take.
	batch = 128
	lease = 30 * time.Second
	// alertPriority lets mails to operators overtake those to players, sign-in codes excepted.
	alertPriority = 50
)

// retries is how long a route waits after a failure.
var retries = kit.Backoff{Min: time.Second, Max: 10 * time.Minute}

// worker passes over due routes, one pass at a time.
type worker struct {
	Deps
	operators       string // address; empty when none is set
	intents, routes metric.Int64Counter
	timers          kit.Timers
	cancel          context.CancelFunc // of the pass under way; nil when there is none
	again           bool               // somebody woke the worker during the pass
}

// Start starts the worker.
func Start(sys *kit.System, d Deps, strategy actor.SupervisorStrategy) (kit.Ref, error) {
	operators, err := d.Config.operators()
	if err != nil {
		return kit.Ref{}, err
	}
	intents, err := d.Meter.Int64Counter("notification_intents", metric.WithDescription("Notices to one player or the operators through one channel, by kind and what became of them."))
	if err != nil {
		return kit.Ref{}, err
	}
	routes, err := d.Meter.Int64Counter("notification_routes", metric.WithDescription("Attempts at routes, by channel."))
	if err != nil {
		return kit.Ref{}, err
	}
	return sys.Spawn("notify", sys.Props(func() actor.Actor { return &worker{Deps: d, operators: operators, intents: intents, routes: routes} }, kit.Kind("notify")), strategy)
}

const look = "look"

// Receive passes over the routes when it is woken, and at an interval.
func (w *worker) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *actor.Started:
		w.pass(c)
	case Wake:
		w.pass(c)
	case kit.Tick:
		if w.timers.Fired(m) {
			w.pass(c)
		}
	case passed:
		w.onPassed(c, m)
	case *actor.Stopping, *actor.Restarting:
		w.timers.CancelAll()
		if w.cancel != nil {
			w.cancel()
		}
	}
}

func (w *worker) pass(c actor.Context) {
	if w.cancel != nil {
		w.again = true
		return
	}
	w.timers.Cancel(look)
	w.cancel = kit.Job(c, lease, func(ctx context.Context) any { return w.run(ctx) }, func(err error) any { return passed{err: err} })
}

func (w *worker) onPassed(c actor.Context, m passed) {
	w.cancel = nil
	if m.err != nil {
		w.Log.Warn("notices wait: a pass over them failed", zap.Error(m.err))
	}
	if m.mailed {
		w.WakeMail()
	}
	if m.err == nil && (w.again || m.claimed == batch) {
		w.again = false
		w.pass(c)
		return
	}
	w.again = false
	w.timers.Start(c, look, w.Config.Interval)
}

// run claims a batch of routes, tells what can be told, and records it. It runs outside the mailbox.
func (w *worker) run(ctx context.Context) passed {
	due, err := w.Store.ClaimRoutes(ctx, w.Now(), batch, lease)
	if err != nil || len(due) == 0 {
		return passed{err: err}
	}
	done := passed{claimed: len(due)}
	var records []galaxy.RouteRecord
	for _, r := range due {
		record := w.tell(ctx, r)
		record.Route, record.Attempt, record.At = r.ID, r.Attempt, w.Now()
		records = append(records, record)
		done.mailed = done.mailed || record.Mail != nil
		w.routes.Add(ctx, 1, metric.WithAttributes(attribute.String("channel", string(r.Channel))))
		if record.State != galaxy.RouteRetrying {
			w.intents.Add(ctx, 1, metric.WithAttributes(attribute.String("kind", string(r.Kind)), attribute.String("outcome", string(record.State))))
		}
		if record.State == galaxy.RouteDeadLettered {
			w.Log.Error("a notice is given up", zap.Stringer("route_id", r.ID), zap.String("kind", string(r.Kind)),
				zap.String("channel", string(r.Channel)), zap.String("detail", record.Detail))
		}
	}
	done.err = w.Store.RecordRoutes(ctx, records)
	return done
}

// tell brings one route on its way and says what became of it.
func (w *worker) tell(ctx context.Context, r galaxy.Route) galaxy.RouteRecord {
	switch r.Channel {
	case galaxy.ChannelPush:
		e := event{r.Kind, r.Payload}
		if _, err := e.Marshal(); err != nil {
			return galaxy.RouteRecord{State: galaxy.RouteDeadLettered, Detail: err.Error()}
		}
		err := w.Publish(ctx, push.Publish{User: r.User, Event: e, EventID: r.ID.String(), RequestID: r.RequestID, TraceID: traceID(ctx)})
		if err != nil {
			return w.retry(r, err)
		}
		return galaxy.RouteRecord{State: galaxy.RouteDelivered}
	case galaxy.ChannelEmail:
		if r.Email == "" {
			return galaxy.RouteRecord{State: galaxy.RouteSkipped, Detail: "the player has no address any more"}
		}
		if r.Unwanted {
			return galaxy.RouteRecord{State: galaxy.RouteSkipped, Detail: "the player has switched mails of this kind off"}
		}
		return galaxy.RouteRecord{State: galaxy.RouteDelivered, Mail: &galaxy.NewDelivery{ID: galaxy.DeliveryID{UUID: galaxy.NewID()},
			Template: string(r.Kind), Key: r.ID.String(), To: r.Email, Payload: r.Payload.JSON()}}
	case galaxy.ChannelOperators:
		return w.alert(r)
	default:
		return galaxy.RouteRecord{State: galaxy.RouteDeadLettered, Detail: "there is no channel " + string(r.Channel)}
	}
}

// alert queues a mail to the operators. Without an address the log is where they hear of it.
func (w *worker) alert(r galaxy.Route) galaxy.RouteRecord {
	if w.operators == "" {
		w.Log.Warn("operators are not mailed a notice, for BACKEND_NOTIFICATION_ADMIN_EMAIL is not set", zap.Stringer("route_id", r.ID),
			zap.String("kind", string(r.Kind)), zap.Reflect("payload", r.Payload))
		return galaxy.RouteRecord{State: galaxy.RouteSkipped, Detail: "BACKEND_NOTIFICATION_ADMIN_EMAIL is not set"}
	}
	return galaxy.RouteRecord{State: galaxy.RouteDelivered, Mail: &galaxy.NewDelivery{ID: galaxy.DeliveryID{UUID: galaxy.NewID()},
		Template: string(r.Kind), Key: r.ID.String(), To: w.operators, Payload: r.Payload.JSON(), Priority: alertPriority}}
}

func (w *worker) retry(r galaxy.Route, err error) galaxy.RouteRecord {
	if r.Attempt >= w.Config.MaxAttempts {
		return galaxy.RouteRecord{State: galaxy.RouteDeadLettered, Detail: err.Error()}
	}
	return galaxy.RouteRecord{State: galaxy.RouteRetrying, Detail: err.Error(), NextAt: w.Now().Add(retries.Wait(r.Attempt))}
}

func traceID(ctx context.Context) string {
	if s := trace.SpanContextFromContext(ctx); s.HasTraceID() {
		return s.TraceID().String()
	}
	return ""
}
