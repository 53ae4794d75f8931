//go:build !linux

package postgres

import (
	"errors"
	"os"
	"syscall"
)

func owner() (*syscall.Credential, error) {
	if os.Geteuid() == 0 {
		return nil, errors.New("PostgreSQL does not run as root: start this as an ordinary user")
	}
	return nil, nil
}

func attributes(who *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: who, Setpgid: true}
}
