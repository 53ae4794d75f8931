package docker

import (
	"context"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"galaxy/backend/galaxy"
)

func TestWhatHappensWhileAWatchIsBegunIsTold(t *testing.T) {
	d, p := behind(t, "30s")
	spec := newSpec(t, d)
	direct := d.sibling(t)
	p.BeforeNext("GET /events", func() {
		if _, err := direct.Ensure(context.Background(), spec); err != nil {
			t.Error(err)
		}
	})
	heard := watch(t, d)
	require.Eventually(t, func() bool { return len(heard.Of(spec.Game)) > 0 }, 30*time.Second, 5*time.Millisecond)
	require.Equal(t, []galaxy.ContainerEventKind{galaxy.ContainerStarted}, heard.Kinds(spec.Game))
}

func TestOnlyWhatIsOursIsTold(t *testing.T) {
	d := driver(t)
	spec := newSpec(t, d)
	heard := watch(t, d)
	stranger := galaxy.GameID{UUID: galaxy.NewID()}
	for _, labels := range []map[string]string{
		{"galaxy.game_id": stranger.String(), "galaxy.stack": d.conf.StackLabel},
		{"galaxy.game_id": stranger.String(), "galaxy.stack": "another", "galaxy.backend": "1"},
		{"galaxy.game_id": "none", "galaxy.stack": d.conf.StackLabel, "galaxy.backend": "1"},
	} {
		c := d.config(spec)
		c.Labels = labels
		made, err := d.api.ContainerCreate(t.Context(), client.ContainerCreateOptions{Config: c})
		require.NoError(t, err)
		_, err = d.api.ContainerStart(t.Context(), made.ID, client.ContainerStartOptions{})
		require.NoError(t, err)
		removeNow(t, d, made.ID)
	}
	_, err := d.Ensure(t.Context(), spec)
	require.NoError(t, err)
	_, err = d.api.ContainerKill(t.Context(), name(spec.Game), client.ContainerKillOptions{Signal: "SIGKILL"})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(heard.Of(spec.Game)) == 2 }, 30*time.Second, 5*time.Millisecond)
	died := heard.Of(spec.Game)[1]
	require.Equal(t, []any{galaxy.ContainerDied, 137, true}, []any{died.Kind, died.ExitCode, died.ExitKnown})
	require.Empty(t, heard.Of(stranger))
	require.Empty(t, heard.Of(galaxy.GameID{}))
}
