// Command engine is the reference engine: one game behind the engine contract.
package main

import (
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
)

// version is set by the linker.
var version = "1.0.0"

// grace is how long answers under way may take when the engine is told to end.
const grace = 5 * time.Second

func main() {
	log := slog.New(slog.NewJSONHandler(os.Stdout, nil))
	if err := run(log); err != nil {
		log.Error("the engine ends", "error", err)
		os.Exit(1)
	}
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
	s := &http.Server{Addr: setting("ENGINE_LISTEN_ADDR", ":8080"), Handler: e.Handler(), ReadHeaderTimeout: 10 * time.Second}
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
