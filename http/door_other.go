//go:build !linux

package http

import (
	"errors"
	"net"
	"syscall"
)

// refuseHandshakes needs Linux: elsewhere a connection that is made in the moment of a stop may be reset.
func refuseHandshakes(*net.TCPListener) error { return errors.ErrUnsupported }

func readable(syscall.Conn) bool { return false }
