package push

import (
	"context"

	"github.com/asynkron/protoactor-go/actor"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
	pushv1 "galaxy/backend/proto/push/v1"
)

// Hub gives cursors and broadcasts.
type Hub struct {
	Deps
	sys     *kit.System
	ring    ring
	newest  uint64
	clients map[string]client
	timers  kit.Timers

	draining bool
	ending   int          // subscribers that have been told to leave and have not ended
	drains   []*actor.PID // who waits for that

	subscribers      metric.Int64UpDownCounter
	events, droppeds metric.Int64Counter
	kinds            map[string]metric.AddOption // the labels of events
}

// client is a subscribed gateway.
type client struct {
	sub *Subscription
	pid *actor.PID
}

// Start starts the hub.
func Start(sys *kit.System, d Deps, strategy actor.SupervisorStrategy) (kit.Ref, error) {
	subscribers, err := d.Meter.Int64UpDownCounter("grpc_push_subscribers", metric.WithDescription("Gateways that are subscribed."))
	if err != nil {
		return kit.Ref{}, err
	}
	events, err := d.Meter.Int64Counter("grpc_push_events", metric.WithDescription("Events published, by kind."))
	if err != nil {
		return kit.Ref{}, err
	}
	dropped, err := d.Meter.Int64Counter("grpc_push_dropped", metric.WithDescription("Events dropped for a slow gateway."))
	if err != nil {
		return kit.Ref{}, err
	}
	// The number of the newest event outlives a restart of the actor: a cursor is never given out twice.
	first := (d.Boot & bootMask) << counterBits
	newest := &first
	return sys.Spawn("push", sys.Props(func() actor.Actor {
		return &resuming{&Hub{Deps: d, sys: sys, ring: ring{conf: d.Config}, newest: *newest, clients: map[string]client{}, kinds: map[string]metric.AddOption{},
			subscribers: subscribers, events: events, droppeds: dropped}, newest}
	}, kit.Frequent(), kit.Kind("push")), strategy)
}

// resuming keeps the newest cursor for the next incarnation.
type resuming struct {
	*Hub
	newest *uint64
}

func (r *resuming) Receive(c actor.Context) {
	r.Hub.Receive(c)
	*r.newest = r.Hub.newest
}

const expiry = "expiry"

// Receive publishes and subscribes.
func (h *Hub) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *actor.Started:
		h.timers.Start(c, expiry, h.Config.TTL)
	case Publish:
		h.onPublish(c, m)
	case Invalidate:
		h.onInvalidate(c, m)
	case Subscribe:
		h.onSubscribe(c, m)
	case unsubscribed:
		h.forget(c, m.sub, nil)
	case Drain:
		h.onDrain(c)
	case *actor.Terminated:
		h.ending--
		h.answerDrains(c)
	case kit.Tick:
		if h.timers.Fired(m) {
			h.ring.expire(h.Now())
			h.timers.Start(c, expiry, h.Config.TTL)
		}
	case *actor.Stopping, *actor.Restarting:
		h.timers.CancelAll()
		h.subscribers.Add(context.Background(), -int64(len(h.clients)))
	}
}

func (h *Hub) onPublish(c actor.Context, m Publish) {
	if h.draining {
		kit.Reply(c, kit.Done{}, ErrDraining)
		return
	}
	payload, err := m.Event.Marshal()
	if err != nil {
		kit.Reply(c, kit.Done{}, err)
		return
	}
	event := &pushv1.ClientEvent{UserId: m.User.String(), Kind: m.Event.Kind(), Payload: payload,
		EventId: m.EventID, RequestId: m.RequestID, TraceId: m.TraceID}
	if m.Session != nil {
		event.DeviceSessionId = m.Session.String()
	}
	err = h.broadcast(c, &pushv1.PushEvent{Kind: &pushv1.PushEvent_ClientEvent{ClientEvent: event}}, event.Kind)
	kit.Reply(c, kit.Done{}, err)
}

func (h *Hub) onInvalidate(c actor.Context, m Invalidate) {
	for _, id := range m.Sessions {
		if h.draining {
			break
		}
		event := &pushv1.SessionInvalidation{DeviceSessionId: id.String(), UserId: m.User.String(), Reason: string(m.Reason)}
		if err := h.broadcast(c, &pushv1.PushEvent{Kind: &pushv1.PushEvent_SessionInvalidation{SessionInvalidation: event}}, "session_invalidation"); err != nil {
			kit.Reply(c, nil, err)
			return
		}
	}
	kit.Reply(c, m.Then, nil)
}

