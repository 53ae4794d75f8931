package account_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/account"
	"galaxy/backend/actors/kit"
	"galaxy/backend/actors/kit/kittest"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/postgres/pgtest"
	"galaxy/backend/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

func TestAnAccountIsReadOnce(t *testing.T) {
	st, sys := storetest.Open(t), kittest.System(t)
	want, _ := storetest.SignIn(t, st, "ann@example.com")
	family, err := account.Start(sys, account.Deps{Store: st, Now: time.Now, Idle: 50 * time.Millisecond}, kittest.Never)
	require.NoError(t, err)
	got, err := kit.Ask(t.Context(), family.Ref(want.ID), account.Get{})
	require.NoError(t, err)
	require.Equal(t, want, got)
	before := st.Statements()
	_, err = kit.Ask(t.Context(), family.Ref(want.ID), account.Get{})
	require.NoError(t, err)
	require.Equal(t, before, st.Statements())
	require.Eventually(t, func() bool { return family.Live() == 0 }, 10*time.Second, time.Millisecond)
}

func TestAnUnknownPlayerIsNotFoundAndStaysNowhere(t *testing.T) {
	st, sys := storetest.Open(t), kittest.System(t)
	family, err := account.Start(sys, account.Deps{Store: st, Now: time.Now}, kittest.Never)
	require.NoError(t, err)
	_, err = kit.Ask(t.Context(), family.Ref(galaxy.UserID{UUID: galaxy.NewID()}), account.Get{})
	require.Equal(t, galaxy.NotFound, galaxy.CodeOf(err))
	require.Eventually(t, func() bool { return family.Live() == 0 }, 10*time.Second, time.Millisecond)
}
