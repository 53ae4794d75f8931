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
