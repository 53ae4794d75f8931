package mail

// Wake tells that a mail has been queued. It may be lost: workers also look at an interval.
type Wake struct{}
