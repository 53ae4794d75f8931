package main

import (
	"errors"
	"fmt"
	"syscall"

	"galaxy/backend/http"
)

const (
	// ownFiles are descriptors that do not depend on the settings: listeners, standard streams, the country database,
	// the poller, the lease, the Docker daemon and its events, the collector of metrics, and files of games that are
	// read.
	ownFiles = 64
	// fewestConnections is the least that the surfaces need together to be of use.
	fewestConnections = 32
	// What is taken by default however high the limit is.
	mostHTTP = 16384
	mostPush = 4096
)

// descriptors gives the limit of open files. Go has raised it as far as it may be.
func descriptors() (uint64, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("read the limit of open files: %w", err)
	}
	return limit.Cur, nil
}

// bound gives both surfaces as many connections as the limit of open files leaves, unless a setting says how many. Half
// of what is left beside the service's own files is for engines: their calls are never to fail because gateways hold
// all descriptors.
func (c *config) bound(limit uint64) error {
	own := ownFiles + int(c.Store.MaxConns) + c.Actors.Mail.Workers + c.Actors.Engine.WorkerPool + http.Spare
	room := (int(min(limit, 1<<30)) - own) / 2
	if room < fewestConnections {
		return fmt.Errorf("the limit of open files is %d, and these settings need at least %d: raise it (ulimit -n, LimitNOFILE=, --ulimit nofile=)",
			limit, own+2*fewestConnections)
	}
	web, push := &c.HTTP.MaxConns, &c.Push.MaxConns
	switch {
	case *web == 0 && *push == 0:
		*push = min(room/4, mostPush)
		*web = min(room-*push, mostHTTP)
	case *push == 0:
		*push = min(room-*web, mostPush)
	case *web == 0:
		*web = min(room-*push, mostHTTP)
	}
	if *web < 1 || *push < 1 || *web+*push > room {
		return errors.New("BACKEND_HTTP_MAX_CONNECTIONS and BACKEND_GRPC_PUSH_MAX_CONNECTIONS must be " +
			fmt.Sprintf("less than %d together with a limit of %d open files: lower them, or raise it (ulimit -n, LimitNOFILE=, --ulimit nofile=)", room, limit))
	}
	return nil
}
