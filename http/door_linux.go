package http

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// handshakes is a filter of TCP segments that drops those which begin a connection (SYN without ACK, in the 14th byte
// of the header), and passes all others: a handshake that has begun is completed. Its client tries again after a
// second, and is refused by then, or taken by whoever listens next.
var handshakes = [...]unix.SockFilter{
	{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 13},
	{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: 0x12},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: 0x02, Jt: 0, Jf: 1},
	{Code: unix.BPF_RET | unix.BPF_K, K: 0},
	{Code: unix.BPF_RET | unix.BPF_K, K: 0xffffffff},
}

// refuseHandshakes lets no further connection begin, while those that have begun wait to be accepted.
func refuseHandshakes(l *net.TCPListener) error {
	filter := handshakes
	var result error
	err := control(l, func(fd int) {
		result = unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
			&unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
	})
	if err != nil {
		return err
	}
	return result
}

// readable reports whether something waits on a socket: bytes of a connection or its end, or a connection to be
// accepted.
func readable(s syscall.Conn) bool {
	ready := 0
	if control(s, func(fd int) {
		ready, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
	}) != nil {
		return false
	}
	return ready > 0
}

func control(s syscall.Conn, do func(fd int)) error {
	raw, err := s.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(func(fd uintptr) { do(int(fd)) })
}
