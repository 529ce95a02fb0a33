package main

import (
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ticketbridge/bridge/killpoint"
	"ticketbridge/bridge/realtest"
)

// TestMain shows times the same everywhere, and finds what commands leave
// running. Called by startProcess it is the program itself.
func TestMain(m *testing.M) {
	switch {
	case killpoint.Asked():
		mortalMain()
	case os.Getenv(crashAt) != "":
		crashingMain(os.Getenv(crashAt))
	case os.Getenv(asProgram) != "":
		main()
	}
	time.Local = time.UTC
	goleak.VerifyTestMain(realServers{m})
}

// realServers ends the servers of the end-to-end tests with the tests.
type realServers struct{ *testing.M }

func (m realServers) Run() int { return realtest.Run(m.M) }
