// Package telemetry makes the logger, the tracer and the meter of the service.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/contrib/instrumentation/runtime"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/exporters/stdout/stdoutmetric"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"galaxy/backend/internal/logsink"
)

// Config says what is told to whom.
type Config struct {
	Level           string  `env:"BACKEND_LOGGING_LEVEL" envDefault:"info" help:"Least level that is logged: debug, info, warn or error."`
	ServiceName     string  `env:"BACKEND_SERVICE_NAME" envDefault:"galaxy-backend" help:"Name of the service in logs, traces and metrics."`
	TracesExporter  string  `env:"BACKEND_OTEL_TRACES_EXPORTER" envDefault:"otlp" help:"Where traces go: none, otlp or stdout."`
	SampleRatio     float64 `env:"BACKEND_OTEL_TRACES_SAMPLE_RATIO" envDefault:"1.0" help:"Share of the requests that are traced, 0 to 1."`
	MetricsExporter string  `env:"BACKEND_OTEL_METRICS_EXPORTER" envDefault:"otlp" help:"Where metrics go: none, otlp, stdout or prometheus."`
	Protocol        string  `env:"BACKEND_OTEL_PROTOCOL" envDefault:"grpc" help:"OTLP's protocol: grpc or http/protobuf."`
	Endpoint        string  `env:"BACKEND_OTEL_ENDPOINT" defaultHelp:"that of the OTLP provider" help:"OTLP endpoint URL."`
	PrometheusAddr  string  `env:"BACKEND_OTEL_PROMETHEUS_LISTEN_ADDR" envDefault:":9100" help:"Where /metrics is served with the prometheus exporter."`
}

// Validate reports every problem of the settings.
func (c Config) Validate() error {
	var problems []error
	one := func(name, value string, of ...string) {
		if !slices.Contains(of, value) {
			problems = append(problems, fmt.Errorf("%s must be one of %v", name, of))
		}
	}
	one("BACKEND_LOGGING_LEVEL", c.Level, "debug", "info", "warn", "error")
	one("BACKEND_OTEL_TRACES_EXPORTER", c.TracesExporter, "none", "otlp", "stdout")
	one("BACKEND_OTEL_METRICS_EXPORTER", c.MetricsExporter, "none", "otlp", "stdout", "prometheus")
	one("BACKEND_OTEL_PROTOCOL", c.Protocol, "grpc", "http/protobuf")
	if c.SampleRatio < 0 || c.SampleRatio > 1 {
		problems = append(problems, errors.New("BACKEND_OTEL_TRACES_SAMPLE_RATIO must be between 0 and 1"))
	}
	return errors.Join(problems...)
}

// Telemetry is what the service tells of itself.
type Telemetry struct {
	Log     *zap.Logger
	Tracers trace.TracerProvider
	Meter   metric.Meter

	out      *logsink.Sink // stdout
	shutdown []func(context.Context) error
}

// Start makes the logger, tracer and meter. A collector that is away never holds the service up.
func Start(ctx context.Context, c Config) (*Telemetry, error) {
	out := logsink.New(os.Stdout, missing(c))
	log, err := NewLogger(c, out)
	if err != nil {
		return nil, err
	}
	t := &Telemetry{Log: log, Tracers: noop.NewTracerProvider(), out: out}
	quiet := log.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core {
		return zapcore.NewSamplerWithOptions(core, time.Minute, 1, 0)
	}))
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { quiet.Warn("telemetry is not delivered", zap.Error(err)) }))
	otel.SetTextMapPropagator(propagation.TraceContext{})
	about := resource.NewSchemaless(attribute.String("service.name", c.ServiceName))
	if err := t.traces(ctx, c, about); err != nil {
		return nil, err
	}
	if err := t.metrics(ctx, c, about); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *Telemetry) traces(ctx context.Context, c Config, about *resource.Resource) error {
	var exporter sdktrace.SpanExporter
	var err error
	switch {
	case c.TracesExporter == "none":
		return nil
	case c.TracesExporter == "stdout":
		exporter, err = stdouttrace.New(stdouttrace.WithWriter(t.out))
	case c.Protocol == "grpc":
		var opts []otlptracegrpc.Option
		if c.Endpoint != "" {
			opts = append(opts, otlptracegrpc.WithEndpointURL(c.Endpoint))
		}
		exporter, err = otlptracegrpc.New(ctx, opts...)
	default:
		var opts []otlptracehttp.Option
		if c.Endpoint != "" {
			opts = append(opts, otlptracehttp.WithEndpointURL(c.Endpoint))
		}
		exporter, err = otlptracehttp.New(ctx, opts...)
	}
	if err != nil {
		return fmt.Errorf("make the trace exporter: %w", err)
	}
	p := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(c.SampleRatio))))
	t.Tracers = p
	t.shutdown = append(t.shutdown, p.Shutdown)
	otel.SetTracerProvider(p)
	return nil
}

