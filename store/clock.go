package store

import "time"

// Clock is the host's clock. What is compared with times of games is taken from it alone; the database's clock only
// says how long something has lasted.
type Clock interface {
	// Now is what the wall clock shows.
	Now() time.Time
	// Elapsed is how much time has passed since some moment of the past. It goes on while the machine sleeps, and does
	// not step when somebody sets the wall clock.
	Elapsed() time.Duration
}

// machine is the clock of the machine.
type machine struct{}

func (machine) Now() time.Time         { return time.Now().UTC().Truncate(time.Microsecond) }
func (machine) Elapsed() time.Duration { return elapsed() }

var began = time.Now()

// moment is one reading of everything that shows how time passes. Which of them stand still depends on what has
// stopped the process: none for a signal; Go's own while a machine sleeps; perhaps all of them while a virtual machine
// is paused.
type moment struct {
	wall         time.Time
	awake, total time.Duration
}

func (s *Store) moment() moment {
	return moment{wall: s.clock.Now(), awake: time.Since(began), total: s.clock.Elapsed()}
}

// since is how much time has passed since an earlier moment, by whichever clock shows most. A wall clock that was set
// back has moved as well.
func (m moment) since(earlier moment) time.Duration {
	return max(m.lasted(earlier), m.wall.Sub(earlier.wall).Abs())
}

// lasted is like since without the wall clock, which steps when somebody sets it.
func (m moment) lasted(earlier moment) time.Duration {
	return max(m.awake-earlier.awake, m.total-earlier.total)
}
