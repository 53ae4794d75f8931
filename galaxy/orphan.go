package galaxy

import "time"

// Orphan is a container of no game. Operators are shown it; nobody touches it.
type Orphan struct {
	Container Container
	Reason    string
	Since     time.Time // when it was first found
}

// OrphanNoGame is why a container is an orphan. One whose game is known is never one.
const OrphanNoGame = "no such game"

// Recorded is what the store says of engines, to be compared with the containers that there are.
type Recorded struct {
	// Statuses are those of the containers' games, as far as there are such games.
	Statuses map[GameID]RuntimeStatus
	// Live are the games whose engines are, or should be, alive. Resting are those that have use for none but may still have
	// a container: stopped, or given up. A game that was given up is among both.
	Live, Resting []GameID
}

// Sighting is the state of a container that does not fit what is recorded of its game.
type Sighting struct {
	Game  GameID
	State ContainerState
	// Wanted: the game has use for an engine, and should be looking after it.
	Wanted bool
}

// Comparison is what a comparison of containers with what is recorded has found.
type Comparison struct {
	Sightings []Sighting
	Orphans   []Orphan
	// Unwanted run although their games, as far as the statuses tell, have no use for an engine: each game adopts its
	// own.
	Unwanted []Container
}

// settling is how long a container is not judged after its start: what has led to it may not be recorded, or read, yet.
const settling = time.Minute

// Settling reports whether the container has been started so lately that nothing is concluded from it.
func (c Container) Settling(now time.Time) bool { return now.Sub(c.StartedAt) < settling }

// Compare tells which games are to be notified of their containers, and which containers are of no game. The containers
// must have been listed before r was read: a container is made when its game is recorded already.
func (r Recorded) Compare(listed []Container, now time.Time) Comparison {
	var out Comparison
	found, resting := map[GameID]Container{}, setOf(r.Resting)
	for _, c := range listed {
		if c.State == ContainerMissing {
			continue // removed while the list was made
		}
		found[c.Game] = c
		status, known := r.Statuses[c.Game]
		switch {
		case c.Settling(now):
		case !known:
			out.Orphans = append(out.Orphans, Orphan{Container: c, Reason: OrphanNoGame, Since: now})
		case c.State == ContainerRunning && status.idle():
			out.Unwanted = append(out.Unwanted, c)
		}
	}
	for _, id := range r.Live {
		if resting[id] {
			continue
		}
		switch c, ok := found[id]; {
		case !ok:
			out.Sightings = append(out.Sightings, Sighting{Game: id, State: ContainerMissing, Wanted: true})
		case c.State == ContainerExited && !c.Settling(now):
			out.Sightings = append(out.Sightings, Sighting{Game: id, State: ContainerExited, Wanted: true})
		}
	}
	for _, id := range r.Resting {
		if _, ok := found[id]; !ok {
			out.Sightings = append(out.Sightings, Sighting{Game: id, State: ContainerMissing})
		}
	}
	return out
}

// idle reports whether a game whose runtime has that status may have no use for an engine. An operation that is open
// can want one all the same, which its game knows.
func (s RuntimeStatus) idle() bool {
	switch s {
	case RuntimeNone, RuntimeStopped, RuntimeRemoved, RuntimeUnreachable:
		return true
	}
	return false // one that is finished keeps its engine until it is cleaned up
}

func setOf(ids []GameID) map[GameID]bool {
	set := make(map[GameID]bool, len(ids))
	for _, id := range ids {
		set[id] = true
	}
	return set
}

// Hears reports whether a game whose runtime has that status has anything to conclude from its container's end.
func (s RuntimeStatus) Hears(state ContainerState) bool {
	switch s {
	case RuntimeNone, RuntimeRemoved:
		return false
	case RuntimeStopped, RuntimeFinished:
		return state == ContainerMissing
	}
	return true
}
