package grpcpush_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/kit/kittest"
	"galaxy/backend/actors/push"
	"galaxy/backend/galaxy"
	"galaxy/backend/grpcpush"
	pushv1 "galaxy/backend/proto/push/v1"
)

type text string

func (text) Kind() string               { return "test" }
func (t text) Marshal() ([]byte, error) { return []byte(t), nil }

type fixture struct {
	sys    *kit.System
	hub    kit.Ref
	server *grpcpush.Server
	client pushv1.PushClient
}

func start(t *testing.T, tokens ...string) fixture {
	sys := kittest.System(t)
	hub, err := push.Start(sys, push.Deps{Config: push.Config{TTL: time.Minute, RingEvents: 100, RingBytes: 1 << 20, Queue: 100}, Boot: 7,
		Now: time.Now, Log: zap.NewNop(), Meter: metricnoop.Meter{}}, kittest.Never)
	require.NoError(t, err)
	s, err := grpcpush.Listen(grpcpush.Deps{Config: grpcpush.Config{Addr: "127.0.0.1:0"}, Hub: hub, Tokens: tokens,
		Serving: func() bool { return true }, Log: zap.NewNop()})
	require.NoError(t, err)
	conn, err := grpc.NewClient(s.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = conn.Close()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = s.Stop(ctx)
	})
	return fixture{sys, hub, s, pushv1.NewPushClient(conn)}
}

func (f fixture) subscribe(t *testing.T, ctx context.Context, client, cursor string) grpc.ServerStreamingClient[pushv1.PushEvent] {
	t.Helper()
	stream, err := f.client.SubscribePush(ctx, &pushv1.GatewaySubscribeRequest{GatewayClientId: client, Cursor: cursor})
	require.NoError(t, err)
	_, err = stream.Header()
	require.NoError(t, err)
	return stream
}

func (f fixture) publish(t *testing.T, n int) {
	t.Helper()
	_, err := kit.Ask(t.Context(), f.hub, push.Publish{User: galaxy.UserID{UUID: galaxy.NewID()}, Event: text(fmt.Sprint(n)), EventID: fmt.Sprint("e", n), RequestID: "r", TraceID: "t"})
	require.NoError(t, err)
}

func TestEveryGatewayGetsEveryEvent(t *testing.T) {
	f := start(t)
	a, b := f.subscribe(t, t.Context(), "a", ""), f.subscribe(t, t.Context(), "b", "")
	for n := range 20 {
		f.publish(t, n)
	}
	for _, stream := range []grpc.ServerStreamingClient[pushv1.PushEvent]{a, b} {
		last := ""
		for n := range 20 {
			e, err := stream.Recv()
			require.NoError(t, err)
			require.Equal(t, fmt.Sprint(n), string(e.GetClientEvent().GetPayload()))
			require.Equal(t, fmt.Sprint("e", n), e.GetClientEvent().GetEventId())
			require.Len(t, e.GetCursor(), 20)
			require.Greater(t, e.GetCursor(), last)
			last = e.GetCursor()
		}
	}
}

func TestAGatewayGoesOnWhereItStopped(t *testing.T) {
	f := start(t)
	ctx, leave := context.WithCancel(t.Context())
	stream := f.subscribe(t, ctx, "a", "")
	f.publish(t, 0)
	e, err := stream.Recv()
	require.NoError(t, err)
	leave()
	f.publish(t, 1)
	f.publish(t, 2)
	again := f.subscribe(t, t.Context(), "a", e.GetCursor())
	header, err := again.Header()
	require.NoError(t, err)
	require.Equal(t, []string{"true"}, header.Get("galaxy-resumed"))
	header, err = f.subscribe(t, t.Context(), "b", "").Header()
	require.NoError(t, err)
	require.Equal(t, []string{"false"}, header.Get("galaxy-resumed"))
	header, err = f.subscribe(t, t.Context(), "c", strings.Repeat("0", 20)).Header()
	require.NoError(t, err)
	require.Equal(t, []string{"false"}, header.Get("galaxy-resumed"), "a cursor of another lifetime")
	f.publish(t, 3)
	for n := 1; n <= 3; n++ {
		e, err := again.Recv()
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(n), string(e.GetClientEvent().GetPayload()))
	}
}

