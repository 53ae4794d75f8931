package reconciler

import (
	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
)

// Orphans asks for the containers of no game, as the newest comparison has found them. Before the first one has
// succeeded the answer waits for it, and is galaxy.ServiceUnavailable when the container daemon does not answer.
type Orphans struct {
	kit.Returns[[]galaxy.Orphan]
}

// Logs asks for the last Tail lines of what a game's engine has said; none when there is no container. It is
// galaxy.ServiceUnavailable when the container daemon does not answer.
type Logs struct {
	kit.Returns[string]
	Game galaxy.GameID
	Tail int
}

// watching tells that the stream of events is about to begin.
type watching struct{}

// done is the result of a job: v, or why there is none. Results that are not of the newest job of their sort are stale.
type done[T any] struct {
	number uint64
	v      T
	err    error
}

// What the jobs bring home.
type (
	broken   struct{} // the stream of events is over
	lookedUp struct{ sightings []galaxy.Sighting }
	compared struct {
		galaxy.Comparison
		ended []galaxy.GameID // over for long enough, and not cleaned up
	}
	measured struct{ free int64 }
	alerted  struct{ spell string }
	read     struct{ text string }
	cleared  struct{ removed int } // copies of games' states
)
