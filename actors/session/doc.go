// Package session knows the signed-in devices.
//
// The Table holds every live session, warmed by one query at the start and written only after a commit; look-ups read
// it and activate nothing. A session's actor is spawned by the sessions family when its device is used, renamed or revoked;
// it keeps when the device was last seen, hands that now and then to the batch that stores it for many at once, and
// ends when the device has been idle; its failures are met with backoff. It panics on nothing. An unknown id never makes
// an actor.
//
// A revocation is committed first; then the session leaves the table and gateways are told; then it is answered. A
// session whose birth is heard of after its end stays ended.
package session
