// Package sweeper wakes what must act although nobody asks, and forgets what is no longer kept.
//
// One root actor. At its start it wakes every game whose engine should be alive; then, every half minute, each game
// with a due deadline or an open operation, also when the game's actor had been given up, and each account whose
// deletion is under way or whose tier has ended; and, as often as the settings say, each game whose enrolment, or an
// invite to which, has ended. Timers elsewhere are hints, this is the promise. Every hour it purges, outside its
// mailbox, so that a long purge delays no game. After a time in which nobody was served it wakes every game again, to
// catch up; and every few seconds it compares the clocks of the database and of the host, and notifies operators when
// they differ. It panics on nothing: a sweep that cannot read the store is repeated with the next.
package sweeper
