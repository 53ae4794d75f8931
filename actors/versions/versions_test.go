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

	edit := func(number int64, e galaxy.VersionEdit) (galaxy.EngineVersion, error) {
		return kit.Ask(t.Context(), ref, versions.Edit{By: galaxy.Admin("root"), RequestID: "r1", Version: "1.9.3", Number: number, Edit: e})
	}
	edited, err := edit(1, galaxy.VersionEdit{Enabled: new(false)})
	require.NoError(t, err)
	require.Equal(t, int64(2), edited.Number)
	require.Equal(t, []any{"engine:1.9.3", false}, []any{edited.ImageRef, edited.Enabled})
	_, err = edit(1, galaxy.VersionEdit{Enabled: new(true)})
	require.ErrorIs(t, err, galaxy.ErrVersion, "it was meant for what was there before")
	same, err := edit(0, galaxy.VersionEdit{Enabled: new(false)})
	require.NoError(t, err)
	require.Equal(t, edited, same, "nothing has changed")
	_, err = edit(2, galaxy.VersionEdit{ImageRef: new("")})
	require.True(t, galaxy.Is(err, galaxy.InvalidRequest))
	_, err = kit.Ask(t.Context(), ref, versions.Edit{Version: "4.0.0", Edit: galaxy.VersionEdit{Enabled: new(true)}})
	require.True(t, galaxy.Is(err, galaxy.NotFound))
	lines, _, err := st.ListAudit(t.Context(), galaxy.AuditFilter{Action: "engine_version.edit"}, galaxy.Page{Limit: 10})
	require.NoError(t, err)
	require.Len(t, lines, 1)
	require.Equal(t, map[string]any{"image_ref": "engine:1.9.3", "enabled": true, "expected_turn": false}, lines[0].Before)
	require.Equal(t, map[string]any{"image_ref": "engine:1.9.3", "enabled": false, "expected_turn": false}, lines[0].After)
	require.Equal(t, "engine_version:1.9.3", lines[0].Subject)

	// Behind its back: it finds out when it stores, and reads anew.
	behind := edited
	behind.ExpectedTurn = true
	require.NoError(t, st.EditEngineVersion(t.Context(), behind, storetest.Now(), galaxy.Audit{By: galaxy.Admin("root"), Action: "engine_version.edit", Subject: "engine_version:1.9.3"}))
	_, err = edit(2, galaxy.VersionEdit{ImageRef: new("engine:other")})
	require.True(t, galaxy.MemoryStale(err))
	last, err := edit(3, galaxy.VersionEdit{ImageRef: new("engine:other")})
	require.NoError(t, err)
	require.Equal(t, []any{int64(4), true, "engine:other"}, []any{last.Number, last.ExpectedTurn, last.ImageRef})

	kittest.Stop(t, sys, ref)
	ref, err = versions.Start(sys, versions.Deps{Store: st, Now: storetest.Now}, kittest.Never)
	require.NoError(t, err)
	known, err := kit.Ask(t.Context(), ref, versions.List{})
	require.NoError(t, err)
	require.Equal(t, int64(4), known[1].Number)
	var order []string
	for _, v := range known {
		order = append(order, v.Version)
	}
	require.Equal(t, []string{"1.10.0", "1.9.3", "1.2.0"}, order)
}
