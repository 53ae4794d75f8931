// Package kit is what every actor here does the same way, on top of protoactor-go.
//
//   - Ask, Tell and Reply: typed questions whose context says how long the asker waits. (actor.Future races a late
//     answer with its timeout and cannot be cancelled.)
//   - System and Props: one receive path for all actors, which opens a span, drops a message whose asker has gone,
//     answers the asker of a message that made the actor panic, and then lets supervision work.
//   - A mailbox that answers every ask it cannot serve: beyond the limit, while the actor waits for its restart,
//     and when it stops. Tells, ticks and results of jobs always pass. (protoactor's bounded mailboxes spin a core
//     or drop silently, and a stopped actor's queue is dropped without an answer.)
//   - Fail: how an actor fails on purpose. Supervision restarts it and writes the one log line of it, without a stack;
//     a panic that nobody expects is logged once, with its stack.
//   - Job: work outside the mailbox whose result comes home as a message.
//   - Backoff: exponential, with jitter, and it gives up. (The built-in one grows linearly and never does.)
//   - Family: many children of a kind, found by key, spawned on demand and passivated without losing a message.
//   - Stash, Timers and Idle: which keep senders, and whose late ticks do no harm.
//   - Clock: time comes in. What actors wait for (timers, idleness, restarts) is counted by the system's clock, which a test
//     moves by hand (kittest.Clock). How long an asker waits, and a job may take, is always real time. (A bubble of
//     testing/synctest has room for neither Postgres nor engines.)
//
// A timer is a duration: it fires when so much time has passed since its start, and a step of the wall clock, by NTP or by
// hand, makes it neither early nor late by that count. A deadline is a time of day, and for one a timer is a hint only:
// whoever is woken asks the wall clock whether the time has come, and starts the timer again when it has not; and since
// after a step forward the time has come without a tick, something looks at stored deadlines now and then as well.
//
// An actor is fed only through a Ref, and a Ref is got only from a Family or from System.Spawn.
package kit
