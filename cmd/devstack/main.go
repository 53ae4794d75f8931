// Command devstack runs the real service with everything around it, and plays a game in it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
	_ "time/tzdata" // the demo's clients know the zones that the service does

	"galaxy/backend/internal/stack"
)

// options are the flags.
type options struct {
	turns  int
	races  int
	pace   time.Duration
	noDemo bool
	driver string
	data   string
	fresh  bool
	dsn    string
	ports  stack.Ports
}

func main() {
	var o options
	flag.IntVar(&o.turns, "turns", 0, "stop after this many turns; 0 plays until Ctrl-C")
	flag.IntVar(&o.races, "races", 4, "races of a new game, 2 to 26")
	flag.DurationVar(&o.pace, "pace", 2*time.Second, "time between turns, which are forced")
	flag.BoolVar(&o.noDemo, "no-demo", false, "play nothing; only print where everything is")
	flag.StringVar(&o.driver, "driver", "auto", "what engines run as: auto, docker or process")
	flag.StringVar(&o.data, "data", ".devstack", "data directory")
	flag.BoolVar(&o.fresh, "fresh", false, "begin with an empty data directory")
	flag.StringVar(&o.dsn, "postgres", "", "DSN of a database to use in place of a private cluster")
	flag.IntVar(&o.ports.HTTP, "http-port", 0, "port of the REST surface (default 8080, or a free one)")
	flag.IntVar(&o.ports.Push, "push-port", 0, "port of the push stream (default 8081, or a free one)")
	flag.IntVar(&o.ports.SMTP, "smtp-port", 0, "port of the SMTP inbox (default 1025, or a free one)")
	flag.IntVar(&o.ports.Inbox, "inbox-port", 0, "port of the inbox's web page (default 8025, or a free one)")
	flag.IntVar(&o.ports.Postgres, "postgres-port", 0, "port of the private Postgres (default 5439, or a free one)")
	flag.IntVar(&o.ports.Metrics, "metrics-port", 0, "port of the Prometheus metrics (default 9100, or a free one)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	err := run(ctx, o)
	if errors.Is(err, context.Canceled) {
		err = nil // Ctrl-C
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "devstack:", err)
		os.Exit(1)
	}
}

func (o options) validate() error {
	switch {
	case flag.NArg() > 0:
		return fmt.Errorf("there is no argument %q", flag.Arg(0))
	case o.races < 2 || o.races > 26:
		return errors.New("-races must be 2 to 26")
	case o.turns < 0:
		return errors.New("-turns must not be negative")
	case o.pace < 0:
		return errors.New("-pace must not be negative")
	case o.driver != "auto" && o.driver != "docker" && o.driver != "process":
		return errors.New("-driver must be auto, docker or process")
	}
	return nil
}

func run(ctx context.Context, o options) (err error) {
	if err := o.validate(); err != nil {
		return err
	}
	unlock, err := prepare(&o)
	if err != nil {
		return err
	}
	defer unlock()
	driver, why, err := chooseDriver(ctx, o)
	if err != nil {
		return err
	}
	fmt.Printf("engines run as: %s (%s)\n", driver, why)
	if err := choosePorts(&o); err != nil {
		return err
	}
	var s *stack.Stack
	err = during("building the service and the engine", func() error {
		bin := filepath.Join(o.data, "bin")
		binaries, err := stack.Build(ctx, bin)
		if err != nil {
			return err
		}
		s, err = stack.Start(ctx, stack.Options{Dir: o.data, Driver: driver, DSN: o.dsn, Ports: o.ports, Binaries: binaries, Label: stack.LabelOf(o.data)})
		return err
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return serve(ctx, o, s)
}

// serve runs the service and the demo, and leaves nothing running.
func serve(ctx context.Context, o options, s *stack.Stack) (err error) {
	k := &keeper{stack: s}
	if err := during("starting the service", func() error { return k.start(ctx) }); err != nil {
		return err
	}
	defer func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		err = errors.Join(err, k.stop(ending), s.StopEngines(ending, 5*time.Second))
	}()
	fmt.Printf("the service runs as process %d; its log is %s\n", k.backend.PID(), k.backend.Log())
	fmt.Printf("REST %s   push %s   inbox http://127.0.0.1:%d   metrics http://127.0.0.1:%d/metrics\n", s.URL(), s.Push(), s.Ports.Inbox, s.Ports.Metrics)
	fmt.Printf("operator %s / %s   try: curl -u %s:%s %s/api/v1/admin/games\n", stack.AdminUser, stack.AdminPassword, stack.AdminUser, stack.AdminPassword, s.URL())
	if o.noDemo {
		fmt.Println("Ctrl-C stops everything.")
		<-ctx.Done()
		return nil
	}
	d, err := newDemo(ctx, o, s, k.starts)
	if err != nil {
		return err
	}
	defer d.close()
	return d.play(ctx)
}
