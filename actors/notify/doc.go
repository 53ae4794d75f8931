// Package notify brings notices to players and operators.
//
// A notice stands in the store, with a route for each player and channel, or the one to the operators, since the
// transaction of the fact it tells of. The worker, one root actor that lives as long as the process, claims due routes,
// publishes the ones of the push channel to the hub and turns the ones of the mail channels into rows of the outbox, and
// records what came of each, fenced by the attempt's number. It looks when it is woken after a commit, and at an
// interval. Operators who have named no address are told by the log.
//
// A worker that dies between publishing and recording publishes again: gateways see the same event_id. Nothing here
// panics on what a route holds; a route that cannot be told is a dead letter.
package notify
