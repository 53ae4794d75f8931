//go:build !linux

package process

import (
	"os/exec"
	"strconv"
	"strings"
)

// born gives when a process started, as ps tells it; empty when there is no such process, or only its remains.
func born(pid int) string {
	out, err := exec.Command("ps", "-o", "state=,lstart=", "-p", strconv.Itoa(pid)).Output()
	text := strings.TrimSpace(string(out))
	if err != nil || text == "" || strings.HasPrefix(text, "Z") {
		return ""
	}
	return text[strings.IndexByte(text, ' ')+1:]
}
