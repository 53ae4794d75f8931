package notify

// Wake tells that notices have been stored. It may be lost: the worker also looks at an interval.
type Wake struct{}

// passed is the result of one pass over due routes.
type passed struct {
	claimed int
	mailed  bool
	err     error
}
