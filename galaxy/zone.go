package galaxy

import (
	"errors"
	"slices"
	"syscall"
	"time"
)

// maxZone bounds the name of a time zone; the contract allows as much.
const maxZone = 64

// locate finds a time zone. The binaries carry a copy of all zones, which is used for those that the machine lacks or
// cannot read.
var locate = time.LoadLocation

// absent are what the machine answers for a name that is no zone's. Any other answer says something about the machine.
var absent = []syscall.Errno{syscall.ENOENT, syscall.ENOTDIR, syscall.EISDIR, syscall.ENAMETOOLONG, syscall.EINVAL,
	syscall.ELOOP}

// loadZone gives a time zone by its IANA name; the empty one is UTC. A name that is none is refused with
// InvalidRequest, and one that cannot be read just now, as when the process is out of file descriptors, with
// ServiceUnavailable.
func loadZone(field, name string) (*time.Location, error) {
	if len(name) > maxZone || name == "Local" {
		return nil, Errorf(InvalidRequest, "%s is not a known IANA time zone", field)
	}
	zone, err := locate(name)
	var errno syscall.Errno
	switch {
	case err == nil:
		return zone, nil
	case errors.As(err, &errno) && !slices.Contains(absent, errno):
		return nil, Errorf(ServiceUnavailable, "%s cannot be read just now; try again shortly", field).Because(err)
	}
	return nil, Errorf(InvalidRequest, "%s is not a known IANA time zone", field).Because(err)
}

// CheckTimeZone refuses what is not the name of an IANA time zone.
func CheckTimeZone(s string) error {
	if s == "" {
		return Errorf(InvalidRequest, "time_zone must be an IANA time zone, such as Europe/Berlin")
	}
	_, err := loadZone("time_zone", s)
	return err
}
