package stack

import "syscall"

// attributes keep the terminal's Ctrl-C from the child, and end it when its parent dies.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
