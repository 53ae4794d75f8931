package admin_test

import (
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/admin"
	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/kit/kittest"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/postgres/pgtest"
	"galaxy/backend/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

func TestCredentials(t *testing.T) {
	st, sys := storetest.Open(t), kittest.System(t)
	d := admin.Deps{Store: st, Now: storetest.Now, Key: []byte("key"), Cost: 4}
	conf := admin.Config{BootstrapUser: "root", BootstrapPassword: "right"}
	made, err := admin.Bootstrap(t.Context(), d, conf)
	require.NoError(t, err)
	require.True(t, made)
	made, err = admin.Bootstrap(t.Context(), d, admin.Config{BootstrapUser: "root", BootstrapPassword: "other"})
	require.NoError(t, err)
	require.False(t, made, "an operator who is there keeps the password")

	ref, err := admin.Start(sys, d, kittest.Never)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		user, password string
		want           galaxy.Code
	}{
		"right":                       {"root", "right", ""},
		"a wrong password":            {"root", "other", galaxy.Unauthorized},
		"an unknown operator":         {"toor", "right", galaxy.Unauthorized},
		"nobody":                      {"", "", galaxy.Unauthorized},
		"a password that is no end":   {"root", strings.Repeat("x", 100), galaxy.Unauthorized},
		"both in the name of the one": {"root\x00right", "", galaxy.Unauthorized},
	} {
		_, err := kit.Ask(t.Context(), ref, admin.Verify{Username: c.user, Password: c.password})
		if c.want == "" {
			require.NoError(t, err, name)
		} else {
			require.Equal(t, c.want, galaxy.CodeOf(err), name)
		}
	}
	before := st.Statements()
	_, err = kit.Ask(t.Context(), ref, admin.Verify{Username: "root", Password: "right"})
	require.NoError(t, err)
	require.Equal(t, before, st.Statements(), "a verified pair is remembered")
}

func TestAFloodOfWrongPasswordsIsRefused(t *testing.T) {
	st, sys := storetest.Open(t), kittest.System(t)
	ref, err := admin.Start(sys, admin.Deps{Store: st, Now: storetest.Now, Key: []byte("key"), Cost: 6}, kittest.Never)
	require.NoError(t, err)
	var mu sync.Mutex
	codes := map[galaxy.Code]int{}
	var wg sync.WaitGroup
	for range 200 {
		wg.Go(func() {
			_, err := kit.Ask(t.Context(), ref, admin.Verify{Username: "root", Password: "guess"})
			mu.Lock()
			defer mu.Unlock()
			codes[galaxy.CodeOf(err)]++
		})
	}
	wg.Wait()
	require.Positive(t, codes[galaxy.TooManyRequests])
	require.Positive(t, codes[galaxy.Unauthorized])
	require.Equal(t, 200, codes[galaxy.TooManyRequests]+codes[galaxy.Unauthorized])
}
