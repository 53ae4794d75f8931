package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"galaxy/backend/galaxy"
	"galaxy/backend/internal/containertest"
	"galaxy/backend/internal/dockertest"
)

// registry is one that holds the reference engine as <host>/engine:1, and as little of the protocol as a pull needs.
type registry struct {
	*httptest.Server
	mu    sync.Mutex
	held  map[string][]byte // by path
	asked []string
	hold  chan struct{} // keeps every answer back until it is closed
}

func newRegistry(t *testing.T) *registry {
	r := &registry{held: map[string][]byte{"/v2/": []byte("{}")}}
	content, err := os.ReadFile(containertest.BuildEngine(t))
	require.NoError(t, err)
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	require.NoError(t, w.WriteHeader(&tar.Header{Name: "engine", Mode: 0o755, Size: int64(len(content))}))
	_, err = w.Write(content)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	conf := encode(t, map[string]any{"architecture": runtime.GOARCH, "os": "linux", "config": map[string]any{"Entrypoint": []string{"/engine"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{digest(layer.Bytes())}}})
	manifest := encode(t, map[string]any{"schemaVersion": 2, "mediaType": manifestType,
		"config": map[string]any{"mediaType": "application/vnd.docker.container.image.v1+json", "size": len(conf), "digest": digest(conf)},
		"layers": []any{map[string]any{"mediaType": "application/vnd.docker.image.rootfs.diff.tar", "size": layer.Len(), "digest": digest(layer.Bytes())}}})
	for _, blob := range [][]byte{conf, layer.Bytes()} {
		r.held["/v2/engine/blobs/"+digest(blob)] = blob
	}
	r.held["/v2/engine/manifests/1"], r.held["/v2/engine/manifests/"+digest(manifest)] = manifest, manifest
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

const manifestType = "application/vnd.docker.distribution.manifest.v2+json"

func encode(t *testing.T, v any) []byte {
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return b
}

func digest(b []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(b)) }

func (r *registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	r.asked = append(r.asked, req.URL.Path)
	hold := r.hold
	r.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-req.Context().Done():
			return
		}
	}
	r.mu.Lock()
	what := r.held[req.URL.Path]
	r.mu.Unlock()
	if what == nil {
		http.NotFound(w, req)
		return
	}
	if strings.Contains(req.URL.Path, "/manifests/") {
		w.Header().Set("Content-Type", manifestType)
	}
	w.Header().Set("Docker-Content-Digest", digest(what))
	http.ServeContent(w, req, "", time.Time{}, bytes.NewReader(what))
}

// ref is the image as its users name it.
func (r *registry) ref() string { return strings.TrimPrefix(r.URL, "http://") + "/engine:1" }

func (r *registry) calls() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.asked)
}

// pulling gives a driver with a policy behind a proxy, and removes the image when the test is over.
func pulling(t *testing.T, policy, ref string) (*Driver, *dockertest.Proxy) {
	p := dockertest.NewProxy(t, dockertest.Socket)
	s := settings()
	s["BACKEND_DOCKER_HOST"], s["BACKEND_RUNTIME_IMAGE_PULL_POLICY"] = p.Host(), policy
	d := driverWith(t, s)
	t.Cleanup(func() {
		_, err := d.api.ImageRemove(context.Background(), ref, client.ImageRemoveOptions{Force: true})
		require.NoError(t, goneOr(err))
	})
	return d, p
}

func game(ref string) galaxy.ContainerSpec {
	return galaxy.ContainerSpec{Game: galaxy.GameID{UUID: galaxy.NewID()}, Version: "1.0.0", ImageRef: ref}
}

const pull = "POST /images/create?fromImage"

func TestImagesArePulledByThePolicy(t *testing.T) {
	r := newRegistry(t)
	for policy, pulls := range map[string][2]int{"if_missing": {1, 1}, "always": {1, 2}} {
		t.Run(policy, func(t *testing.T) {
			d, p := pulling(t, policy, r.ref())
			before := r.calls()
			for i, want := range pulls {
				c, err := d.Ensure(t.Context(), game(r.ref()))
				if err != nil && r.calls() == before {
					t.Skipf("SKIPPED, WITH ALL IT WOULD SHOW: the daemon does not reach a registry on this machine: %v", err)
				}
				require.NoError(t, err)
				require.Equal(t, galaxy.ContainerRunning, c.State)
				require.Len(t, p.Requests(pull), want, "game %d", i+1)
			}
		})
	}
}

