// Package auth signs players in by codes mailed to them.
//
// An actor per e-mail address being signed in, spawned by the auth family and gone soon after; failures are met with
// backoff. It is the one writer of its address's challenges: the mail with the code commits in the challenge's
// transaction, a wrong try is counted before it is answered, and a challenge is consumed in the transaction that makes
// account and session. It never looks at whether an address has an account, so that its answers cannot tell. After a
// commit whose outcome is unknown it reads its challenges again. It panics on nothing.
package auth
