package http

import (
	"testing"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/stretchr/testify/require"

	"galaxy/backend/galaxy"
)

func TestAnAccountIsEncodedAgainWhenItHasChanged(t *testing.T) {
	kept, err := lru.New[galaxy.UserID, rendered](1)
	require.NoError(t, err)
	h := &handlers{&Server{accounts: kept, Deps: Deps{Now: time.Now}}}
	a := galaxy.Account{ID: galaxy.UserID{UUID: galaxy.NewID()}, DisplayName: "Ann", CreatedAt: time.Now()}
	first, err := h.render(&a)
	require.NoError(t, err)
	again, err := h.render(&a)
	require.NoError(t, err)
	require.Same(t, &first.verbatim[0], &again.verbatim[0], "it is not encoded twice")
	next := a
	next.DisplayName = "Anna"
	changed, err := h.render(&next)
	require.NoError(t, err)
	require.Contains(t, string(changed.verbatim), `"Anna"`)
}
