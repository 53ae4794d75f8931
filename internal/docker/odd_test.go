package docker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/galaxy"
)

func TestAnotherVersionOfTheDaemonIsSpokenToAnew(t *testing.T) {
	d, p := behind(t, "30s")
	spec := newSpec(t, d)
	p.Speak("1.24", "1.41")
	first, err := d.Ensure(t.Context(), spec)
	require.NoError(t, err)
	for _, change := range []struct{ what, least, most string }{
		{"an upgrade", "1.44", "1.47"}, {"a greater one", "1.51", "1.52"}, {"and back", "1.24", "1.41"},
	} {
		p.Speak(change.least, change.most)
		for call, do := range calls(d, spec) {
			switch call {
			case "watch", "remove", "set aside", "stop", "remove network":
			default:
				require.NoError(t, do(t.Context()), "%s: %s", change.what, call)
			}
		}
		again, err := d.Ensure(t.Context(), spec)
		require.NoError(t, err, change.what)
		require.Equal(t, first.ID, again.ID, change.what)
		require.NoError(t, d.Stop(t.Context(), spec.Game, 5*time.Second), change.what)
		p.Speak(change.least, change.most)
		first, err = d.Ensure(t.Context(), spec)
		require.NoError(t, err, change.what)
	}
}

func TestManyCallsAgreeOnAVersionTogether(t *testing.T) {
	d, p := behind(t, "30s")
	p.Speak("1.24", "1.41")
	require.NoError(t, d.Ping(t.Context()))
	p.Speak("1.44", "1.47")
	ended := make(chan error, 20)
	for range cap(ended) {
		go func() {
			_, err := d.Inspect(context.Background(), galaxy.GameID{UUID: galaxy.NewID()})
			ended <- err
		}()
	}
	for range cap(ended) {
		require.NoError(t, <-ended)
	}
}

func TestAVersionThatCannotBeAgreedOnSaysNothing(t *testing.T) {
	d, p := behind(t, "30s")
	spec := newSpec(t, d)
	require.NoError(t, d.Ping(t.Context()))
	for name, versions := range map[string][2]string{"newer than we are": {"9.10", "9.20"}, "older than we can": {"1.10", "1.12"}} {
		p.Speak(versions[0], versions[1])
		for call, do := range calls(d, spec) {
			if call != "ping" {
				nothingElse(t, do(t.Context()), "%s: %s", name, call)
			}
		}
		p.Instead(nil)
		_, err := d.Ensure(t.Context(), spec)
		require.NoError(t, err, "%s: it needs no restart of ours", name)
		require.NoError(t, d.end(t.Context(), spec.Game, 0))
	}
}

func TestAWatchOutlivesAnUpgrade(t *testing.T) {
	d, p := behind(t, "30s")
	p.Speak("1.24", "1.41")
	require.NoError(t, d.Ping(t.Context()))
	p.Speak("1.44", "1.47")
	nothingElse(t, d.Watch(t.Context(), func(galaxy.ContainerEvent) {}))
	spec := newSpec(t, d)
	heard := watch(t, d)
	require.Eventually(t, func() bool {
		_, err := d.Ensure(t.Context(), spec)
		return err == nil && d.end(t.Context(), spec.Game, 0) == nil && len(heard.Of(spec.Game)) > 0
	}, 30*time.Second, 10*time.Millisecond)
}

// odd are answers that are none to what was asked.
var odd = map[string]struct {
	status     int
	kind, body string
}{
	"a path that is not there":   {404, "application/json", `{"message":"page not found"}`},
	"a proxy's page":             {404, "text/html", "<html>not found</html>"},
	"not allowed":                {403, "application/json", `{"message":"authorization denied by plugin guard: no"}`},
	"a socket proxy":             {403, "text/html", "<html><body><h1>403 Forbidden</h1></body></html>"},
	"not signed in":              {401, "application/json", `{"message":"unauthorized"}`},
	"TLS is wanted":              {400, "text/plain", "Client sent an HTTP request to an HTTPS server.\n"},
	"not this method":            {405, "text/plain", "Method Not Allowed"},
	"an upgrade is wanted":       {426, "text/plain", "Upgrade Required"},
	"too much":                   {429, "application/json", `{"message":"too many requests"}`},
	"a bad gateway":              {502, "text/html", "<html>Bad Gateway</html>"},
	"unavailable":                {503, "application/json", `{"message":"unavailable"}`},
	"a gateway that waits no mo": {504, "text/html", "<html>Gateway Timeout</html>"},
	"the daemon ends":            {500, "application/json", `{"message":"daemon is shutting down"}`},
	"somebody has gone":          {500, "application/json", `{"message":"context canceled"}`},
	"no descriptors":             {500, "application/json", `{"message":"accept4: too many open files"}`},
	"a redirect":                 {301, "text/html", "<html>moved</html>"},
	"a page":                     {200, "text/html", "<html>welcome</html>"},
	"nothing at all":             {200, "application/json", ""},
	"null":                       {200, "application/json", "null"},
	"another thing":              {200, "application/json", `{"hello":"world"}`},
	"no words":                   {400, "application/json", `{}`},
}

