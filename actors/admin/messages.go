package admin

import "galaxy/backend/actors/kit"

// Verify checks Basic Auth credentials: kit.Done, or galaxy.Unauthorized. The password is hashed outside the
// mailbox, and a verified pair is remembered for some minutes as a keyed hash.
type Verify struct {
	kit.Returns[kit.Done]
	Username string
	Password string
}