func TestAnImageThatIsThereIsNotPulledUnlessAlways(t *testing.T) {
	for _, policy := range []string{"if_missing", "never"} {
		d, p := pulling(t, policy, "galaxy-test/none:1")
		spec := newSpec(t, d)
		_, err := d.Ensure(t.Context(), spec)
		require.NoError(t, err)
		require.Empty(t, p.Requests(pull), policy)
	}
	d, p := pulling(t, "always", "galaxy-test/none:1")
	spec := newSpec(t, d)
	refused := "127.0.0.1:1/engine:1"
	_, err := d.api.ImageTag(t.Context(), client.ImageTagOptions{Source: imageOne, Target: refused})
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = d.api.ImageRemove(context.Background(), refused, client.ImageRemoveOptions{}) })
	spec.ImageRef = refused
	_, err = d.Ensure(t.Context(), spec)
	require.ErrorIs(t, err, galaxy.ErrImagePull, "what could not be asked for anew may be old")
	require.ErrorContains(t, err, refused)
	require.Len(t, p.Requests(pull), 1)
}

func TestAnImageThatCannotBeHadIsNamed(t *testing.T) {
	r := newRegistry(t)
	absent := strings.Replace(r.ref(), "/engine:1", "/engine:9", 1)
	for policy, refs := range map[string][]string{
		"never":      {"galaxy-test/none:1", "127.0.0.1:1/engine:1", absent},
		"if_missing": {"127.0.0.1:1/engine:1", absent},
		"always":     {"127.0.0.1:1/engine:1", absent, "Not A Reference"},
	} {
		d, p := pulling(t, policy, "galaxy-test/none:1")
		for _, ref := range refs {
			_, err := d.Ensure(t.Context(), game(ref))
			require.ErrorIs(t, err, galaxy.ErrImagePull, "%s: %s", policy, ref)
			require.ErrorContains(t, err, ref)
			require.NotErrorIs(t, err, galaxy.ErrDriverUnknown)
			require.NotErrorIs(t, err, galaxy.ErrStartConfig)
		}
		if policy == "never" {
			require.Empty(t, p.Requests(pull))
		}
		all, err := d.List(t.Context())
		require.NoError(t, err)
		require.Empty(t, all)
	}
}

func TestAPullThatIsCutMakesNothingCertain(t *testing.T) {
	r := newRegistry(t)
	d, p := pulling(t, "always", r.ref())
	for _, bytes := range []int{-1, 0, 30, 300} {
		p.CutNext(pull, bytes)
		_, err := d.Ensure(t.Context(), game(r.ref()))
		nothingElse(t, err, "after %d bytes", bytes)
		require.Zero(t, p.Pending())
	}
	_, err := d.Ensure(t.Context(), game(r.ref()))
	require.NoError(t, err)
}

func TestARegistryThatHangsIsNotTakenForTheDaemon(t *testing.T) {
	r := newRegistry(t)
	r.hold = make(chan struct{})
	d, p := pulling(t, "if_missing", r.ref())
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := d.Ensure(ctx, game(r.ref()))
	require.ErrorIs(t, err, galaxy.ErrImagePull)
	require.ErrorContains(t, err, r.ref())
	require.NotErrorIs(t, err, galaxy.ErrDriverUnknown)

	p.BeforeNext(pull, func() { p.Hang(true) })
	d.conf.CallTimeout = 500 * time.Millisecond
	ctx, cancel = context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err = d.Ensure(ctx, game(r.ref()))
	nothingElse(t, err, "here it is the daemon that hangs")

	ctx, cancel = context.WithCancel(t.Context())
	p.Hang(false)
	p.BeforeNext(pull, cancel)
	_, err = d.Ensure(ctx, game(r.ref()))
	nothingElse(t, err, "who calls it off learns nothing")
	r.mu.Lock()
	r.held = nil // so that the daemon's own pull, which goes on, leaves no image behind
	r.mu.Unlock()
	close(r.hold)
}
