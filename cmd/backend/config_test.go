package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheREADMEShowsTheSettings(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	require.Contains(t, string(readme), settingsTable(), "run make gen")
}

func TestEveryProblemOfTheSettingsIsReportedAtOnce(t *testing.T) {
	_, err := load([]string{"BACKEND_HTTP_WRITE_TIMEOUT=1s", "BACKEND_SMTP_PORT=mail", "BACKEND_RUNTIME_DRIVER=podman", "BACKEND_ADMIN_BOOTSTRAP_USER=root"})
	require.Error(t, err)
	for _, name := range []string{"BACKEND_POSTGRES_DSN", "BACKEND_SMTP_HOST", "BACKEND_SMTP_PORT", "BACKEND_GEOIP_DB_PATH", "BACKEND_HTTP_WRITE_TIMEOUT",
		"BACKEND_ADMIN_BOOTSTRAP_PASSWORD", "BACKEND_GAME_STATE_ROOT"} {
		require.Contains(t, err.Error(), name)
	}
}

func TestANetworkIsRequiredWithTheDockerDriverOnly(t *testing.T) {
	required := []string{"BACKEND_POSTGRES_DSN=postgres://x@127.0.0.1/x?search_path=backend", "BACKEND_SMTP_HOST=mail", "BACKEND_SMTP_FROM=galaxy@example.com",
		"BACKEND_GEOIP_DB_PATH=/geo.mmdb", "BACKEND_GAME_STATE_ROOT=" + t.TempDir()}
	_, err := load(append(required, "BACKEND_RUNTIME_DRIVER=process"))
	require.NoError(t, err)
	_, err = load(append(required, "BACKEND_RUNTIME_DRIVER=docker"))
	require.ErrorContains(t, err, "BACKEND_DOCKER_NETWORK is required")
	_, err = load(append(required, "BACKEND_RUNTIME_DRIVER=docker", "BACKEND_DOCKER_NETWORK=galaxy"))
	require.NoError(t, err)
}

func TestNoVariableIsReadTwice(t *testing.T) {
	seen := map[string]bool{}
	for line := range strings.Lines(settingsTable()) {
		if name, ok := strings.CutPrefix(line, "| `BACKEND"); ok {
			name, _, _ = strings.Cut(name, "`")
			require.False(t, seen[name], name)
			seen[name] = true
		}
	}
	require.NotEmpty(t, seen)
}

func TestConnectionsFitTheLimitOfOpenFiles(t *testing.T) {
	for name, c := range map[string]struct {
		limit     uint64
		web, push int // as set
		fits      bool
	}{
		"a usual limit":            {1024, 0, 0, true},
		"the least":                {177, 0, 0, true},
		"less than that":           {176, 0, 0, false},
		"none":                     {0, 0, 0, false},
		"no limit at all":          {1<<64 - 1, 0, 0, true},
		"few by hand":              {1024, 100, 10, true},
		"one by hand":              {1024, 100, 0, true},
		"the other by hand":        {1024, 0, 100, true},
		"too many by hand":         {1024, 1000, 10, false},
		"all of the room for one":  {1024, 455, 0, false},
		"all of the room, shared":  {1024, 400, 55, true},
		"one more than that":       {1024, 400, 56, false},
		"more of one than of room": {1024, 0, 500, false},
	} {
		t.Run(name, func(t *testing.T) {
			var conf config
			conf.Store.MaxConns, conf.Actors.Mail.Workers, conf.Actors.Engine.WorkerPool = 25, 4, 4
			conf.HTTP.MaxConns, conf.Push.MaxConns = c.web, c.push
			err := conf.bound(c.limit)
			if !c.fits {
				require.ErrorContains(t, err, "open files")
				return
			}
			require.NoError(t, err)
			require.Positive(t, conf.HTTP.MaxConns)
			require.Positive(t, conf.Push.MaxConns)
			require.LessOrEqual(t, uint64(2*(conf.HTTP.MaxConns+conf.Push.MaxConns)), c.limit)
			require.True(t, c.web == 0 || conf.HTTP.MaxConns == c.web)
			require.True(t, c.push == 0 || conf.Push.MaxConns == c.push)
		})
	}
}
