package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
	"golang.org/x/sys/unix"

	"galaxy/backend/internal/stack"
)

// prepare makes the data directory, and takes it for this devstack alone.
func prepare(o *options) (unlock func(), err error) {
	if o.data, err = filepath.Abs(o.data); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.data, 0o755); err != nil {
		return nil, err
	}
	path := o.data + ".lock"
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("another devstack uses %s", o.data)
	}
	unlock = func() {
		_ = os.Remove(path)
		_ = f.Close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err = stack.StopLeftovers(ctx, o.data)
	if err == nil && o.fresh {
		err = clean(ctx, o.data)
	}
	if err != nil {
		unlock()
		return nil, fmt.Errorf("end what an earlier devstack left running: %w", err)
	}
	return unlock, os.MkdirAll(o.data, 0o755)
}

// clean ends the engines that an earlier devstack left running, and removes the data directory.
func clean(ctx context.Context, data string) error {
	if driver := recorded(data); driver != "" {
		s := &stack.Stack{Options: stack.Options{Dir: data, Driver: driver, Label: stack.LabelOf(data)}}
		if err := s.StopEngines(ctx, time.Second); err != nil {
			return err
		}
	}
	return stack.Remove(data)
}

// recorded is the driver that the data directory's games were started with.
func recorded(data string) string {
	raw, err := os.ReadFile(filepath.Join(data, "driver"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(raw))
}

// chooseDriver says what engines run as, and why.
func chooseDriver(ctx context.Context, o options) (driver, why string, err error) {
	before := recorded(o.data)
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	switch {
	case before != "" && o.driver != "auto" && o.driver != before:
		return "", "", fmt.Errorf("the games in %s run as %s: use -driver %s, or -fresh to begin anew", o.data, before, before)
	case before != "":
		driver, why = before, "as before in this data directory"
	case o.driver != "auto":
		driver, why = o.driver, "as -driver says"
	default:
		driver, why = "docker", "a Docker daemon answers"
		if err := stack.DockerAnswers(ctx); err != nil {
			driver, why = "process", "no Docker daemon answers"
		}
	}
	if driver == "docker" {
		if err := stack.DockerAnswers(ctx); err != nil {
			return "", "", fmt.Errorf("no Docker daemon answers: %w", err)
		}
	}
	return driver, why, os.WriteFile(filepath.Join(o.data, "driver"), []byte(driver+"\n"), 0o644)
}

// choosePorts takes the default ports. One that is taken is replaced by a free one, said loudly; one that was asked for
// and is taken is an error.
func choosePorts(o *options) error {
	defaults := []struct {
		name     string
		port     *int
		standard int
	}{{"http", &o.ports.HTTP, 8080}, {"push", &o.ports.Push, 8081}, {"smtp", &o.ports.SMTP, 1025}, {"inbox", &o.ports.Inbox, 8025},
		{"postgres", &o.ports.Postgres, 5439}, {"metrics", &o.ports.Metrics, 9100}}
	var problems []error
	for _, d := range defaults {
		switch {
		case d.name == "postgres" && o.dsn != "": // somebody else's has a port already
		case *d.port != 0:
			if !free(*d.port) {
				problems = append(problems, fmt.Errorf("-%s-port: port %d is taken", d.name, *d.port))
			}
		case free(d.standard):
			*d.port = d.standard
		default:
			other, err := stack.FreePort()
			if err != nil {
				return err
			}
			*d.port = other
			fmt.Printf("PORT %d (%s) IS TAKEN: using %d\n", d.standard, d.name, other)
		}
	}
	return errors.Join(problems...)
}

func free(port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return l.Close() == nil
}

// during says what takes long, and how long it took. On a terminal it counts the seconds meanwhile.
func during(what string, do func() error) error {
	began := time.Now()
	done := make(chan error, 1)
	go func() { done <- do() }()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	fmt.Printf("%s …", what)
	for {
		select {
		case err := <-done:
			if err != nil {
				fmt.Println(" failed")
				return err
			}
			fmt.Printf(" %.1f s\n", time.Since(began).Seconds())
			return nil
		case <-tick.C:
			if isatty.IsTerminal(os.Stdout.Fd()) {
				fmt.Printf("\r%s … %.0f s …", what, time.Since(began).Seconds())
			}
		}
	}
}
