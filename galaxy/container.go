package galaxy

import (
	"errors"
	"time"
)

// ContainerSpec says how one engine is to be run. A driver turns it into a container or a process.
type ContainerSpec struct {
	Game     GameID
	Version  string // semver label of the engine
	ImageRef string // image reference; a file:// URL of a binary for the process driver
	// StateMustExist forbids making the state directory: a game that has run must find its state.
	StateMustExist bool
	// StopGrace is how long a container that must give way has to end before it is killed.
	StopGrace time.Duration
}

// ContainerState is what a driver knows of a container's life.
type ContainerState string

// States of a container. Missing means that the driver is sure there is none.
const (
	ContainerRunning ContainerState = "running"
	ContainerExited  ContainerState = "exited"
	ContainerMissing ContainerState = "missing"
)

// Container is one engine as its driver sees it.
type Container struct {
	Game     GameID
	ID       string
	Version  string
	ImageRef string
	State    ContainerState
	// Address is the base URL of the engine, valid until the container is next started; empty unless running.
	Address   string
	StartedAt time.Time
	// FinishedAt is when an exited container ended; zero when the driver cannot know.
	FinishedAt time.Time
	// ExitCode and OOMKilled tell how an exited container ended; ExitKnown is false when the driver cannot know.
	ExitCode  int
	OOMKilled bool
	ExitKnown bool
}

// ContainerEventKind is what happened to a container.
type ContainerEventKind string

// What a driver tells of. A container that uses too much memory is told of as oom, and as died when that has ended it.
const (
	ContainerStarted   ContainerEventKind = "started"
	ContainerDied      ContainerEventKind = "died"
	ContainerOOM       ContainerEventKind = "oom"
	ContainerDestroyed ContainerEventKind = "destroyed"
)

// ContainerEvent is something that happened to a game's container. It tells the past: the container may have been
// started again since.
type ContainerEvent struct {
	Game GameID
	Kind ContainerEventKind
	// ExitCode is that of a container that died; ExitKnown is false when the driver cannot know it.
	ExitCode  int
	ExitKnown bool
	At        time.Time
}

// What a driver's failure means for the game. Drivers wrap these.
var (
	// ErrDriverUnknown: the daemon did not answer, so nothing is known of the container. Nothing may be concluded from it.
	ErrDriverUnknown = errors.New("the container daemon does not answer")
	// ErrImagePull: the image is not there and could not be pulled.
	ErrImagePull = errors.New("the engine image could not be pulled")
	// ErrStartConfig: the daemon refuses what we ask for, and would refuse it again.
	ErrStartConfig = errors.New("the engine's configuration is refused")
	// ErrStateMissing: the state directory of a game that has run is not there.
	ErrStateMissing = errors.New("the game's state directory is missing")
	// ErrNoCopy: the state is to be put back, and there is no copy of it.
	ErrNoCopy = errors.New("there is no copy of the game's state")
)
