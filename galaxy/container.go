package galaxy

import (
	"errors"
	"strings"
	"time"
)

// ContainerSpec says how one engine is to be run. A driver turns it into a container or a process.
type ContainerSpec struct {
	Game     GameID
	Version  string // semver label of the engine
	ImageRef string // image reference; a file:// URL of a binary for the process driver
	// StateMustExist forbids making the state directory: a game that has run must find its state.
	StateMustExist bool
	// StateSince is when the game first had a state: zero when that is not known. A state root that was found empty
	// later than that is not the one that holds it.
	StateSince time.Time
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
	// Differs names what a running container was made with that the settings no longer say; empty when there is
	// nothing. It runs on as it is, and is made anew when it is next started.
	Differs string
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
	// ErrDriverUnusable is an ErrDriverUnknown: something answers in the daemon's place, or the daemon answers, but
	// what it says is about how it is spoken to or about itself, and not about what it was asked for.
	ErrDriverUnusable error = &special{"the container daemon cannot be used", ErrDriverUnknown}
	// ErrShortage is an ErrDriverUnknown: this service or its machine lacks what the work needs (file descriptors,
	// memory, the disk of the games' state). It says nothing about any game.
	ErrShortage error = &special{"this service lacks what it needs to run engines", ErrDriverUnknown}
	// ErrImagePull: the image does not exist, or may not be pulled.
	ErrImagePull = errors.New("the engine image could not be pulled")
	// ErrRegistry is an ErrImagePull that may pass by itself: the registry does not answer, or lets nobody in. It
	// does not say that the image does not exist.
	ErrRegistry error = &special{"the image registry cannot be used", ErrImagePull}
	// ErrStartConfig: the daemon refuses what we ask for, and would refuse it again.
	ErrStartConfig = errors.New("the engine's configuration is refused")
	// ErrStateMissing: the state directory of a game that has run is not there.
	ErrStateMissing = errors.New("the game's state directory is missing")
	// ErrNoCopy: the state is to be put back, and there is no copy of it.
	ErrNoCopy = errors.New("there is no copy of the game's state")
)

// special is a failure that is a special case of another.
type special struct {
	text string
	of   error
}

func (s *special) Error() string { return s.text }

// Is reports whether target is the general case.
func (s *special) Is(target error) bool { return target == s.of }

// maxCause bounds what operators read of a failure; all of it stands in the log.
const maxCause = 300

// Obstacle says, for operators, what keeps the driver from knowing anything. It is empty for a daemon that does not
// answer at all.
func Obstacle(err error) string {
	if !errors.Is(err, ErrShortage) && !errors.Is(err, ErrDriverUnusable) {
		return ""
	}
	var call *EngineError
	if errors.As(err, &call) && call.Cause != nil { // its own words are about the engine, and what we lack is not
		err = call.Cause
	}
	return Cause(err)
}

// Cause is an error in one line that fits into a sentence.
func Cause(err error) string {
	text := strings.Join(strings.Fields(strings.ToValidUTF8(err.Error(), "?")), " ")
	if len(text) > maxCause {
		text = strings.ToValidUTF8(text[:maxCause], "") + "…"
	}
	return text
}
