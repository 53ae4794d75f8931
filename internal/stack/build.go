package stack

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Binaries are the programs of the project.
type Binaries struct{ Backend, Engine string }

// Build builds them into dir, from the sources that the caller is part of. flags go to the go command.
func Build(ctx context.Context, dir string, flags ...string) (Binaries, error) {
	root, err := sources(ctx)
	if err != nil {
		return Binaries{}, err
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return Binaries{}, err
	}
	b := Binaries{Backend: filepath.Join(dir, "backend"), Engine: filepath.Join(dir, "engine")}
	if err := build(ctx, root, b.Backend, "./cmd/backend", os.Environ(), flags); err != nil {
		return b, err
	}
	// The engine's image has nothing but the engine.
	return b, build(ctx, root, b.Engine, "./cmd/engine", append(os.Environ(), "CGO_ENABLED=0"), nil)
}

func build(ctx context.Context, root, out, what string, env, flags []string) error {
	cmd := exec.CommandContext(ctx, "go", append(append([]string{"build", "-o", out}, flags...), what)...)
	cmd.Dir, cmd.Env = root, env
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", what, err, bytes.TrimSpace(text))
	}
	return nil
}

func sources(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-f", "{{.Module.Dir}}", "galaxy/backend").Output()
	if err != nil {
		return "", fmt.Errorf("this must be run inside the project, with Go installed: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}
