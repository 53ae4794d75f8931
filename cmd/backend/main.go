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
	"galaxy/backend/internal/logsink"
)

func main() {
	logsink.Survive()
	if len(os.Args) > 1 {
		if os.Args[1] == "settings" {
			fmt.Print(settingsTable())
			return
		}
		fmt.Fprintln(os.Stderr, "usage: backend            serve, as the environment says\n       backend settings   print the table of settings")
		os.Exit(2)
	}
	ctx := untilTold()
	heap.Tune()
	if err := run(ctx, os.Environ()); err != nil {
		logsink.Say(os.Stderr, err.Error()+"\n")
		os.Exit(1)
	}
}

// untilTold gives a context that ends with the first signal that asks the service to stop. The second ends the process
// at once, whatever it is doing.
func untilTold() context.Context {
	signals := []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP}
	told := make(chan os.Signal, len(signals))
	signal.Notify(told, signals...)
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		<-told
		stop()
		if s, ok := (<-told).(syscall.Signal); ok {
			os.Exit(128 + int(s)) // as a shell has it
		}
		os.Exit(1)
	}()
	return ctx
}
