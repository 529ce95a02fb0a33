package sqlstore_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"ticketbridge/bridge/realtest"
)

// TestMain runs the tests or, as a child of one, what that test wants to happen
// in another process.
func TestMain(m *testing.M) {
	if name := os.Getenv(childVariable); name != "" {
		if err := children[name](os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(realtest.Run(m))
}

const childVariable = "TICKETBRIDGE_TEST_CHILD"

var children = map[string]func(args []string) error{
	"daemon":  daemonChild,
	"disk":    diskChild,
	"upgrade": upgradeChild,
}

// child is this test binary as another process. What it writes to stderr goes
// to the test's log when it fails.
func child(t *testing.T, name string, args ...string) (*exec.Cmd, *strings.Builder) {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), childVariable+"="+name)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	t.Cleanup(func() {
		if t.Failed() && stderr.Len() > 0 {
			t.Logf("%s: %s", name, stderr.String())
		}
	})
	return cmd, &stderr
}
