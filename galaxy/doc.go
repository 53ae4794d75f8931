// Package galaxy holds the rules of the service: its types, the decisions about them, the error codes
// and the catalogue of notices. It does no I/O, reads no clock and knows no actors: every decision is a
// function of what it is given, and says what is to be stored.
package galaxy
