// Package engine drives one engine: the container of one game and the calls to it.
//
// An engine's actor is a child of its game's and lives while the game wants an engine. Starting means adopting: the
// container is created, started or found running, then asked for its health and for what it holds, and it is initialised
// only when the game has no turn yet. Then the actor probes it, hands it one write at a time and a few reads, makes
// turns and stops it. Whatever touches Docker or HTTP runs outside the mailbox; results name the incarnation or the
// operation they belong to, and stale ones are dropped.
//
// It tells its game facts (messages.go) and decides nothing about the game. A dead engine makes it fail on purpose
// (kit.Fail), so that its game's strategy restarts it with backoff and in the end gives up. A daemon that does not
// answer is no dead engine: the actor then waits and tries again by itself. The actor's own end never ends the
// container; only Stop does.
package engine
