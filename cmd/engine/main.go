// Command engine is the reference engine: one game behind the engine contract.
package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"galaxy/backend/engine/disk"
	"galaxy/backend/engine/server"
	"galaxy/backend/internal/logsink"
)

// version is set by the linker.
var version = "1.0.0"

// grace is how long answers under way may take when the engine is told to end.
const grace = 5 * time.Second

func main() {
	logsink.Survive()
	// An engine whose log nobody reads still makes its turns.
	out := logsink.New(os.Stdout, missing)
	log := slog.New(slog.NewJSONHandler(out, nil))
	err := run(log)
	if err != nil {
		log.Error("the engine ends", "error", err)
	}
	_ = out.Sync()
	if err != nil {
		os.Exit(1)
	}
}

// missing makes the line that says how many lines were dropped at its place.
func missing(lines uint64) []byte {
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Warn("lines of the log are missing here", "lines_dropped", lines)
	return out.Bytes()
}

func run(log *slog.Logger) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	dir, err := disk.Open(setting("STORAGE_PATH", "/var/lib/galaxy-game"))
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	e, err := server.New(dir, version, log)
	if err != nil {
		return err
	}
	s := &http.Server{Addr: setting("ENGINE_LISTEN_ADDR", ":8080"), Handler: e.Handler(),
		ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
	failed := make(chan error, 1)
	go func() { failed <- s.ListenAndServe() }()
	log.Info("the engine serves", "address", s.Addr, "version", version)
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if err := s.Shutdown(ending); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

func setting(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}
