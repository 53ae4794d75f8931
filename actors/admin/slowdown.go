package admin

import (
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"galaxy/backend/actors/kit"
)

// slowdown makes those wait who have given wrong credentials: longer each time, for a name from a source sooner than for
// a source whatever the name. What was right is forgotten.
type slowdown struct {
	wrong *simplelru.LRU[who, *wrong]
}

// who is a source, and the name that was tried from there; the empty name stands for all.
type who struct{ source, username string }

type wrong struct {
	times int
	until time.Time
}

const (
	keptWrong = 1 << 14
	// freeTries are wrong credentials that cost nothing: of a name from a source, and of a source.
	freeTries       = 3
	freeSourceTries = 20
	// forgiven is after how long a source that has been quiet begins anew.
	forgiven = 15 * time.Minute
)

// waits is how long each try beyond the free ones costs.
var waits = kit.Backoff{Min: time.Second, Max: 5 * time.Minute}

func newSlowdown() (*slowdown, error) {
	l, err := simplelru.NewLRU[who, *wrong](keptWrong, nil)
	return &slowdown{l}, err
}

// wait gives how long the source has to wait before it may try the name.
func (s *slowdown) wait(source, username string, now time.Time) (left time.Duration) {
	for _, w := range []who{{source, username}, {source, ""}} {
		if was, ok := s.wrong.Get(w); ok {
			left = max(left, was.until.Sub(now))
		}
	}
	return left
}

func (s *slowdown) failed(source, username string, now time.Time) {
	s.count(who{source, username}, freeTries, now)
	s.count(who{source, ""}, freeSourceTries, now)
}

func (s *slowdown) count(w who, free int, now time.Time) {
	was, ok := s.wrong.Get(w)
	if !ok || now.Sub(was.until) > forgiven {
		was = &wrong{until: now}
		s.wrong.Add(w, was)
	}
	was.times++
	was.until = now
	if over := was.times - free; over > 0 {
		was.until = now.Add(waits.Delay(over))
	}
}

func (s *slowdown) succeeded(source, username string) {
	s.wrong.Remove(who{source, username})
}
