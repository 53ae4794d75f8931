// Package reconciler holds containers against what is recorded of games.
//
// One root actor that lives as long as the process. It follows the driver's stream of events, so that a game hears of
// its engine's end at once and not with its next probe; and at an interval it lists all containers and compares them
// with the rows. Games are told what they could not know: that their container is gone or has ended, or that one runs
// although they have no use for it, which they adopt and stop. Containers of no game are orphans: it keeps them in
// memory, answers operators with them, and touches none. It also has the containers of games cleaned up that have been
// over for long enough, watches the free space for the games' state, and removes the copies of it that patches have
// left behind.
//
// Nothing is concluded from a daemon that does not answer: what was found before stays as it is, and nobody is told
// anything. When the stream of events breaks it is begun anew after a while, with a comparison beside it for what was missed.
//
// It owns no row and decides nothing about a game: each game decides on what it is told. Whatever waits for the daemon or
// the store runs outside of the mailbox, and a result that is no longer waited for is dropped by its number. It panics on
// nothing; an incarnation made anew begins with a comparison.
package reconciler
