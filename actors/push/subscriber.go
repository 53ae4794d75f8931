package push

import (
	"context"

	"github.com/asynkron/protoactor-go/actor"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"
)

// subscriber is one gateway's queue.
type subscriber struct {
	sub     *Subscription
	log     *zap.Logger
	dropped metric.Int64Counter
	client  metric.AddOption
	// losing is how many events were dropped since the queue was last not full.
	losing int
}

func newSubscriber(sub *Subscription, d Deps, dropped metric.Int64Counter) *subscriber {
	return &subscriber{sub: sub, log: d.Log.With(zap.String("gateway_client_id", sub.client)), dropped: dropped,
		client: metric.WithAttributes(attribute.String("gateway_client_id", sub.client))}
}

// Receive takes events for the gateway.
func (a *subscriber) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case deliver:
		a.onDeliver(m)
	case leave:
		a.sub.end(m.reason)
		c.Stop(c.Self())
	case *actor.Stopping:
		a.sub.end(ErrDraining)
		a.tellLoss()
	}
}

func (a *subscriber) onDeliver(m deliver) {
	if !a.sub.push(m.frame) {
		a.tellLoss()
		return
	}
	if a.losing == 0 {
		a.log.Warn("the gateway is slow: its oldest events are being dropped", zap.String("cursor", cursorText(m.frame.cursor)))
	}
	a.losing++
	a.dropped.Add(context.Background(), 1, a.client)
}

func (a *subscriber) tellLoss() {
	if a.losing > 0 {
		a.log.Warn("events were dropped for the gateway", zap.Int("count", a.losing))
	}
	a.losing = 0
}
