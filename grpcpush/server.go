// Package grpcpush serves the push stream to gateways. It is not traced: the span of a stream that stays open for weeks
// would never be exported, and each event names the trace it belongs to.
package grpcpush

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/push"
	"galaxy/backend/galaxy"
	pushv1 "galaxy/backend/proto/push/v1"
)

// Config says how the stream is served.
type Config struct {
	Addr            string        `env:"BACKEND_GRPC_PUSH_LISTEN_ADDR" envDefault:":8081" help:"gRPC listener of the push stream."`
	ShutdownTimeout time.Duration `env:"BACKEND_GRPC_PUSH_SHUTDOWN_TIMEOUT" envDefault:"10s" help:"Longest time for the push streams to drain when the service stops."`
	MaxConns        int           `env:"BACKEND_GRPC_PUSH_MAX_CONNECTIONS" envDefault:"0" help:"Most connections of the push stream at once. 0: as many as the limit of open files leaves."`
	TLSCert         string        `env:"BACKEND_GRPC_PUSH_TLS_CERT" help:"Certificate file; with it the push stream is served with TLS. Renewed files are used without a restart."`
	TLSKey          string        `env:"BACKEND_GRPC_PUSH_TLS_KEY" help:"Key file of the certificate."`
}

// Validate reports every problem of the settings.
func (c Config) Validate() error {
	var problems []error
	if c.ShutdownTimeout <= 0 {
		problems = append(problems, errors.New("BACKEND_GRPC_PUSH_SHUTDOWN_TIMEOUT must be positive"))
	}
	if c.MaxConns < 0 {
		problems = append(problems, errors.New("BACKEND_GRPC_PUSH_MAX_CONNECTIONS must not be negative"))
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		problems = append(problems, errors.New("BACKEND_GRPC_PUSH_TLS_CERT and BACKEND_GRPC_PUSH_TLS_KEY go together"))
	} else if c.TLSCert != "" {
		if _, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey); err != nil {
			problems = append(problems, fmt.Errorf("BACKEND_GRPC_PUSH_TLS_CERT and BACKEND_GRPC_PUSH_TLS_KEY: %w", err))
		}
	}
	return errors.Join(problems...)
}

// Deps are what the server needs.
type Deps struct {
	Config  Config
	Hub     kit.Ref
	Tokens  []string // one of which a gateway must bear; none: everybody is let in
	Serving func() bool
	Log     *zap.Logger
	// Certificate gives the certificate of the settings as it is now, at each handshake. nil: the stream is served
	// without TLS.
	Certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
}

// Server is the running listener.
type Server struct {
	pushv1.UnimplementedPushServer
	Deps
	grpc     *grpc.Server
	listener *door
	stopping atomic.Bool
	ended    atomic.Bool
	failed   chan error
}

const (
	// greeting is how long a gateway has to begin to talk, and idle how long it may hold a connection without a stream.
	greeting = 10 * time.Second
	idle     = 5 * time.Minute
)

// Listen starts serving.
func Listen(d Deps) (*Server, error) {
	opts := []grpc.ServerOption{
		grpc.ForceServerCodecV2(codec{}),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: idle, Time: 20 * time.Second,
			Timeout: 10 * time.Second}),
		grpc.ConnectionTimeout(greeting),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
	}
	if d.Certificate != nil {
		creds := credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: d.Certificate})
		opts = append(opts, grpc.Creds(creds))
	} else if d.Config.TLSCert != "" {
		return nil, errors.New("push stream: BACKEND_GRPC_PUSH_TLS_CERT is set, and no certificate is given")
	}
	l, err := net.Listen("tcp", d.Config.Addr)
	if err != nil {
		return nil, fmt.Errorf("push stream: %w", err)
	}
	s := &Server{Deps: d, grpc: grpc.NewServer(opts...), listener: newDoor(l, d.Config.MaxConns, d.Log),
		failed: make(chan error, 1)}
	pushv1.RegisterPushServer(s.grpc, s)
	go func() {
		err := s.grpc.Serve(s.listener)
		s.ended.Store(true)
		s.failed <- err
	}()
	return s, nil
}

