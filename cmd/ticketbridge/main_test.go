package main

import (
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain shows times the same everywhere, and finds what commands leave
// running. Called by startProcess it is the program itself.
func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	time.Local = time.UTC
	goleak.VerifyTestMain(m)
}
