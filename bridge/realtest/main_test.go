package realtest

import (
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	if how := os.Getenv("REALTEST_CHILD"); how != "" {
		child(how) // see watchdog_test.go
	}
	os.Exit(Run(m))
}
