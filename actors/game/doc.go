// Package game runs games: one actor per game, the single writer of its rows.
//
// A game's actor is spawned by the games family on the first message for its id, reads its rows once and keeps them as
// a value (galaxy.Game). Each command is decided by a pure function of that value, committed in one transaction with its
// notices, and only then adopted and answered. A refusal, and a commit that is known not to have happened, leave the
// memory as it was; any other failure drops it, and the next message reads it anew.
//
// It owns the engine as its child (actors/engine) while the game wants one, takes what the engine tells as facts that
// are decided on and committed like commands, in order and until they are stored, and keeps the deadline. Timers are
// hints: the sweeper wakes every game that is due, so a lost timer, a lost wake-up or a dead actor delays a turn but
// loses none.
//
// A failing game is restarted with backoff; after a give-up the next message makes it anew. It panics on broken
// invariants only. A game that nothing is wanted of leaves memory when it is idle; its container is never touched by
// its actor's end.
package game
