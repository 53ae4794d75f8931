package logsink

import "golang.org/x/sys/unix"

// room is how much of a crash's report a pipe holds without a reader: as much as anybody may ask for.
const room = 1 << 20

// unblockStderr gives the process its own description of a pipe behind stderr, which does not block. The runtime writes
// a crash's report there with every goroutine halted: with a full pipe the process would neither run nor end. Other
// holders of the pipe are not affected. Where it is not possible, everything stays as it is.
func unblockStderr() {
	var about unix.Stat_t
	if unix.Fstat(unix.Stderr, &about) != nil || about.Mode&unix.S_IFMT != unix.S_IFIFO {
		return
	}
	fd, err := unix.Open("/proc/self/fd/2", unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	if size, err := unix.FcntlInt(uintptr(fd), unix.F_GETPIPE_SZ, 0); err == nil && size < room {
		_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETPIPE_SZ, room)
	}
	_ = unix.Dup3(fd, unix.Stderr, 0)
	_ = unix.Close(fd)
}
