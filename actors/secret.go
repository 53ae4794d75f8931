package actors

import (
	"crypto/rand"
	"encoding/hex"
)

// freshKey draws a key of 256 bits.
func freshKey() []byte {
	var b [32]byte
	// Read never fails; the runtime ends the process instead.
	_, _ = rand.Read(b[:])
	return []byte(hex.EncodeToString(b[:]))
}
