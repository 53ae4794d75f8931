package bench

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"galaxy/backend/actors"
	"galaxy/backend/actors/engine"
	"galaxy/backend/actors/game"
	"galaxy/backend/actors/kit"
	"galaxy/backend/galaxy"
	"galaxy/backend/internal/containertest"
	"galaxy/backend/internal/process"
)

// benchRecover: from the death of an engine until players' orders are taken again. The limit is the first wait of the engine's
// supervision, without its jitter, and the start of an engine by hand that has died with its game, until the first 200. Engines are
// containers, and processes where no daemon answers.
func benchRecover(t *testing.T) {
	m := newMortals(t)
	w := newWorld(t, m.driver)
	w.addVersion(m.image)
	comparison{name: "recover", unit: "ms", less: true,
		ours: func() float64 { return w.recovery(m) },
		limit: func() float64 {
			return (engine.DefaultPace.Restarts.Min + m.restart()).Seconds() * 1000
		}}.run(t)
}

// mortals are engines that can be killed.
type mortals struct {
	driver actors.Containers
	image  string
	kill   func(galaxy.Container)
	// restart kills an engine that the service does not know, and gives how long it takes to start it by hand.
	restart func() time.Duration
}

func newMortals(t *testing.T) mortals {
	api, err := client.New(client.FromEnv)
	require.NoError(t, err)
	defer api.Close()
	if _, err := api.Ping(t.Context(), client.PingOptions{}); err != nil && os.Getenv("REQUIRE_DOCKER") == "" {
		return mortalProcesses(t)
	}
	d := newDaemon(t)
	name := galaxy.NewID().String()
	id := d.create(name)
	initGame(t, d.start(id), name)
	return mortals{driver: d.driver, image: d.image, kill: func(c galaxy.Container) { d.kill(c.ID) }, restart: func() time.Duration {
		d.kill(id)
		began := time.Now()
		d.start(id)
		return time.Since(began)
	}}
}

func mortalProcesses(t *testing.T) mortals {
	binary := containertest.BuildEngine(t)
	driver, err := process.New(t.TempDir())
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address, dir := l.Addr().String(), t.TempDir()
	require.NoError(t, l.Close())
	start := func() *exec.Cmd {
		cmd := exec.Command(binary)
		cmd.Env = []string{"STORAGE_PATH=" + filepath.Join(dir, "state"), "ENGINE_LISTEN_ADDR=" + address}
		require.NoError(t, cmd.Start())
		serves(t, "http://"+address)
		return cmd
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "state"), 0o755))
	running := start()
	initGame(t, "http://"+address, galaxy.NewID().String())
	end := func() {
		_ = running.Process.Kill()
		_ = running.Wait()
	}
	t.Cleanup(func() { end() })
	return mortals{driver: driver, image: "file://" + binary, kill: func(c galaxy.Container) {
		pid, err := strconv.Atoi(c.ID)
		require.NoError(t, err)
		require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	}, restart: func() time.Duration {
		end()
		began := time.Now()
		running = start()
		return time.Since(began)
	}}
}

// recovery gives the milliseconds that a game takes to recover from its engine's death. Each game dies once: a second death soon
// after would be waited out for longer.
func (w *world) recovery(m mortals) float64 {
	p := w.runningGame(2)[0]
	list := []byte(commands())
	split, err := galaxy.SplitCommands(list)
	require.NoError(w, err)
	order := func() error {
		_, err := kit.Ask(w.Context(), w.system.Games.Ref(p.game), game.PutOrders{User: p.ID, Turn: 1, Commands: split, Raw: list})
		return err
	}
	require.NoError(w, order())
	c, err := m.driver.Inspect(w.Context(), p.game)
	require.NoError(w, err)
	began := time.Now()
	m.kill(c)
	for err = order(); err != nil; err = order() {
		require.Less(w, time.Since(began), time.Minute, "the game does not recover: %v", err)
		time.Sleep(time.Millisecond)
	}
	took := time.Since(began)
	w.putAway(m.driver, p.game)
	return took.Seconds() * 1000
}