func TestAnAnswerThatIsNoneMakesNothingCertain(t *testing.T) {
	d, p := behind(t, "30s")
	spec := newSpec(t, d)
	first, err := d.Ensure(t.Context(), spec)
	require.NoError(t, err)
	for name, c := range odd {
		for _, all := range []bool{true, false} { // or everything but the ping
			p.Instead(func(w http.ResponseWriter, r *http.Request) bool {
				if !all && r.URL.Path == "/_ping" {
					return false
				}
				w.Header().Set("Content-Type", c.kind)
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(c.status)
				_, _ = fmt.Fprint(w, c.body)
				return true
			})
			for call, do := range calls(d, spec) {
				switch {
				case call == "ping" && (!all || c.status < 400), call == "remove network" && c.status == 200, call == "watch" && c.status == 200:
					continue // it is an answer, or as good as one
				}
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				nothingElse(t, do(ctx), "%s, %s", name, call)
				cancel()
			}
		}
	}
	p.Instead(nil)
	again, err := d.Ensure(t.Context(), spec)
	require.NoError(t, err)
	require.Equal(t, first.ID, again.ID, "nothing was done about it")
}

func TestWhatADaemonSaysOfAStartIsBelievedOnlyOfTheEngine(t *testing.T) {
	d, p := behind(t, "30s")
	spec := newSpec(t, d)
	for body, want := range map[string]error{
		`{"message":"logger: no log driver named 'nonsense' is registered"}`:                           galaxy.ErrStartConfig,
		`{"message":"client version 1.41 is too old. Minimum supported API version is 1.44"}`:          galaxy.ErrDriverUnknown,
		`{"message":"invalid mount config for type \"bind\": bind source path does not exist: /away"}`: galaxy.ErrShortage,
	} {
		p.Answer("POST /containers/create", 400, "application/json", body)
		_, err := d.Ensure(t.Context(), spec)
		require.ErrorIs(t, err, want, body)
		require.Equal(t, errors.Is(want, galaxy.ErrStartConfig), errors.Is(err, galaxy.ErrStartConfig), body)
	}
	p.Answer("POST /containers/create", 404, "application/json", `{"message":"No such image: gone:1"}`)
	_, err := d.Ensure(t.Context(), spec)
	nothingElse(t, err, "it was there, and is got again")
}

// TestARefusalByAnotherDaemonIsNone: whatever words it finds for a version that it does not speak.
func TestARefusalByAnotherDaemonIsNone(t *testing.T) {
	d, p := behind(t, "30s")
	spec := newSpec(t, d)
	require.NoError(t, d.Ping(t.Context()))
	p.Instead(func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case r.URL.Path == "/_ping":
			w.Header().Set("Api-Version", "1.50")
		case r.URL.Path == "/v1.41/containers/create":
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = fmt.Fprint(w, `{"message":"this dialect is gone"}`)
		case len(r.URL.Path) > 6 && r.URL.Path[:6] == "/v1.50":
			r.URL.Path = "/v1.41" + r.URL.Path[6:]
			return false
		default:
			return false
		}
		return true
	})
	_, err := d.Ensure(t.Context(), spec)
	require.NoError(t, err)
}

func TestAStopIsSeenAndNotBelieved(t *testing.T) {
	d, p := behind(t, "30s")
	spec := newSpec(t, d)
	first, err := d.Ensure(t.Context(), spec)
	require.NoError(t, err)
	p.Answer("/stop", 204, "application/json", "")
	nothingElse(t, d.Stop(t.Context(), spec.Game, time.Second), "the engine runs")
	p.Instead(nil)
	now, err := d.Inspect(t.Context(), spec.Game)
	require.NoError(t, err)
	require.Equal(t, []any{first.ID, galaxy.ContainerRunning}, []any{now.ID, now.State})
}
