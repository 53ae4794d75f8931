package docker

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// html is what a proxy says.
const html = "<html><body><h1>%s</h1></body></html>"

func TestAnAnswerMeansWhatItSaysAboutWhatWasAsked(t *testing.T) {
	every := []asked{askLook, askImage, askPull, askNetwork, askCreate, askStart, askEnd}
	words := func(status int, message string) answer { return answer{status, true, message} }
	page := func(status int, message string) answer { return answer{status, false, message} }
	for name, c := range map[string]struct {
		of   []asked
		a    answer
		want verdict
	}{
		"no container":                    {[]asked{askLook, askEnd, askStart}, words(404, "No such container: galaxy-game-1"), absent},
		"no container, of another make":   {[]asked{askLook, askEnd}, words(404, `no container with name or ID "x" found: no such container`), absent},
		"no image":                        {[]asked{askImage, askCreate}, words(404, "No such image: galaxy:1"), absent},
		"no network":                      {[]asked{askNetwork, askStart}, words(404, "network galaxy not found"), absent},
		"no network, of another make":     {[]asked{askNetwork}, words(404, "unable to find network with name or ID galaxy: network not found"), absent},
		"a path that the daemon lacks":    {every, words(404, "page not found"), nothing},
		"a proxy's page":                  {every, page(404, html), nothing},
		"a web server's words":            {every, page(404, "404 page not found"), nothing},
		"another thing that is missing":   {[]asked{askLook, askEnd, askImage}, words(404, "network galaxy not found"), nothing},
		"too old":                         {every, words(400, "client version 1.41 is too old. Minimum supported API version is 1.44"), outdated},
		"too new":                         {every, words(400, "client version 1.52 is too new. Maximum supported API version is 1.41"), outdated},
		"too old, in plain text":          {every, page(400, "client version 1.41 is too old"), outdated},
		"a plug-in for who may":           {every, words(403, "authorization denied by plugin guard: policy"), nothing},
		"a socket proxy":                  {every, page(403, html), nothing},
		"not signed in at the daemon":     {[]asked{askLook, askImage, askNetwork, askCreate, askStart, askEnd}, words(401, "unauthorized"), nothing},
		"TLS is wanted":                   {every, page(400, "Client sent an HTTP request to an HTTPS server."), nothing},
		"not this method":                 {every, words(405, "Method Not Allowed"), nothing},
		"an upgrade is wanted":            {every, page(426, "Upgrade Required"), nothing},
		"too much":                        {[]asked{askLook, askCreate, askStart, askEnd}, words(429, "slow down"), nothing},
		"a bad gateway":                   {every, page(502, html), nothing},
		"unavailable":                     {every, words(503, "Service Unavailable"), nothing},
		"a gateway that waits no longer":  {every, page(504, html), nothing},
		"the daemon ends":                 {every, words(500, "daemon is shutting down"), nothing},
		"somebody has gone":               {[]asked{askLook, askCreate, askStart, askEnd}, words(500, "context canceled"), nothing},
		"containerd is away":              {[]asked{askStart, askEnd}, words(500, `connection error: desc = "transport: error while dialing: dial unix /run/containerd/containerd.sock"`), nothing},
		"it ends in the middle":           {[]asked{askStart}, words(500, "OCI runtime create failed: context canceled: unknown"), nothing},
		"no port for a client":            {[]asked{askStart}, words(500, "driver failed programming external connectivity: port is already allocated"), nothing},
		"an engine that cannot run":       {[]asked{askStart}, words(500, `OCI runtime create failed: runc create failed: exec: "/engine": exec format error`), failed},
		"an engine that cannot run, read": {[]asked{askLook, askEnd}, words(500, "OCI runtime state failed"), nothing},
		"no descriptors":                  {every, words(500, "accept4: too many open files"), lacking},
		"no room":                         {every, words(500, "write /var/lib/docker/tmp: no space left on device"), lacking},
		"no memory":                       {[]asked{askStart}, words(500, "OCI runtime create failed: fork: cannot allocate memory"), lacking},
		"a disk that is gone":             {[]asked{askCreate}, words(500, "mkdir /var/lib/docker/overlay2: read-only file system"), lacking},
		"the state is on another disk":    {[]asked{askCreate, askStart}, words(400, `invalid mount config for type "bind": bind source path does not exist: /games/1`), lacking},
		"not our configuration":           {[]asked{askCreate, askStart, askNetwork}, words(400, "logger: no log driver named 'x' is registered"), refused},
		"a bad request to read":           {[]asked{askLook, askEnd}, words(400, "invalid filter"), nothing},
		"a bad request without words":     {[]asked{askCreate, askStart}, words(400, " "), nothing},
		"a name that is taken":            {[]asked{askCreate, askNetwork, askEnd}, words(409, "is already in use"), taken},
		"half gone":                       {[]asked{askStart}, words(409, "container is marked for removal and cannot be started"), taken},
		"paused by hand":                  {[]asked{askStart}, words(409, "cannot start a paused container, try unpause instead"), nothing},

		"an invalid name":              {[]asked{askImage, askPull}, words(400, "invalid reference format: repository name must be lowercase"), noImage},
		"no manifest":                  {[]asked{askPull}, words(404, "manifest for a/b:1 not found: manifest unknown: manifest unknown"), noImage},
		"no manifest, in a stream":     {[]asked{askPull}, words(0, "manifest unknown"), noImage},
		"no repository":                {[]asked{askPull}, words(404, "pull access denied for a/b, repository does not exist or may require 'docker login': denied: requested access to the resource is denied"), noImage},
		"no repository, in containerd": {[]asked{askPull}, words(404, `failed to resolve reference "docker.io/a/b:1": docker.io/a/b:1: not found`), noImage},
		"not for this machine":         {[]asked{askPull}, words(404, "no matching manifest for linux/arm64/v8 in the manifest list entries"), noImage},
		"a token that is over":         {[]asked{askPull}, words(404, "pull access denied for a/b, repository does not exist or may require 'docker login': denied: Your authorization token has expired. Reauthenticate and try again."), noRegistry},
		"no credentials":               {[]asked{askPull}, words(500, `Head "https://r/v2/a/manifests/1": no basic auth credentials`), noRegistry},
		"wrong credentials":            {[]asked{askPull}, words(500, "unauthorized: authentication required"), noRegistry},
		"wrong credentials, as a 401":  {[]asked{askPull}, words(401, "unauthorized: authentication required"), noRegistry},
		"too many pulls":               {[]asked{askPull}, words(500, "toomanyrequests: You have reached your pull rate limit."), noRegistry},
		"too many pulls, in a stream":  {[]asked{askPull}, words(0, "toomanyrequests: You have reached your pull rate limit."), noRegistry},
		"a registry that fails":        {[]asked{askPull}, words(500, "received unexpected HTTP status: 503 Service Unavailable"), noRegistry},
		"no name service":              {[]asked{askPull}, words(500, `Get "https://r/v2/": dial tcp: lookup r: no such host`), noRegistry},
		"no certificate":               {[]asked{askPull}, words(500, `Get "https://r/v2/": x509: certificate signed by unknown authority`), noRegistry},
		"no proxy":                     {[]asked{askPull}, words(500, `Get "https://r/v2/": proxyconnect tcp: dial tcp 10.0.0.1:3128: connect: connection refused`), noRegistry},
		"no answer":                    {[]asked{askPull}, words(500, `Get "https://r/v2/": net/http: request canceled while waiting for connection (Client.Timeout exceeded)`), noRegistry},
		"a layer that breaks off":      {[]asked{askPull}, words(0, "unexpected EOF"), noRegistry},
		"a page in the registry's way": {[]asked{askPull}, words(500, `error parsing HTTP 404 response body: invalid character '<' looking for beginning of value: "<html>"`), noRegistry},
		"no room for a layer":          {[]asked{askPull}, words(0, "failed to register layer: write /usr/lib/x: no space left on device"), lacking},
	} {
		for _, what := range c.of {
			require.Equal(t, c.want, judge(what, c.a), "%s, asked %d", name, what)
		}
	}
}
