// Package admin checks operators' credentials.
//
// One root actor that lives as long as the process. Passwords are compared outside the mailbox, a few at a time, for
// bcrypt is slow on purpose; a pair that was right is remembered for some minutes under a keyed hash, so that an
// operator's next request costs nothing. Unknown names take as long as wrong passwords. It panics on nothing.
package admin
