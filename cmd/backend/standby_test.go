package main

import (
	"context"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAPortThatAChildStillSharesIsWaitedFor(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	shared, err := l.(*net.TCPListener).File()
	require.NoError(t, err)
	child := exec.Command("/bin/sh", "-c", "read -r go")
	child.ExtraFiles = []*os.File{shared}
	in, err := child.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	require.NoError(t, shared.Close())
	require.NoError(t, l.Close())
	_, err = net.Listen("tcp", l.Addr().String())
	require.ErrorIs(t, err, syscall.EADDRINUSE)

	time.AfterFunc(50*time.Millisecond, func() { _ = in.Close() })
	s, err := standBy(t.Context(), l.Addr().String())
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, s.stop(ctx))
	require.Error(t, child.Wait())
}

func TestAPortThatIsTakenIsAnError(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = standBy(ctx, l.Addr().String())
	require.ErrorIs(t, err, syscall.EADDRINUSE)
}
