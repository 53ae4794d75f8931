package versions_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/kit/kittest"
	"galaxy/backend/actors/versions"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/postgres/pgtest"
	"galaxy/backend/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

func TestTheRegistry(t *testing.T) {
	st, sys := storetest.Open(t), kittest.System(t)
	ref, err := versions.Start(sys, versions.Deps{Store: st, Now: storetest.Now}, kittest.Never)
	require.NoError(t, err)
	add := func(version, image, key string) (galaxy.EngineVersion, error) {
		return kit.Ask(t.Context(), ref, versions.Add{By: galaxy.Admin("root"), Version: galaxy.EngineVersion{Version: version, ImageRef: image, Enabled: true,
			Idempotency: galaxy.Idempotency{Key: key, Digest: [32]byte{byte(len(image))}}}})
	}
	for _, v := range []string{"1.2.0", "1.10.0", "1.9.3"} {
		_, err := add(v, "engine:"+v, "key-"+v)
		require.NoError(t, err)
	}
	for name, c := range map[string]struct {
		version, image, key string
		want                galaxy.Code
	}{
		"the same version again":             {"1.2.0", "engine:other", "", galaxy.Conflict},
		"the same key with another body":     {"3.0.0", "x", "key-1.2.0", galaxy.Conflict},
		"a version with a v":                 {"v1.2.0", "engine:1", "", galaxy.InvalidRequest},
		"a version with two numbers":         {"1.2", "engine:1", "", galaxy.InvalidRequest},
		"no image":                           {"2.0.0", "", "", galaxy.InvalidRequest},
		"a file URL that names another host": {"2.0.0", "file://host/engine", "", galaxy.InvalidRequest},
	} {
		_, err := add(c.version, c.image, c.key)
		require.Equal(t, c.want, galaxy.CodeOf(err), name)
	}
	again, err := add("1.2.0", "engine:1.2.0", "key-1.2.0")
	require.NoError(t, err, "a repeated request is answered as the first was")
	require.Equal(t, "1.2.0", again.Version)

	kittest.Stop(t, sys, ref)
	ref, err = versions.Start(sys, versions.Deps{Store: st, Now: storetest.Now}, kittest.Never)
	require.NoError(t, err)
	known, err := kit.Ask(t.Context(), ref, versions.List{})
	require.NoError(t, err)
	var order []string
	for _, v := range known {
		order = append(order, v.Version)
	}
	require.Equal(t, []string{"1.10.0", "1.9.3", "1.2.0"}, order)
}