func TestANewerSubscriptionReplacesTheOlder(t *testing.T) {
	f := start(t)
	older := f.subscribe(t, t.Context(), "a", "")
	newer := f.subscribe(t, t.Context(), "a", "")
	_, err := older.Recv()
	require.Equal(t, codes.Aborted, status.Code(err))
	f.publish(t, 1)
	_, err = newer.Recv()
	require.NoError(t, err)
}

func TestMalformedSubscriptionsAreRefused(t *testing.T) {
	f := start(t)
	for name, in := range map[string]*pushv1.GatewaySubscribeRequest{
		"no id":                  {},
		"an id with a newline":   {GatewayClientId: "a\nb"},
		"an id that is a novel":  {GatewayClientId: string(make([]byte, 200))},
		"a cursor of letters":    {GatewayClientId: "a", Cursor: "abcdefghijklmnopqrst"},
		"a short cursor":         {GatewayClientId: "a", Cursor: "12"},
		"a cursor beyond uint64": {GatewayClientId: "a", Cursor: "99999999999999999999"},
	} {
		t.Run(name, func(t *testing.T) {
			stream, err := f.client.SubscribePush(t.Context(), in)
			require.NoError(t, err)
			_, err = stream.Recv()
			require.Equal(t, codes.InvalidArgument, status.Code(err), err)
		})
	}
}

func TestAGatewayMustBearItsToken(t *testing.T) {
	f := start(t, "new", "previous")
	for bearer, want := range map[string]codes.Code{"": codes.Unauthenticated, "Bearer other": codes.Unauthenticated, "new": codes.Unauthenticated,
		"Bearer new": codes.OK, "Bearer previous": codes.OK} {
		ctx, cancel := context.WithCancel(metadata.AppendToOutgoingContext(t.Context(), "authorization", bearer))
		stream, err := f.client.SubscribePush(ctx, &pushv1.GatewaySubscribeRequest{GatewayClientId: "a"})
		require.NoError(t, err)
		if want == codes.OK {
			_, err = stream.Header()
			require.NoError(t, err)
		} else {
			_, err = stream.Recv()
			require.Equal(t, want, status.Code(err))
		}
		cancel()
	}
}

func TestStreamsDrainBeforeTheServiceStops(t *testing.T) {
	f := start(t)
	stream := f.subscribe(t, t.Context(), "a", "")
	f.publish(t, 1)
	_, err := kit.Ask(t.Context(), f.hub, push.Drain{})
	require.NoError(t, err)
	_, err = kit.Ask(t.Context(), f.hub, push.Publish{Event: text("late")})
	require.ErrorIs(t, err, push.ErrDraining)
	_, err = stream.Recv()
	require.NoError(t, err)
	_, err = stream.Recv()
	require.Equal(t, codes.Unavailable, status.Code(err))
	require.NoError(t, f.server.Listening(t.Context()))
	require.NoError(t, f.server.Stop(t.Context()))
	require.Eventually(t, func() bool { return f.server.Listening(t.Context()) != nil }, 5*time.Second, time.Millisecond)
}

func TestAStreamThatHangsIsCutOff(t *testing.T) {
	f := start(t)
	f.subscribe(t, t.Context(), "a", "") // nobody reads, and the hub does not end
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, f.server.Stop(ctx), context.DeadlineExceeded)
}

func TestNobodyIsServedInStandby(t *testing.T) {
	sys := kittest.System(t)
	var serving atomic.Bool
	s, err := grpcpush.Listen(grpcpush.Deps{Config: grpcpush.Config{Addr: "127.0.0.1:0"}, Hub: kittest.NewProbe(t, sys).Ref,
		Serving: serving.Load, Log: zap.NewNop()})
	require.NoError(t, err)
	defer s.Stop(t.Context())
	conn, err := grpc.NewClient(s.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer conn.Close()
	stream, err := pushv1.NewPushClient(conn).SubscribePush(t.Context(), &pushv1.GatewaySubscribeRequest{GatewayClientId: "a"})
	require.NoError(t, err)
	_, err = stream.Recv()
	require.Equal(t, codes.Unavailable, status.Code(err))
}
