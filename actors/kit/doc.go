// Package kit is what every actor here does the same way, on top of protoactor-go.
//
//   - Ask, Tell and Reply: typed questions whose context says how long the asker waits. (actor.Future races a late
//     answer with its timeout and cannot be cancelled.)
//   - System and Props: one receive path for all actors, which opens a span, drops a message whose asker has gone,
//     answers the asker of a message that made the actor panic, and then lets supervision work.
//   - A mailbox that answers every ask it cannot serve: beyond the limit, while the actor waits for its restart,
//     and when it stops. Tells, ticks and results of jobs always pass. (protoactor's bounded mailboxes spin a core
//     or drop silently, and a stopped actor's queue is dropped without an answer.)
//   - Job: work outside the mailbox whose result comes home as a message.
//   - Backoff: exponential, with jitter, and it gives up. (The built-in one grows linearly and never does.)
//   - Family: many children of a kind, found by key, spawned on demand and passivated without losing a message.
//   - Stash, Timers and Idle: which keep senders, and whose late ticks do no harm.
//
// An actor is fed only through a Ref, and a Ref is got only from a Family or from System.Spawn.
package kit
