// Command baseengine is an engine of another make for tests: it keeps the base of the contract alone.
package main

import (
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"galaxy/backend/internal/enginetest"
)

// least is set by the linker: games of fewer races are refused.
var least = "0"

func main() {
	n, err := strconv.Atoi(least)
	if err != nil {
		log.Fatal(err)
	}
	e := &enginetest.Alone{Base: enginetest.Base{Least: n, Stateless: true}, Path: filepath.Join(os.Getenv("STORAGE_PATH"), "base.json")}
	s := &http.Server{Addr: os.Getenv("ENGINE_LISTEN_ADDR"), Handler: e, ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(s.ListenAndServe())
}
