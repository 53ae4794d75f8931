// Package account keeps players' accounts in memory while they are used.
//
// An account's actor is spawned by the accounts family on the first message for its player, reads the row once, and
// ends when nobody has asked for a while; its failures are met with backoff. It answers from memory, so a read costs no
// statement. A row that cannot be read is the asker's error and is tried again with the next message; it panics on
// nothing.
package account
