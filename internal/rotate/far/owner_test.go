package far_test

import (
	"os"
	"syscall"
	"testing"
)

// uid returns whose a file is.
func uid(t *testing.T, path string) uint32 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Uid
}
