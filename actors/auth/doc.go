// Package auth signs players in by codes mailed to them, and confirms addresses they change to.
//
// An actor per e-mail address being confirmed, spawned by the auth family and gone soon after; failures are met with
// backoff. It is the one writer of its address's challenges: the mail with the code commits in the challenge's
// transaction, a wrong try is counted before it is answered, and a challenge is consumed in the transaction that makes
// account and session. It never looks at whether an address has an account or is blocked, so that neither its answers nor
// its statements can tell: the transaction finds out. After a commit whose outcome is unknown it reads its challenges
// again. It panics on nothing.
//
// Limits of a day are counted on the challenges in the store; those of networks and in total in memory. Whoever meets one
// is answered as if there were none; the log and a metric tell operators.
package auth
