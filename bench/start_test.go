package bench

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"galaxy/backend/actors/engine"
	"galaxy/backend/actors/game"
	"galaxy/backend/actors/kit"
	"galaxy/backend/engineapi"
	"galaxy/backend/galaxy"
	"galaxy/backend/store/storetest"
)

// benchStart: from the operator's start to an engine that holds the game, and the Docker client by hand.
func benchStart(t *testing.T) {
	d := newDaemon(t)
	w := newWorld(t, d.driver)
	w.addVersion(d.image)
	comparison{name: "start/docker", unit: "ms", less: true, pairs: 15, ours: func() float64 { return w.startInDocker(d) }, limit: d.startGame}.run(t)
}

// startInDocker starts a game and gives the milliseconds that it took.
func (w *world) startInDocker(d *daemon) float64 {
	g, _ := storetest.Game(w.T, w.st, 2)
	began := time.Now()
	w.started(g.ID)
	took := time.Since(began)
	w.putAway(d.driver, g.ID)
	return took.Seconds() * 1000
}

// putAway ends a game's engine and removes its container.
func (w *world) putAway(driver engine.Containers, id galaxy.GameID) {
	_, err := kit.Ask(w.Context(), w.system.Games.Ref(id), game.ForceStop{By: operator})
	require.NoError(w, err)
	require.Eventually(w, func() bool {
		now, err := kit.Ask(w.Context(), w.system.Games.Ref(id), game.Get{})
		return err == nil && now.Runtime.Status == galaxy.RuntimeStopped
	}, time.Minute, 10*time.Millisecond)
	require.NoError(w, driver.Remove(w.Context(), id))
}

// startGame is the bare loop: create, start, wait for the first 200, init.
func (d *daemon) startGame() float64 {
	game := galaxy.NewID().String()
	began := time.Now()
	id := d.create(game)
	initGame(d.T, d.start(id), game)
	took := time.Since(began)
	d.remove(id)
	return took.Seconds() * 1000
}

// initGame makes a game in an engine.
func initGame(t *testing.T, address, game string) {
	body, err := json.Marshal(engineapi.InitRequest{GameID: game, Races: []engineapi.InitRace{{RaceName: "Ann"}, {RaceName: "Bob"}}})
	require.NoError(t, err)
	res, err := http.Post(address+"/api/v1/admin/init", "application/json", bytes.NewReader(body))
	require.NoError(t, err)
	_ = res.Body.Close()
	require.Equal(t, http.StatusCreated, res.StatusCode)
}
