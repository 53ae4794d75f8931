package grpcpush_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/kit/kittest"
	"galaxy/backend/actors/push"
	"galaxy/backend/grpcpush"
	pushv1 "galaxy/backend/proto/push/v1"
)

// listen starts a server whose log is kept.
func listen(t *testing.T, conf grpcpush.Config) (*grpcpush.Server, *observer.ObservedLogs, kit.Ref) {
	sys := kittest.System(t)
	hub, err := push.Start(sys, push.Deps{Config: push.Config{TTL: time.Minute, RingEvents: 100, RingBytes: 1 << 20,
		Queue: 100}, Boot: 7,
		Now: time.Now, Log: zap.NewNop(), Meter: metricnoop.Meter{}}, kittest.Never)
	require.NoError(t, err)
	core, lines := observer.New(zapcore.DebugLevel)
	conf.Addr = "127.0.0.1:0"
	s, err := grpcpush.Listen(grpcpush.Deps{Config: conf, Hub: hub, Serving: func() bool { return true },
		Log: zap.New(core)})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = s.Stop(ctx)
	})
	return s, lines, hub
}

// rawStatus opens a stream as a gateway that does not end it by itself when timeout is over, and gives the status that
// it ends with.
func rawStatus(t *testing.T, address, timeout string) string {
	message, err := proto.Marshal(&pushv1.GatewaySubscribeRequest{GatewayClientId: "a"})
	require.NoError(t, err)
	frame := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message)))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
		"http://"+address+pushv1.Push_SubscribePush_FullMethodName,
		bytes.NewReader(append(frame, message...)))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/grpc")
	req.Header.Set("Te", "trailers")
	req.Header.Set("Grpc-Timeout", timeout)
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	res, err := transport.RoundTrip(req)
	if err == nil {
		defer res.Body.Close()
		_, err = io.Copy(io.Discard, res.Body)
	}
	if err != nil { // gRPC may end the stream before its status is sent
		require.ErrorContains(t, err, "CANCEL; received from peer")
		return fmt.Sprint(int(codes.DeadlineExceeded))
	}
	if s := res.Trailer.Get("Grpc-Status"); s != "" {
		return s
	}
	return res.Header.Get("Grpc-Status")
}

func TestAStreamWhoseCallersTimeIsOverIsToldSo(t *testing.T) {
	for _, timeout := range []string{"200m", "1m", "1n"} {
		t.Run(timeout, func(t *testing.T) {
			s, lines, _ := listen(t, grpcpush.Config{})
			require.Equal(t, fmt.Sprint(int(codes.DeadlineExceeded)), rawStatus(t, s.Addr().String(), timeout))
			require.Empty(t, lines.Filter(func(e observer.LoggedEntry) bool { return e.Level >= zap.WarnLevel }).All())
		})
	}
}

func TestAStreamThatItsCallerLeavesIsNoError(t *testing.T) {
	s, lines, _ := listen(t, grpcpush.Config{})
	conn, err := grpc.NewClient(s.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer conn.Close()
	ctx, leave := context.WithCancel(t.Context())
	stream, err := pushv1.NewPushClient(conn).SubscribePush(ctx, &pushv1.GatewaySubscribeRequest{GatewayClientId: "a"})
	require.NoError(t, err)
	_, err = stream.Header()
	require.NoError(t, err)
	leave()
	_, err = stream.Recv()
	require.Equal(t, codes.Canceled, status.Code(err))
	require.Eventually(t, func() bool { return lines.FilterMessage("a gateway's stream has ended").Len() == 1 },
		10*time.Second, time.Millisecond)
	require.Empty(t, lines.Filter(func(e observer.LoggedEntry) bool { return e.Level >= zap.WarnLevel }).All())
}

func TestNewStreamsAreRefusedBeforeOpenOnesEnd(t *testing.T) {
	s, _, hub := listen(t, grpcpush.Config{})
	conn, err := grpc.NewClient(s.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer conn.Close()
	client := pushv1.NewPushClient(conn)
	open, err := client.SubscribePush(t.Context(), &pushv1.GatewaySubscribeRequest{GatewayClientId: "a"})
	require.NoError(t, err)
	_, err = open.Header()
	require.NoError(t, err)
	s.Refuse()
	refused, err := client.SubscribePush(t.Context(), &pushv1.GatewaySubscribeRequest{GatewayClientId: "b"})
	require.NoError(t, err)
	_, err = refused.Recv()
	require.Equal(t, codes.Unavailable, status.Code(err))
	_, err = kit.Ask(t.Context(), hub, push.Publish{Event: text("still"), EventID: "e"})
	require.NoError(t, err)
	_, err = open.Recv()
	require.NoError(t, err, "the open stream goes on")
}

func TestMuteConnectionsHoldUpNoStop(t *testing.T) {
	s, _, _ := listen(t, grpcpush.Config{})
	for _, said := range []string{"", "PRI * HT"} {
		c, err := net.Dial("tcp", s.Addr().String())
		require.NoError(t, err)
		defer c.Close()
		_, err = io.WriteString(c, said)
		require.NoError(t, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	_ = s.Stop(ctx)
	require.Less(t, time.Since(began), 5*time.Second)
}

func TestConnectionsAreBounded(t *testing.T) {
	s, lines, _ := listen(t, grpcpush.Config{MaxConns: 3})
	dial := func() *grpc.ClientConn {
		conn, err := grpc.NewClient(s.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	subscribe := func(conn *grpc.ClientConn, id string) error {
		ctx, cancel := context.WithCancel(t.Context())
		t.Cleanup(cancel)
		stream, err := pushv1.NewPushClient(conn).SubscribePush(ctx,
			&pushv1.GatewaySubscribeRequest{GatewayClientId: id})
		if err == nil {
			_, err = stream.Header()
		}
		return err
	}
	for range 50 { // they say nothing, and make room
		c, err := net.Dial("tcp", s.Addr().String())
		require.NoError(t, err)
		defer c.Close()
	}
	conns := []*grpc.ClientConn{dial(), dial(), dial()}
	for i, conn := range conns {
		require.NoError(t, subscribe(conn, fmt.Sprint("g", i)))
	}
	require.NotEqual(t, codes.OK, status.Code(subscribe(dial(), "late")), "there is no room")
	require.NotZero(t, lines.FilterMessageSnippet("as many connections are open as may be").Len())
	require.NoError(t, conns[0].Close())
	require.Eventually(t, func() bool { return subscribe(dial(), "later") == nil }, 10*time.Second, 10*time.Millisecond)
}
