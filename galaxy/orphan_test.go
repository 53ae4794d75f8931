package galaxy

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestContainersAreComparedWithWhatIsRecorded(t *testing.T) {
	id := GameID{UUID: NewID()}
	old := noon.Add(-time.Hour)
	container := func(state ContainerState, started time.Time) []Container {
		return []Container{{Game: id, ID: "c", State: state, StartedAt: started}}
	}
	running, exited := container(ContainerRunning, old), container(ContainerExited, old)
	is := func(s RuntimeStatus) Recorded { return Recorded{Statuses: map[GameID]RuntimeStatus{id: s}} }
	live := func(s RuntimeStatus) Recorded {
		r := is(s)
		r.Live = []GameID{id}
		return r
	}
	resting := func(r Recorded) Recorded {
		r.Resting = []GameID{id}
		return r
	}
	orphan := func(c Container, reason string) Comparison {
		return Comparison{Orphans: []Orphan{{Container: c, Reason: reason, Since: noon}}}
	}
	sees := func(s ContainerState, wanted bool) Comparison {
		return Comparison{Sightings: []Sighting{{Game: id, State: s, Wanted: wanted}}}
	}
	unwanted := Comparison{Unwanted: running}
	for name, c := range map[string]struct {
		listed   []Container
		recorded Recorded
		want     Comparison
	}{
		"nothing at all":                                                {},
		"an engine that runs and should":                                {running, live(RuntimeRunning), Comparison{}},
		"one whose turn has failed still runs":                          {running, live(RuntimeFailed), Comparison{}},
		"one that has ended and should run":                             {exited, live(RuntimeRunning), sees(ContainerExited, true)},
		"one that has ended right after its start":                      {container(ContainerExited, noon.Add(-time.Second)), live(RuntimeStarting), Comparison{}},
		"one that was made and never started":                           {container(ContainerExited, time.Time{}), live(RuntimeStarting), sees(ContainerExited, true)},
		"one that is gone and should run":                               {nil, live(RuntimeGenerating), sees(ContainerMissing, true)},
		"one that was removed while the list was made":                  {container(ContainerMissing, time.Time{}), live(RuntimeRunning), sees(ContainerMissing, true)},
		"a container that no game was made for":                         {running, Recorded{}, orphan(running[0], "no such game")},
		"one that was made for none and has ended":                      {exited, Recorded{}, orphan(exited[0], "no such game")},
		"one that was made for none just now":                           {container(ContainerRunning, noon.Add(-59*time.Second)), Recorded{}, Comparison{}},
		"an engine that runs though it was stopped":                     {running, resting(is(RuntimeStopped)), unwanted},
		"one that runs though it was stopped, with a turn claimed":      {running, live(RuntimeStopped), unwanted},
		"one that runs though it was removed":                           {running, is(RuntimeRemoved), unwanted},
		"one that runs though its game was never started":               {running, is(RuntimeNone), unwanted},
		"one that runs and is being stopped":                            {running, live(RuntimeRunning), Comparison{}},
		"one that was stopped and runs since just now":                  {container(ContainerRunning, noon), resting(is(RuntimeStopped)), Comparison{}},
		"one that is stopped, as it should be":                          {exited, resting(is(RuntimeStopped)), Comparison{}},
		"one that was stopped and is gone":                              {nil, resting(is(RuntimeStopped)), sees(ContainerMissing, false)},
		"an engine of a game that is over, before it is cleaned up":     {running, is(RuntimeFinished), Comparison{}},
		"one that was removed has left something behind":                {exited, is(RuntimeRemoved), Comparison{}},
		"one that was given up has ended, of course":                    {exited, resting(live(RuntimeUnreachable)), Comparison{}},
		"one that was given up runs: its game knows whether it is that": {running, resting(live(RuntimeUnreachable)), unwanted},
		"one that was given up is gone: its game hears of it only once": {nil, resting(live(RuntimeUnreachable)), sees(ContainerMissing, false)},
	} {
		require.Equal(t, c.want, c.recorded.Compare(c.listed, noon), name)
	}
}

func TestWhoHearsOfTheEndOfAContainer(t *testing.T) {
	type ends struct{ exited, missing bool }
	for status, want := range map[RuntimeStatus]ends{
		RuntimeNone: {false, false}, RuntimeRemoved: {false, false}, RuntimeStopped: {false, true}, RuntimeFinished: {false, true},
		RuntimeStarting: {true, true}, RuntimeRunning: {true, true}, RuntimeGenerating: {true, true}, RuntimeFailed: {true, true}, RuntimeUnreachable: {true, true},
	} {
		require.Equal(t, want, ends{status.Hears(ContainerExited), status.Hears(ContainerMissing)}, status)
	}
}
