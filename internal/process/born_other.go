//go:build !linux

package process

import (
	"errors"
	"os/exec"
	"strconv"
	"strings"
)

// born gives when a process started, as ps tells it; empty when there is no such process, or only its remains. That
// it cannot be read says nothing about the process.
func born(pid int) (string, error) {
	out, err := exec.Command("ps", "-o", "state=,lstart=", "-p", strconv.Itoa(pid)).Output()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || len(exit.Stderr) > 0) {
		return "", err
	}
	text := strings.TrimSpace(string(out))
	if err != nil || text == "" || strings.HasPrefix(text, "Z") {
		return "", nil
	}
	return text[strings.IndexByte(text, ' ')+1:], nil
}