// seconds are buckets for durations from a fast look-up to a slow turn.
var seconds = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}

func (t *Telemetry) metrics(ctx context.Context, c Config, about *resource.Resource) error {
	reader, err := t.reader(ctx, c)
	if err != nil {
		return fmt.Errorf("make the metric exporter: %w", err)
	}
	opts := []sdkmetric.Option{sdkmetric.WithResource(about), sdkmetric.WithView(sdkmetric.NewView(
		sdkmetric.Instrument{Kind: sdkmetric.InstrumentKindHistogram, Unit: "s"},
		sdkmetric.Stream{Aggregation: sdkmetric.AggregationExplicitBucketHistogram{Boundaries: seconds}}))}
	if reader != nil {
		opts = append(opts, sdkmetric.WithReader(reader))
	}
	p := sdkmetric.NewMeterProvider(opts...)
	t.Meter = p.Meter("galaxy/backend")
	t.shutdown = append(t.shutdown, p.Shutdown)
	_, err = t.Meter.Int64ObservableCounter("log_lines_dropped_total",
		metric.WithDescription("Lines of stdout that were dropped, since its reader was away or too slow."),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(int64(t.out.Dropped()))
			return nil
		}))
	if err != nil {
		return err
	}
	return runtime.Start(runtime.WithMeterProvider(p))
}

func (t *Telemetry) reader(ctx context.Context, c Config) (sdkmetric.Reader, error) {
	switch {
	case c.MetricsExporter == "none":
		return nil, nil
	case c.MetricsExporter == "prometheus":
		registry := prometheus.NewRegistry()
		if err := t.serve(c.PrometheusAddr, registry); err != nil {
			return nil, err
		}
		return otelprom.New(otelprom.WithRegisterer(registry), otelprom.WithoutScopeInfo())
	case c.MetricsExporter == "stdout":
		e, err := stdoutmetric.New(stdoutmetric.WithWriter(t.out))
		return sdkmetric.NewPeriodicReader(e), err
	case c.Protocol == "grpc":
		var opts []otlpmetricgrpc.Option
		if c.Endpoint != "" {
			opts = append(opts, otlpmetricgrpc.WithEndpointURL(c.Endpoint))
		}
		e, err := otlpmetricgrpc.New(ctx, opts...)
		return sdkmetric.NewPeriodicReader(e), err
	default:
		var opts []otlpmetrichttp.Option
		if c.Endpoint != "" {
			opts = append(opts, otlpmetrichttp.WithEndpointURL(c.Endpoint))
		}
		e, err := otlpmetrichttp.New(ctx, opts...)
		return sdkmetric.NewPeriodicReader(e), err
	}
}

// serve answers /metrics on a listener of its own.
func (t *Telemetry) serve(addr string, registry *prometheus.Registry) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("listen for Prometheus: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	s := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = s.Serve(l) }()
	t.shutdown = append(t.shutdown, s.Shutdown)
	return nil
}

// Logging gives an error while lines of the log are being lost.
func (t *Telemetry) Logging(context.Context) error { return t.out.Healthy() }

// Shutdown hands over what has been gathered, as far as ctx gives time, and ends. It waits a second at most for the
// log's reader.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	var problems []error
	for _, end := range t.shutdown {
		problems = append(problems, end(ctx))
	}
	_ = t.Log.Sync()
	return errors.Join(problems...)
}
