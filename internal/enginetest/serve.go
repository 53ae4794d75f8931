package enginetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"sync"

	"galaxy/backend/galaxy"
)

// ServeHTTP answers for all engines, each below the path of its game's id, for tests that give engines addresses of their own.
func (e *Engines) ServeHTTP(w http.ResponseWriter, r *http.Request) { e.serve(w, r) }

// Alone is one engine of another make in a process of its own, which keeps what it holds in a file.
type Alone struct {
	Base
	Path string

	mu sync.Mutex
}

// ServeHTTP answers what is asked of the engine, once what came of it is on the disk.
func (a *Alone) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	g := fresh()
	g.State = galaxy.ContainerRunning
	b, err := os.ReadFile(a.Path)
	if err == nil {
		err = json.Unmarshal(b, g)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	out := a.do(g, r.Method+" "+r.URL.Path, r)
	if r.Method != http.MethodGet {
		if err := a.save(g); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	w.WriteHeader(out.status)
	_, _ = w.Write([]byte(out.body))
}

func (a *Alone) save(g *Game) error {
	b, err := json.Marshal(g)
	if err != nil {
		return fmt.Errorf("encode the state: %w", err)
	}
	if err := os.WriteFile(a.Path+".new", b, 0o600); err != nil {
		return err
	}
	return os.Rename(a.Path+".new", a.Path)
}
