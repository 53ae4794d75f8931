// Package session knows the signed-in devices.
//
// The Table holds every live session, warmed by one query at the start and written only after a commit; look-ups read
// it and activate nothing. A session's actor is spawned by the sessions family when its device is used, keeps when that
// was, stores it now and then, and ends when the device has been idle; its failures are met with backoff. It panics on
// nothing: a time that could not be stored is stored with the next one. An unknown id never makes an actor.
package session
