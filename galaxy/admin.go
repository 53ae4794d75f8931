package galaxy

import (
	"regexp"
	"slices"
	"time"
	"unicode/utf8"
)

// AdminAccount is one operator.
type AdminAccount struct {
	Username     string
	Version      int64
	PasswordHash []byte // bcrypt
	Enabled      bool
	CreatedAt    time.Time
	UpdatedAt    time.Time
	CreatedBy    string
	Idempotency  Idempotency
}

var adminName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// CheckAdminName refuses what is no operator's user name.
func CheckAdminName(s string) error {
	if !adminName.MatchString(s) {
		return Errorf(InvalidRequest, "username must be 1 to 64 lower-case letters, digits, dots, dashes and underscores, and begin with a letter or digit")
	}
	return nil
}

// The bounds of an operator's password. The upper one is bcrypt's own.
const (
	minAdminPassword = 12
	MaxAdminPassword = 72
)

// CheckAdminPassword refuses a password that is too short, or that bcrypt would cut off.
func CheckAdminPassword(s string) error {
	if utf8.RuneCountInString(s) < minAdminPassword || len(s) > MaxAdminPassword {
		return Errorf(InvalidRequest, "password must have at least %d characters and at most %d bytes", minAdminPassword, MaxAdminPassword)
	}
	return nil
}

// Disable decides whether an operator may be shut out, knowing all operators: somebody must be left.
func (a AdminAccount) Disable(all []AdminAccount, at time.Time) (AdminAccount, error) {
	if !a.Enabled {
		return a, nil
	}
	if !slices.ContainsFunc(all, func(o AdminAccount) bool { return o.Enabled && o.Username != a.Username }) {
		return a, Errorf(Conflict, "%s is the last enabled operator", a.Username)
	}
	a.Enabled, a.UpdatedAt = false, at
	return a, nil
}

// Audit is the line about something done to an operator's account.
func (a AdminAccount) Audit(by By, action string) Audit {
	return Audit{By: by.Principal, Action: action, Subject: "admin:" + a.Username, RequestID: by.RequestID}
}
