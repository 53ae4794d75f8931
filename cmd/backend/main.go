// Command backend is the service.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"galaxy/backend/internal/heap"
	"galaxy/backend/internal/logsink"
)

func main() {
	logsink.Survive()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if len(os.Args) > 1 {
		if os.Args[1] == "settings" {
			fmt.Print(settingsTable())
			return
		}
		fmt.Fprintln(os.Stderr, "usage: backend            serve, as the environment says\n       backend settings   print the table of settings")
		os.Exit(2)
	}
	heap.Tune()
	if err := run(ctx, os.Environ()); err != nil {
		logsink.Say(os.Stderr, err.Error()+"\n")
		os.Exit(1)
	}
}
