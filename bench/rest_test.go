package bench

import (
	"io"
	"net/http"
	"strconv"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"galaxy/backend/internal/enginetest"
)

// benchAccount: a player's account, read through everything, and the same bytes out of a map.
func benchAccount(t *testing.T) {
	w := newWorld(t, enginetest.New(t))
	requests := make([]*http.Request, connections)
	for i := range requests {
		account, _ := w.signIn("player" + strconv.Itoa(i) + "@example.com")
		requests[i] = get(t, "http://"+w.rest+"/api/v1/user/account")
		requests[i].Header.Set("X-User-ID", account.ID.String())
	}
	w.compareReads("rest/account", requests, "/api/v1/user/account", func(c *gin.Context) string { return c.GetHeader("X-User-ID") },
		func(r *http.Request) string { return r.Header.Get("X-User-ID") })
}

// benchSessionLookup: what a gateway asks for every request of a player.
func benchSessionLookup(t *testing.T) {
	stand := enginetest.New(t)
	w := newWorld(t, stand)
	requests := make([]*http.Request, connections)
	for i := range requests {
		_, session := w.signIn("player" + strconv.Itoa(i) + "@example.com")
		requests[i] = get(t, "http://"+w.rest+"/api/v1/internal/sessions/"+session.ID.String())
	}
	w.compareReads("rest/session-lookup", requests, "/api/v1/internal/sessions/:id", func(c *gin.Context) string { return c.Request.URL.Path },
		func(r *http.Request) string { return r.URL.Path })
}

func get(t *testing.T, url string) *http.Request {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	return r
}

// compareReads holds reads against a bare handler that answers the same bytes; both key functions name the answer.
func (w *world) compareReads(name string, requests []*http.Request, route string, asked func(*gin.Context) string, key func(*http.Request) string) {
	var answers sync.Map
	for _, r := range requests {
		res, err := http.DefaultClient.Do(r)
		require.NoError(w, err)
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		require.NoError(w, err)
		require.Equal(w, http.StatusOK, res.StatusCode, string(body))
		answers.Store(key(r), body)
	}
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.GET(route, func(c *gin.Context) {
		if v, ok := answers.Load(asked(c)); ok {
			c.Data(http.StatusOK, "application/json; charset=utf-8", v.([]byte))
		}
	})
	ours := newLoad(w.T, w.rest, func(i int) *http.Request { return requests[i] })
	limit := newLoad(w.T, bare(w.T, e), func(i int) *http.Request { return requests[i] })
	comparison{name: name, unit: "req/s", ours: ours.perSecond, limit: limit.perSecond}.run(w.T)
}
