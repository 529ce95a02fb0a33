package bridge

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// invariants lists which tests hold what was promised of mails (the R numbers are
// those of the specification), by directory. Those not listed have campaigns of
// their own in the Makefile, or none yet.
var invariants = map[string][]string{
	"R4":  {"sqlstore.TestSQLiteDurable", "sqlstore.TestPostgresDurable", "sqlstore.TestServerFaults", "sqlstore.TestKill", "ticketbridge.TestCrashPoints", "imapin.TestMarkedOnceSent"},
	"R5":  {"imapin.TestDovecotPeople", "imapin.TestDovecotOnDone", "ticketbridge.TestWholeWay"},
	"R6":  {"ticketbridge.TestR6Recreated", "ticketbridge.TestUIDValidityChange", "imapin.TestDovecotUIDVALIDITY", "imapin.TestRescan"},
	"R7":  {"imapin.TestDovecotPeople", "imapin.TestExpungedBetweenSizeAndBody", "imapin.TestChaos"},
	"R8":  {"ticketbridge.TestR8SameID"},
	"R9":  {"ticketbridge.TestR9TwoDaemons", "bridge.TestStoppedDaemonSendsNothingTwice", "bridge.TestStaleClaimIsNotBegun", "sqlstore.TestLostAnswer"},
	"R10": {"ticketbridge.TestR10", "ticketbridge.TestR10NoFlood", "sqlstore.TestR10Restored", "sqlstore.TestR10Lost", "sqlstore.TestR10RestoredUnderneath", "sqlstore.TestR10StateDirCopied"},
	"R11": {"sqlstore.TestR11Disk", "sqlstore.TestLocked", "sqlstore.TestServerFaults", "bridge.TestStoreDown", "ticketbridge.TestServersRestart"},
	"R13": {"bridge.TestGivesUpAfterFiveDays", "imapin.TestPoisonMail"},
	"R15": {"imapin.TestBlackHole", "imapin.TestIdleIsRefreshed", "imapin.TestPollFindsWhatWasNotAnnounced"},
	"R16": {"imapin.TestWrongPassword", "imapin.TestDovecotWrongPassword", "bridge.TestRefusedLoginIsNotHammered"},
	"R17": {"imapin.TestThrottling", "imapin.TestAlwaysThrottled"},
	"R18": {"ticketbridge.TestServeProcess", "ticketbridge.TestSecondSignalKills", "bridge.TestStopWaitsForDATA", "bridge.TestJudgeSurvivesAPanic", "imapin.TestHandlerPanics"},
	"R19": {"sqlstore.TestMigrate", "sqlstore.TestFrozenSchemas", "sqlstore.TestR19KilledWhileUpgrading"},
	"R20": {"sqlstore.TestVerify", "sqlstore.TestVerifyBesideWriters"},
}

// TestInvariantsHaveTests: the list above is true.
func TestInvariantsHaveTests(t *testing.T) {
	declared := map[string]bool{}
	test := regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)
	for _, pattern := range []string{"*_test.go", "*/*_test.go", "../cmd/*/*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			dir := filepath.Base(filepath.Dir(f))
			if dir == "." {
				dir = "bridge"
			}
			for _, m := range test.FindAllSubmatch(text, -1) {
				declared[dir+"."+string(m[1])] = true
			}
		}
	}
	for r, tests := range invariants {
		for _, name := range tests {
			if !declared[name] {
				t.Errorf("%s: there is no %s", r, name)
			}
		}
	}
}
