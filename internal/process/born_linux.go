package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// born gives when a process started, in the kernel's words: boot id and clock ticks. Empty when there is no such
// process, or only its remains. That it cannot be read says nothing about the process.
func born(pid int) (string, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		if _, err := os.Stat("/proc/self/stat"); err != nil {
			return "", fmt.Errorf("processes cannot be told apart without /proc: %w", err)
		}
		return "", nil
	}
	if err != nil {
		return "", err
	}
	// The second field is the program's name in parentheses, which may hold anything.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return "", nil
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(boot)) + "/" + fields[19], nil
}
