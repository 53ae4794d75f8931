package statedir

import "syscall"

func free(path string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(path, &s); err != nil {
		return 0, err
	}
	// Blocks are counted in fragments, which on some file systems are smaller than the block that is best to write.
	return int64(s.Bavail) * int64(s.Frsize), nil //nolint:unconvert // another type on 32-bit machines
}
