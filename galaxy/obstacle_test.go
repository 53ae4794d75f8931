package galaxy

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSpecialFailuresAreTheGeneralOnesToo(t *testing.T) {
	for special, general := range map[error]error{
		ErrShortage: ErrDriverUnknown, ErrDriverUnusable: ErrDriverUnknown, ErrRegistry: ErrImagePull,
	} {
		wrapped := fmt.Errorf("pull: %w: %w", special, errors.New("why"))
		require.ErrorIs(t, wrapped, special)
		require.ErrorIs(t, wrapped, general)
		require.NotErrorIs(t, fmt.Errorf("%w: why", general), special)
		require.NotErrorIs(t, wrapped, ErrStartConfig)
	}
}

func TestWhatThisProcessLacksIsKnownWhoeverSaysIt(t *testing.T) {
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"no descriptor for a connection": {dial(syscall.EMFILE), true},
		"no local port":                  {dial(syscall.EADDRNOTAVAIL), true},
		"no descriptor for a file":       {&fs.PathError{Op: "open", Path: "x", Err: syscall.ENFILE}, true},
		"no socket to ask for a name":    {dial(&net.DNSError{Err: "dial udp: socket: too many open files", Name: "galaxy-game"}), true},
		"nobody listens":                 {dial(syscall.ECONNREFUSED), false},
		"no such name":                   {dial(&net.DNSError{Err: "no such host", Name: "galaxy-game", IsNotFound: true}), false},
		"no such file":                   {&fs.PathError{Op: "open", Path: "x", Err: syscall.ENOENT}, false},
		"a time that is over":            {dial(&net.DNSError{Err: "i/o timeout", IsTimeout: true}), false},
		"nothing":                        {nil, false},
	} {
		require.Equal(t, c.want, Exhausted(c.err), name)
	}
}

func TestAnObstacleIsRecordedOnceAndSaysWhatItIs(t *testing.T) {
	noon := evening.Add(-8 * time.Hour)
	lacks := Obstacle(fmt.Errorf("start: %w: open x: too many open files", ErrShortage))
	g := running(t).Obstructed(lacks, operator(noon)).Next
	require.Equal(t, WhyDriverUnknown, g.Runtime.Why)
	require.Contains(t, g.Runtime.WhyText, "too many open files")
	require.NotNil(t, g.Runtime.ClosedSince)
	require.False(t, g.Due(evening.Add(time.Second)), "no turn is made")
	require.Zero(t, g.Obstructed("start: another word", operator(noon)), "the same kind is not stored again")
	away := g.DriverUnknown(operator(noon.Add(time.Minute))).Next
	require.Contains(t, away.Runtime.WhyText, "container daemon answers")
	require.Equal(t, g.Runtime.ClosedSince, away.Runtime.ClosedSince, "it lasts since then")
	require.Zero(t, away.DriverUnknown(operator(noon)))
	require.Empty(t, Obstacle(fmt.Errorf("%w: connection refused", ErrDriverUnknown)))
	require.LessOrEqual(t, len(Cause(errors.New(string(make([]byte, 5000))))), maxCause+3)
}

func TestAGameWaitsForItsImage(t *testing.T) {
	noon := evening.Add(-8 * time.Hour)
	c := running(t).ImageAwaited("the registry is away", operator(noon))
	g := c.Next
	require.Equal(t, []any{Running, RuntimeStarting, WhyRestarting}, []any{g.Status, g.Runtime.Status, g.Runtime.Why})
	require.Contains(t, g.Runtime.WhyText, "the registry is away")
	require.Equal(t, "the registry is away", g.Runtime.Failure.Cause)
	require.Len(t, c.Notices, 1)
	require.Equal(t, ImagePullFailed, c.Notices[0].Kind, "operators are told, once")
	require.Zero(t, g.ImageAwaited("the registry is away still", operator(evening)))
	up := g.EngineUp(shows(g, 0, "d0"), operator(evening)).Next
	require.Equal(t, []any{RuntimeRunning, WhyDeadline}, []any{up.Runtime.Status, up.Runtime.Why})

	paused, err := running(t).ForceStop(operator(noon))
	require.NoError(t, err)
	require.Zero(t, paused.Next.ImageAwaited("x", operator(noon)), "one that is being stopped waits for none")
}
