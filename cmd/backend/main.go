// Command backend is the service.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // the zones of schedules, for a machine that lacks some of them, or can read none

	"galaxy/backend/internal/heap"
)

func main() {
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
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
