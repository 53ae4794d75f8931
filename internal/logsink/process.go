package logsink

import (
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Survive keeps the process alive when the reader of its stdout or stderr has gone: a write fails then, where it would
// end the process otherwise. The signal is caught rather than ignored, since child processes inherit what is ignored.
// It also keeps a crash from waiting for the reader of stderr, where the system allows that.
func Survive() {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	unblockStderr()
}

// Say writes text for a process that is about to end, and waits for it for a second at most.
func Say(out io.Writer, text string) {
	said := make(chan struct{})
	go func() {
		defer close(said)
		_, _ = io.WriteString(out, text)
	}()
	select {
	case <-said:
	case <-time.After(syncTimeout):
	}
}
