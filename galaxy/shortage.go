package galaxy

import (
	"errors"
	"net"
	"strings"
	"syscall"
)

// exhausted is what the system says when this process, or its machine, has run out of what any work needs: file
// descriptors, memory, buffers, processes, local ports.
var exhausted = []syscall.Errno{
	syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.ENOBUFS, syscall.EAGAIN, syscall.EINTR, syscall.EADDRNOTAVAIL,
}

// Exhausted reports whether err says that this process or its machine has run out of something. That is no answer of
// whoever was to be called, and no news of whatever was to be read.
func Exhausted(err error) bool {
	for _, errno := range exhausted {
		if errors.Is(err, errno) {
			return true
		}
	}
	// A failed look-up keeps only the words of what went wrong.
	var dns *net.DNSError
	return errors.As(err, &dns) && saysExhausted(dns.Err)
}

func saysExhausted(text string) bool {
	for _, errno := range exhausted {
		if strings.Contains(text, errno.Error()) {
			return true
		}
	}
	return false
}
