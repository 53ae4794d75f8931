package telemetry

import (
	"bytes"
	"fmt"
	"io"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	"go.uber.org/zap"
	"go.uber.org/zap/exp/zapslog"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zapgrpc"
	"google.golang.org/grpc/grpclog"
)

// NewLogger makes a logger of JSON lines with at least ts, level, caller, service and msg.
func NewLogger(c Config, out io.Writer) (*zap.Logger, error) {
	level, err := zapcore.ParseLevel(c.Level)
	if err != nil {
		return nil, fmt.Errorf("BACKEND_LOGGING_LEVEL: %w", err)
	}
	keys := zap.NewProductionEncoderConfig()
	keys.TimeKey, keys.EncodeTime = "ts", zapcore.RFC3339NanoTimeEncoder
	core := zapcore.NewCore(zapcore.NewJSONEncoder(keys), zapcore.Lock(zapcore.AddSync(out)), level)
	return zap.New(core, zap.AddCaller()).With(zap.String("service", c.ServiceName)), nil
}

// missing makes the line that says how many lines were dropped at its place.
func missing(c Config) func(lines uint64) []byte {
	c.Level = "warn"
	return func(lines uint64) []byte {
		var out bytes.Buffer
		if log, err := NewLogger(c, &out); err == nil {
			log.Warn("lines of the log are missing here: its reader was away or too slow", zap.Uint64("lines_dropped", lines))
		}
		return out.Bytes()
	}
}

// Adopt has log write what libraries would write to stderr by themselves, and wait for: Go's log package, with it HTTP
// servers, and the errors of gRPC and OpenTelemetry. It is for the start of a process, before those are used.
func Adopt(log *zap.Logger) error {
	if _, err := zap.RedirectStdLogAt(log, zap.WarnLevel); err != nil {
		return fmt.Errorf("redirect the log package: %w", err)
	}
	core, err := zapcore.NewIncreaseLevelCore(log.Core(), zap.ErrorLevel)
	if err != nil {
		return fmt.Errorf("redirect the log of libraries: %w", err)
	}
	grpclog.SetLoggerV2(zapgrpc.NewLogger(zap.New(core, zap.AddCaller())))
	otel.SetLogger(logr.FromSlogHandler(zapslog.NewHandler(core, zapslog.WithCaller(true))))
	return nil
}
