package enginetest

import "net/http"

// ServeHTTP answers for all engines, each below the path of its game's id, for tests that give engines addresses of their own.
func (e *Engines) ServeHTTP(w http.ResponseWriter, r *http.Request) { e.serve(w, r) }
