package galaxy

import (
	"errors"
	"fmt"
	"time"
)

// Code is what a caller can act on. The REST surface maps each code to one status.
type Code string

// The codes of the REST surface.
const (
	InvalidRequest     Code = "invalid_request"
	Unauthorized       Code = "unauthorized"
	Forbidden          Code = "forbidden"
	NotFound           Code = "subject_not_found"
	MethodNotAllowed   Code = "method_not_allowed"
	Conflict           Code = "conflict"
	TurnAlreadyClosed  Code = "turn_already_closed"
	PatchOnly          Code = "semver_patch_only"
	PayloadTooLarge    Code = "payload_too_large"
	EligibilityDenied  Code = "eligibility_denied"
	NameTaken          Code = "name_taken"
	NameWindowExpired  Code = "race_name_pending_window_expired"
	NameQuotaExceeded  Code = "race_name_registration_quota_exceeded"
	TooManyRequests    Code = "too_many_requests"
	Internal           Code = "internal_error"
	ServiceUnavailable Code = "service_unavailable"
	Timeout            Code = "timeout"
)

// Error is a refusal or failure that a caller hears of: a code, a message a stranger can act on, and
// a cause that only the log sees.
type Error struct {
	Code    Code
	Message string
	Details map[string]any
	// RetryAfter, when positive, tells the caller how long to wait.
	RetryAfter time.Duration
	Cause      error
}

// Errorf makes an Error. A %w verb sets the cause, which is not part of the message a caller sees
// when it is wrapped with Because instead.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), Cause: errors.Unwrap(err)}
}

// Because keeps cause for the log; the caller sees only code and message.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.Cause = cause
	return &c
}

// With adds a detail that the caller sees.
func (e *Error) With(key string, value any) *Error {
	c := *e
	c.Details = map[string]any{key: value}
	for k, v := range e.Details {
		c.Details[k] = v
	}
	return &c
}

func (e *Error) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Message, e.Cause)
	}
	return string(e.Code) + ": " + e.Message
}

func (e *Error) Unwrap() error { return e.Cause }

// CodeOf gives the code of the first Error in err's chain, and Internal for any other error.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Internal
}

// Is reports whether err carries code.
func Is(err error, code Code) bool { return err != nil && CodeOf(err) == code }

// message gives what a caller would hear of err.
func message(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Message
	}
	return err.Error()
}
