//go:build !linux

package stack

import "syscall"

// attributes keep the terminal's Ctrl-C from the child.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
