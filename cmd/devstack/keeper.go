package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"galaxy/backend/internal/stack"
)

// keeper keeps the service running: one that dies is started again.
type keeper struct {
	stack *stack.Stack

	mu       sync.Mutex
	backend  *stack.Backend
	stopping bool
	again    int // how often it was started again
	kept     chan struct{}
}

// startLimit is how long the service may take to be ready.
const startLimit = time.Minute

func (k *keeper) start(ctx context.Context) error {
	starting, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	b, err := k.stack.StartBackend(starting)
	if err != nil {
		if b != nil {
			b.Kill()
		}
		return err
	}
	k.backend, k.kept = b, make(chan struct{})
	go k.keep(ctx)
	return nil
}

// keep starts the service again whenever it dies, until it is told to stop.
func (k *keeper) keep(ctx context.Context) {
	defer close(k.kept)
	for {
		k.mu.Lock()
		b := k.backend
		k.mu.Unlock()
		<-b.Done()
		k.mu.Lock()
		if k.stopping || ctx.Err() != nil {
			k.mu.Unlock()
			return
		}
		fmt.Printf("the service has died (%v): it is started again\n", b.Exit())
		again, err := k.stack.Spawn(stack.Ports{})
		if err != nil {
			k.mu.Unlock()
			fmt.Printf("the service could not be started again: %v\n", err)
			return
		}
		k.backend, k.again = again, k.again+1
		fmt.Printf("the service runs as process %d\n", again.PID())
		k.mu.Unlock()
		select {
		case <-time.After(time.Second): // one that dies at once is not started in a tight loop
		case <-ctx.Done():
		}
	}
}

// starts counts how often the service was started.
func (k *keeper) starts() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return 1 + k.again
}

func (k *keeper) stop(ctx context.Context) error {
	k.mu.Lock()
	k.stopping = true
	b := k.backend
	k.mu.Unlock()
	err := b.Stop(ctx)
	<-k.kept
	return err
}
