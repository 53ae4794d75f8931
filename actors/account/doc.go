// Package account keeps players' accounts in memory while they are used, and is the one writer of their rows.
//
// An account's actor is spawned by the accounts family on the first message for its player, reads the row once, and
// ends when nobody has asked for a while; its failures are met with backoff. It answers from memory, so a read costs no
// statement. A command is decided by galaxy, committed under the row's version, and only then adopted: the table of
// Rights, which is warmed at the start and answers what a player may do, is written here alone.
//
// A deletion is a cascade of steps, each of which can be done twice. The row says which is next, so that after a crash
// the sweeper's Look goes on with it. What asks other actors runs outside the mailbox.
//
// A row that cannot be read is the asker's error and is tried again with the next message; it panics on nothing.
package account
