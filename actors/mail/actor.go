package mail

import (
	"context"
	"errors"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/cenkalti/backoff/v5"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

const (
	// sendTimeout bounds one conversation with the relay, and lease a whole attempt: claim, send, record.
	sendTimeout   = 30 * time.Second
	recordTimeout = 15 * time.Second
	lease         = 2 * time.Minute
)

// retries is how long a mail waits after a temporary failure.
var retries = kit.Backoff{Min: 5 * time.Second, Max: time.Hour}

// worker is one slot of the pool.
type worker struct {
	Deps
	limiter  *rate.Limiter
	attempts metric.Int64Counter
	dead     metric.Int64Counter
	timers   kit.Timers
}

// Start starts the pool.
func Start(sys *kit.System, d Deps, strategy actor.SupervisorStrategy) (kit.Ref, error) {
	attempts, err := d.Meter.Int64Counter("mail_attempts", metric.WithDescription("Attempts at sending a mail, by outcome."))
	if err != nil {
		return kit.Ref{}, err
	}
	dead, err := d.Meter.Int64Counter("mail_dead_letters", metric.WithDescription("Mails given up."))
	if err != nil {
		return kit.Ref{}, err
	}
	_, err = d.Meter.Int64ObservableGauge("mail_outbox_depth", metric.WithDescription("Mails that wait, by state."),
		metric.WithInt64Callback(func(ctx context.Context, o metric.Int64Observer) error {
			depth, err := d.Store.MailDepth(ctx)
			for state, n := range depth {
				o.Observe(n, metric.WithAttributes(attribute.String("state", string(state))))
			}
			return err
		}))
	if err != nil {
		return kit.Ref{}, err
	}
	limiter := d.Config.limiter()
	return kit.NewPool(sys, "mail", d.Config.Workers, func(int) *actor.Props {
		return sys.Props(func() actor.Actor { return &worker{Deps: d, limiter: limiter, attempts: attempts, dead: dead} }, kit.Kind("mail_worker"))
	}, strategy)
}

const look = "look"

// Receive sends what is due.
func (w *worker) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *actor.Started:
		w.timers.Start(c, look, 0)
	case Wake:
		w.work(c)
	case kit.Tick:
		if w.timers.Fired(m) {
			w.work(c)
		}
	case *actor.Stopping, *actor.Restarting:
		w.timers.CancelAll()
	}
}

// work sends one mail, and looks again at once if there was one.
func (w *worker) work(c actor.Context) {
	ctx := kit.TraceContext(c)
	next := w.Config.Interval
	due, err := w.Store.ClaimDeliveries(ctx, w.Now(), 1, lease)
	if err != nil {
		w.Log.Warn("no mail could be claimed", zap.Error(err))
	}
	for _, d := range due {
		w.deliver(ctx, d)
		next = 0
	}
	w.timers.Start(c, look, next)
}

func (w *worker) deliver(ctx context.Context, d galaxy.Delivery) {
	r := w.attempt(ctx, d)
	r.Delivery, r.Attempt, r.At = d.ID, d.Attempt, w.Now()
	code := d.Template == string(galaxy.AuthLoginCode) || d.Template == string(galaxy.AuthEmailCode)
	r.DropSecret = code && r.State != galaxy.DeliveryRetrying
	w.attempts.Add(ctx, 1, metric.WithAttributes(attribute.String("outcome", r.Outcome)))
	if r.State == galaxy.DeliveryDeadLettered {
		w.dead.Add(ctx, 1)
		w.Log.Error("a mail is given up", zap.Stringer("delivery_id", d.ID), zap.String("template", d.Template),
			zap.Int("attempts", d.Attempt), zap.String("detail", r.Detail))
	}
	if err := w.record(ctx, r); err != nil {
		w.Log.Error("the outcome of a mail could not be recorded; it is sent again when its claim runs out",
			zap.Stringer("delivery_id", d.ID), zap.String("outcome", r.Outcome), zap.Error(err))
	}
}

// attempt sends a mail if it still may be sent, and says what is to become of it.
func (w *worker) attempt(ctx context.Context, d galaxy.Delivery) galaxy.DeliveryRecord {
	if d.ExpiresAt != nil && !w.Now().Before(*d.ExpiresAt) {
		return galaxy.DeliveryRecord{State: galaxy.DeliverySkipped, Outcome: "expired", Detail: "its time was over before it could be sent"}
	}
	subject, text, err := w.Render(d.Template, d.Payload)
	if err != nil {
		return galaxy.DeliveryRecord{State: galaxy.DeliveryDeadLettered, Outcome: "unrenderable", Detail: err.Error()}
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	result := galaxy.SendResult{Outcome: galaxy.MailTemporary, Detail: "the rate limit left no time to send it"}
	if w.limiter.Wait(ctx) == nil {
		result = w.Send(ctx, galaxy.Mail{Delivery: d.ID, To: d.To, Subject: subject, Text: text, Date: w.Now()})
	}
	r := galaxy.DeliveryRecord{Outcome: string(result.Outcome), Detail: result.Detail}
	switch {
	case result.Outcome == galaxy.MailSent:
		r.State = galaxy.DeliverySent
	case result.Outcome == galaxy.MailPermanent || d.Attempt >= w.Config.MaxAttempts:
		r.State = galaxy.DeliveryDeadLettered
	default:
		r.State, r.NextAt = galaxy.DeliveryRetrying, w.Now().Add(retries.Wait(d.Attempt))
	}
	return r
}

// record stores the outcome; it tries for a while, for a mail whose sending is not recorded is sent twice.
func (w *worker) record(ctx context.Context, r galaxy.DeliveryRecord) error {
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := w.Store.RecordDelivery(ctx, r)
		if errors.Is(err, galaxy.ErrStale) || errors.Is(err, galaxy.ErrLeaseLost) {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithMaxElapsedTime(recordTimeout))
	return err
}
