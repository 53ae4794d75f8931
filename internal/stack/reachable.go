package stack

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
)

// reachable gives a directory for a server that gives up being root: dir itself, unless one of its parents is closed to
// other accounts; then one below the system's directory for lasting temporary files, always the same for dir.
func reachable(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil || os.Geteuid() != 0 {
		return dir, err
	}
	for parent := filepath.Dir(dir); ; parent = filepath.Dir(parent) {
		info, err := os.Stat(parent)
		if err != nil {
			return "", err
		}
		if info.Mode().Perm()&0o001 == 0 {
			sum := sha256.Sum256([]byte(dir))
			return filepath.Join("/var/tmp", "galaxy-"+hex.EncodeToString(sum[:6])), nil
		}
		if parent == filepath.Dir(parent) {
			return dir, nil
		}
	}
}

// Remove removes a stack's data directory with everything that belongs to it.
func Remove(dir string) error {
	cluster, err := reachable(filepath.Join(dir, "postgres"))
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	for _, path := range []string{cluster, cluster + ".log", dir} {
		if path != "" {
			if err := os.RemoveAll(path); err != nil {
				return err
			}
		}
	}
	return nil
}
