package http

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"galaxy/backend/api"
	"galaxy/backend/galaxy"
)

const (
	// answerMargin is what a request leaves of the write timeout for its answer.
	answerMargin = 2 * time.Second
	maxBody      = 256 << 10

	// Header names are written as net/http keeps them, which spares it to rewrite them for every request.
	requestIDHeader = "X-Request-Id"
	timeoutHeader   = "X-Request-Timeout"

	requestIDKey = "request_id"
	causeKey     = "cause"
	bodyKey      = "body"
)

func requestID(c *gin.Context) string { return c.GetString(requestIDKey) }

// observe gives a request its id and span, and counts and logs it.
func (s *Server) observe() (gin.HandlerFunc, error) {
	requests, err := s.Meter.Int64Counter("http_requests", metric.WithDescription("Requests answered."))
	if err != nil {
		return nil, err
	}
	durations, err := s.Meter.Float64Histogram("http_request_duration", metric.WithUnit("s"), metric.WithDescription("Time from a request to its answer."))
	if err != nil {
		return nil, err
	}
	tracer := s.Tracers.Tracer("galaxy/backend/http")
	var series labels
	return func(c *gin.Context) {
		began := time.Now()
		id := c.GetHeader(requestIDHeader)
		if !validRequestID(id) {
			id = uuid.NewString()
		}
		c.Set(requestIDKey, id)
		c.Header(requestIDHeader, id)
		path := c.FullPath()
		ctx := propagation.TraceContext{}.Extract(c.Request.Context(), propagation.HeaderCarrier(c.Request.Header))
		ctx, span := tracer.Start(ctx, c.Request.Method+" "+path, trace.WithSpanKind(trace.SpanKindServer))
		defer span.End()
		if span.IsRecording() {
			span.SetAttributes(attribute.String("request_id", id), attribute.String("http.route", path))
		}
		if span.SpanContext().IsValid() {
			c.Request = c.Request.WithContext(ctx)
		}
		c.Next()

		status, took := c.Writer.Status(), time.Since(began)
		labels := series.of(c.Request.Method, path, status)
		requests.Add(ctx, 1, labels)
		durations.Record(ctx, took.Seconds(), labels)
		if span.IsRecording() {
			span.SetAttributes(attribute.Int("http.response.status_code", status))
		}
		s.logRequest(ctx, c, id, took)
	}, nil
}

// labels are the metrics' label sets, each made once: there are as many as operations and their statuses.
type labels struct{ made sync.Map }

type labelled struct {
	method, route string
	status        int
}

func (l *labels) of(method, route string, status int) metric.MeasurementOption {
	if route == "" {
		method = "" // anybody can invent methods for paths that nothing is at
	}
	key := labelled{method, route, status}
	if made, ok := l.made.Load(key); ok {
		return made.(metric.MeasurementOption)
	}
	set := metric.WithAttributeSet(attribute.NewSet(attribute.String("group", string(groupOf(route))), attribute.String("method", method),
		attribute.String("path", route), attribute.Int("status", status)))
	l.made.Store(key, set)
	return set
}

// logRequest says what became of a request: failures of ours loudly, everything else only when debugging.
func (s *Server) logRequest(ctx context.Context, c *gin.Context, id string, took time.Duration) {
	level := zap.DebugLevel
	if c.Writer.Status() >= http.StatusInternalServerError {
		level = zap.WarnLevel
	}
	line := s.Log.Check(level, "request")
	if line == nil {
		return
	}
	fields := []zap.Field{zap.String("request_id", id), zap.String("method", c.Request.Method), zap.String("path", c.FullPath()),
		zap.Int("status", c.Writer.Status()), zap.Duration("took", took)}
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		fields = append(fields, zap.Stringer("otel_trace_id", span.TraceID()), zap.Stringer("otel_span_id", span.SpanID()))
	}
	if cause, ok := c.Get(causeKey); ok {
		if err, ok := cause.(error); ok {
			fields = append(fields, zap.Error(err))
		}
	}
	line.Write(fields...)
}

// validRequestID takes a gateway's id when it is safe to log.
func validRequestID(id string) bool {
	return id != "" && len(id) <= 128 && !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' })
}

func (s *Server) recoverPanic(c *gin.Context) {
	defer func() {
		if r := recover(); r != nil {
			if err, ok := r.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(r)
			}
			s.Log.Error("a handler has panicked", zap.String("request_id", requestID(c)), zap.Any("panic", r), zap.ByteString("stack", debug.Stack()))
			s.fail(c, galaxy.Errorf(galaxy.Internal, "internal error; the request id helps to find out"))
		}
	}()
	c.Next()
}

// gate lets only probes in while another backend serves, or this one stops or has too many connections.
func (s *Server) gate(c *gin.Context) {
	switch {
	case groupOf(c.Request.URL.Path) == groupProbes:
	case s.stopping.Load():
		s.refuse(c, errStopping)
	case crowded(c.Request.Context()):
		s.refuse(c, errCrowded)
	case !s.Serving():
		s.fail(c, errElsewhere)
	}
}

var errElsewhere = galaxy.Errorf(galaxy.ServiceUnavailable, "this backend does not serve right now; another one may")

// fresh keeps back what was read by a request that was let in before the backend stopped serving: it may have stood still
// meanwhile, and remember what another one has changed.
func (s *Server) fresh(answer api.StrictHandlerFunc, _ string) api.StrictHandlerFunc {
	return func(c *gin.Context, request any) (any, error) {
		out, err := answer(c, request)
		if c.Request.Method == http.MethodGet && groupOf(c.Request.URL.Path) != groupProbes && !s.Serving() {
			return nil, errElsewhere
		}
		return out, err
	}
}

// limit bounds the request's life, and reads its body.
func (s *Server) limit(c *gin.Context) {
	life := s.Config.WriteTimeout - answerMargin
	if h := c.GetHeader(timeoutHeader); h != "" {
		seconds, err := strconv.ParseFloat(h, 64)
		if err != nil || !(seconds > 0) || seconds > 3600 {
			s.fail(c, galaxy.Errorf(galaxy.InvalidRequest, "%s must be a number of seconds", timeoutHeader))
			return
		}
		life = min(life, time.Duration(seconds*float64(time.Second)))
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), life)
	defer cancel()
	c.Request = c.Request.WithContext(ctx)
	if c.Request.Body != nil && c.Request.Body != http.NoBody {
		raw, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, maxBody))
		if err != nil {
			s.fail(c, s.cutOff(ctx, unreadable(err)))
			return
		}
		c.Set(bodyKey, raw)
		c.Request.Body = io.NopCloser(bytes.NewReader(raw))
	}
	c.Next()
}

func unreadable(err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return err
	}
	return galaxy.Errorf(galaxy.InvalidRequest, "the body could not be read").Because(err)
}

func body(c *gin.Context) []byte {
	raw, _ := c.Get(bodyKey)
	b, _ := raw.([]byte)
	return b
}
