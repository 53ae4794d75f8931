package test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "galaxy/backend/"

// allowed says which packages of the project a package may import; a trailing slash means everything below. The first
// rule whose name fits a package holds for it.
var allowed = []struct {
	who string
	may []string
}{
	{"galaxy", nil},
	{"engineapi", nil},
	{"engine/", []string{"engine/", "engineapi"}},
	{"actors/kit", []string{"galaxy"}},
	{"actors/auth", []string{"galaxy", "actors/kit", "actors/session"}},
	{"actors/account", []string{"galaxy", "actors/kit", "actors/session"}},
	{"actors/session", []string{"galaxy", "actors/kit", "actors/push"}},
	{"actors/game", []string{"galaxy", "actors/kit", "actors/engine", "actors/versions"}},
	// The engine's actor tells states and error codes of the contract apart.
	{"actors/engine", []string{"galaxy", "actors/kit", "engineapi"}},
	{"actors/versions", []string{"galaxy", "actors/kit"}},
	{"actors/races", []string{"galaxy", "actors/kit"}},
	{"actors/admin", []string{"galaxy", "actors/kit"}},
	{"actors/geo", []string{"galaxy", "actors/kit"}},
	{"actors/mail", []string{"galaxy", "actors/kit"}},
	// The hub encodes an event once for all gateways, and notices have their wire form in proto.
	{"actors/push", []string{"galaxy", "actors/kit", "proto/"}},
	{"actors/notify", []string{"galaxy", "actors/kit", "actors/push", "actors/mail", "proto/"}},
	{"actors/reconciler", []string{"galaxy", "actors/kit"}},
	{"actors/sweeper", []string{"galaxy", "actors/kit", "actors/game"}},
	{"actors", []string{"galaxy", "actors/"}},
	{"http", []string{"", "galaxy", "actors", "actors/", "api"}},
	{"grpcpush", []string{"galaxy", "actors/kit", "actors/push", "proto/"}},
	{"store", []string{"galaxy", "migrations", "store/jet/"}},
	{"internal/postgres", nil},
	// What runs the service from outside knows everything about it but its inside.
	{"internal/stack", []string{"galaxy", "internal/"}},
	{"internal/gateway", []string{"client", "proto/"}},
	{"internal/docker", []string{"galaxy", "internal/statedir"}},
	{"internal/process", []string{"galaxy", "internal/statedir"}},
	{"internal/enginetest/", []string{"galaxy", "engineapi", "internal/enginetest"}},
	{"internal/telemetry", []string{"internal/logsink"}},
	{"internal/geoip", []string{"internal/renewal"}},
	{"internal/", []string{"galaxy", "engineapi"}},
	{"cmd/", []string{"", "galaxy", "actors", "actors/", "http", "grpcpush", "store", "internal/", "engine/", "engineapi", "client", "migrations", "proto/"}},
}

type listed struct {
	ImportPath string
	Imports    []string
}

func TestImports(t *testing.T) {
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	require.NoError(t, err)
	d := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p listed
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err)
		check(t, p)
	}
}

func check(t *testing.T, p listed) {
	name := strings.TrimPrefix(p.ImportPath, module)
	if exempt(name) {
		return
	}
	for _, rule := range allowed {
		if !fits(rule.who, name) {
			continue
		}
		for _, imported := range p.Imports {
			if rest, ours := strings.CutPrefix(imported+"/", module); ours {
				rest = strings.TrimSuffix(rest, "/")
				require.True(t, below(name, rest) || oneOf(rule.may, rest), "%s may not import %s", name, rest)
			}
		}
		return
	}
	t.Errorf("no rule says what %s may import", name)
}

// exempt are tests and their helpers, generated code, and what holds no code of its own.
func exempt(name string) bool {
	for _, helper := range []string{"test", "test/", "bench", "api", "client", "migrations", "proto/", "store/jet/", "galaxy/backend"} {
		if fits(helper, name) {
			return true
		}
	}
	return strings.HasSuffix(name, "test")
}

func fits(pattern, name string) bool {
	return name == pattern || strings.HasSuffix(pattern, "/") && strings.HasPrefix(name, pattern)
}

func oneOf(patterns []string, name string) bool {
	for _, p := range patterns {
		if fits(p, name) {
			return true
		}
	}
	return false
}

// below reports whether one of two packages is part of the other.
func below(name, other string) bool { return strings.HasPrefix(other, name+"/") }
