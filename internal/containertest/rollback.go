package containertest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/engineapi"
	"galaxy/backend/galaxy"
)

const label = "patch-1"

// rollBack plays a patch that goes wrong: the new engine has made a turn of its own when the old state is put back.
func (c oneCase) rollBack() {
	ctx, d := c.Context(), c.d
	require.ErrorIs(c, d.CopyState(ctx, c.game, label), galaxy.ErrStateMissing)
	require.ErrorIs(c, d.RestoreState(ctx, c.game, label), galaxy.ErrNoCopy)
	require.NoError(c, d.DropState(ctx, c.game, label), "dropping what is not there is no error")

	old := c.ensure(c.one())
	before := call(c, http.MethodPost, old.Address+"/api/v1/admin/init", engineapi.InitRequest{GameID: c.game.String(),
		Races: []engineapi.InitRace{{RaceName: "Terrans"}, {RaceName: "Klingons"}}})
	require.NoError(c, d.Stop(ctx, c.game, 5*time.Second))
	require.NoError(c, d.CopyState(ctx, c.game, label))

	patched := c.ensure(c.two())
	turn := call(c, http.MethodPut, patched.Address+"/api/v1/admin/turn", engineapi.TurnRequest{})
	require.Equal(c, 1, turn.CurrentTurn)
	require.NoError(c, d.Stop(ctx, c.game, 5*time.Second))
	require.NoError(c, d.CopyState(ctx, c.game, label), "a copy that is there is kept")
	for range 2 {
		require.NoError(c, d.RestoreState(ctx, c.game, label))
	}

	back := c.one()
	back.StateMustExist = true
	after := call(c, http.MethodGet, c.ensure(back).Address+"/api/v1/admin/status", nil)
	require.Equal(c, 0, after.CurrentTurn)
	require.Equal(c, before.StateDigest, after.StateDigest)
	for range 2 {
		require.NoError(c, d.DropState(ctx, c.game, label))
	}
	require.ErrorIs(c, d.RestoreState(ctx, c.game, label), galaxy.ErrNoCopy)

	free, err := d.FreeSpace(ctx)
	require.NoError(c, err)
	require.Positive(c, free)
}

func call(c oneCase, method, url string, in any) (out engineapi.Status) {
	c.Helper()
	var body io.Reader = http.NoBody
	if in != nil {
		b, err := json.Marshal(in)
		require.NoError(c, err)
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(c.Context(), method, url, body)
	require.NoError(c, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Game-ID", c.game.String())
	res, err := http.DefaultClient.Do(req)
	require.NoError(c, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(c, err)
	require.Less(c, res.StatusCode, 300, string(text))
	require.NoError(c, json.Unmarshal(text, &out))
	return out
}