// broadcast gives an event its cursor, keeps it and hands it to every subscriber.
func (h *Hub) broadcast(c actor.Context, e *pushv1.PushEvent, kind string) error {
	e.Cursor = cursorText(h.newest + 1)
	encoded, err := proto.Marshal(e)
	if err != nil {
		return galaxy.Errorf(galaxy.InvalidRequest, "an event of kind %s cannot be encoded", kind).Because(err)
	}
	h.newest++
	f := &Frame{Encoded: encoded, cursor: h.newest, at: h.Now()}
	h.ring.add(f)
	// One envelope for everybody: protoactor would make one for each.
	var msg any = &actor.MessageEnvelope{Message: deliver{f}}
	for _, cl := range h.clients {
		c.Send(cl.pid, msg)
	}
	h.count(kind)
	return nil
}

func (h *Hub) count(kind string) {
	label, ok := h.kinds[kind]
	if !ok {
		label = metric.WithAttributes(attribute.String("kind", kind))
		h.kinds[kind] = label
	}
	h.events.Add(context.Background(), 1, label)
}

func (h *Hub) onSubscribe(c actor.Context, m Subscribe) {
	replay, resumed, err := h.replay(m)
	if err != nil {
		kit.Reply(c, nil, err)
		return
	}
	if old, ok := h.clients[m.Client]; ok {
		h.forget(c, old.sub, ErrReplaced)
	}
	sub := newSubscription(m.Client, kit.Self(c), h.Config.Queue, replay, resumed)
	pid := c.Spawn(h.sys.Props(func() actor.Actor { return newSubscriber(sub, h.Deps, h.droppeds) }, kit.Frequent(), kit.Kind("subscriber")))
	h.clients[m.Client] = client{sub, pid}
	h.subscribers.Add(context.Background(), 1)
	kit.Reply(c, sub, nil)
}

// forget ends a subscription, unless a newer one stands in its place already.
func (h *Hub) forget(c actor.Context, sub *Subscription, reason error) {
	cl, ok := h.clients[sub.client]
	if !ok || cl.sub != sub {
		return
	}
	delete(h.clients, sub.client)
	h.subscribers.Add(context.Background(), -1)
	h.ending++
	c.Send(cl.pid, leave{reason})
}

func (h *Hub) onDrain(c actor.Context) {
	h.draining = true
	h.drains = append(h.drains, c.Sender())
	for _, cl := range h.clients {
		h.forget(c, cl.sub, ErrDraining)
	}
	h.answerDrains(c)
}

func (h *Hub) answerDrains(c actor.Context) {
	if h.ending > 0 {
		return
	}
	for _, asker := range h.drains {
		kit.ReplyTo(c, asker, kit.Done{}, nil)
	}
	h.drains = nil
}

// replay gives what a gateway has missed, and whether nothing is missing between its cursor and that.
func (h *Hub) replay(m Subscribe) (missed []*Frame, resumed bool, err error) {
	if h.draining {
		return nil, false, ErrDraining
	}
	if !validClient(m.Client) {
		return nil, false, galaxy.Errorf(galaxy.InvalidRequest, "gateway_client_id must have 1 to %d printable ASCII characters", maxClient)
	}
	if m.Cursor == "" {
		return nil, false, nil
	}
	cursor, ok := parseCursor(m.Cursor)
	if !ok {
		return nil, false, galaxy.Errorf(galaxy.InvalidRequest, "cursor must be one that this service gave out")
	}
	h.ring.expire(h.Now())
	log := h.Log.With(zap.String("gateway_client_id", m.Client), zap.String("cursor", m.Cursor))
	if cursor>>counterBits != h.newest>>counterBits {
		log.Info("the cursor is of another process lifetime: the stream begins with what is kept of this one")
		return append([]*Frame(nil), h.ring.live()...), false, nil
	}
	missed, resumed = h.ring.after(cursor, h.newest)
	if !resumed {
		log.Warn("the cursor has aged out: the stream begins with the next event")
	}
	return missed, resumed, nil
}

const maxClient = 128

func validClient(s string) bool {
	for _, r := range s {
		if r < ' ' || r > '~' {
			return false
		}
	}
	return s != "" && len(s) <= maxClient
}