// Addr is where the server listens.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Listening gives an error when the server takes no streams any more.
func (s *Server) Listening(context.Context) error {
	if s.ended.Load() {
		return galaxy.Errorf(galaxy.ServiceUnavailable, "the push listener has ended")
	}
	return nil
}

// Failed gives an error when the server ends by itself.
func (s *Server) Failed() <-chan error { return s.failed }

// Refuse answers every new stream with Unavailable from now on.
func (s *Server) Refuse() { s.stopping.Store(true) }

// Stop takes no new streams and waits for the open ones to end; what is left when ctx is done is cut off.
func (s *Server) Stop(ctx context.Context) error {
	s.Refuse()
	done := make(chan struct{})
	go func() {
		s.grpc.GracefulStop()
		close(done)
	}()
	_ = s.listener.Close()
	s.listener.closeMute()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		s.listener.closeAll()
		s.grpc.Stop()
		<-done
		return fmt.Errorf("push streams were cut off: %w", ctx.Err())
	}
}

// resumedHeader says whether the stream goes on where the gateway's cursor stood.
const resumedHeader = "galaxy-resumed"

// SubscribePush sends a gateway its events until it leaves, is replaced, or the service stops.
func (s *Server) SubscribePush(in *pushv1.GatewaySubscribeRequest, stream grpc.ServerStreamingServer[pushv1.PushEvent]) error {
	ctx := stream.Context()
	if err := s.admit(ctx); err != nil {
		return err
	}
	sub, err := kit.Ask(ctx, s.Hub, push.Subscribe{Client: in.GetGatewayClientId(), Cursor: in.GetCursor()})
	if err != nil {
		return s.status(ctx, err)
	}
	defer sub.Close()
	if err := s.serving(); err != nil { // it may have stood still since the gateway was let in
		return err
	}
	if err := stream.SendHeader(metadata.Pairs(resumedHeader, strconv.FormatBool(sub.Resumed()))); err != nil {
		return s.status(ctx, err)
	}
	log := s.Log.With(zap.String("gateway_client_id", in.GetGatewayClientId()))
	log.Info("a gateway has subscribed", zap.String("cursor", in.GetCursor()))
	err = s.forward(ctx, sub, stream)
	log.Info("a gateway's stream has ended", zap.NamedError("reason", err))
	return s.status(ctx, err)
}

func (s *Server) forward(ctx context.Context, sub *push.Subscription, stream grpc.ServerStream) error {
	for {
		frames, err := sub.Take(ctx)
		if err != nil {
			return err
		}
		for _, f := range frames {
			if err := stream.SendMsg(encoded(f.Encoded)); err != nil {
				return err
			}
		}
	}
}

// admit lets in who bears a token, while the service serves.
func (s *Server) admit(ctx context.Context) error {
	if len(s.Tokens) > 0 && !s.bears(ctx) {
		return status.Error(codes.Unauthenticated, "a gateway must bear its token")
	}
	return s.serving()
}

func (s *Server) serving() error {
	if s.stopping.Load() {
		return status.Error(codes.Unavailable, push.ErrDraining.Message)
	}
	if !s.Serving() {
		return status.Error(codes.Unavailable, "this backend is not serving")
	}
	return nil
}

func (s *Server) bears(ctx context.Context) bool {
	md, _ := metadata.FromIncomingContext(ctx)
	for _, v := range md.Get("authorization") {
		if galaxy.Bears(v, s.Tokens) {
			return true
		}
	}
	return false
}

// status translates what ended a stream. Whatever came of it, a caller whose own time is over, or who has left, is told
// just that.
func (s *Server) status(ctx context.Context, err error) error {
	var g *galaxy.Error
	switch known := errors.As(err, &g); {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return status.FromContextError(ctx.Err()).Err()
	case errors.Is(err, push.ErrReplaced):
		return status.Error(codes.Aborted, push.ErrReplaced.Message)
	case !known:
		if _, ok := status.FromError(err); ok {
			return err
		}
		s.Log.Error("a push stream has failed", zap.Error(err))
		return status.Error(codes.Internal, "internal error")
	case g.Code == galaxy.InvalidRequest:
		return status.Error(codes.InvalidArgument, g.Message)
	default:
		return status.Error(codes.Unavailable, g.Message)
	}
}
