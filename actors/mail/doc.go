// Package mail sends the mails of the outbox.
//
// A pool of workers, each a slot: it claims a due mail (one transaction), hands it to the relay with no transaction
// open, and records what came of it, fenced by the attempt's number. A worker looks when it is woken after a commit
// that queued a mail, and at an interval. It lives as long as the process; stopping lets it end the mail in hand.
//
// A worker that dies between sending and recording leaves its claim to run out, and the mail goes out again under the
// same Message-ID. Failures of store and relay are outcomes, never panics.
package mail
