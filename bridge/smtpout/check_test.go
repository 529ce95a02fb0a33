package smtpout

import (
	"strings"
	"testing"
	"testing/synctest"
)

// TestCheckAsks: MAIL and RCPT as an attempt says them, never DATA, and one line
// about what is refused.
func TestCheckAsks(t *testing.T) {
	const usual = "EHLO MAIL RCPT RSET QUIT"
	for _, tc := range []struct {
		name    string
		sc      script
		want    string // of the error
		verbs   string
		maxSize int64
	}{
		{"taken", script{ext: []string{"SIZE 35000000", "DSN"}}, "", usual, 35e6},
		{"no limit told", script{ext: []string{"SIZE"}}, "", usual, 0},
		{"no such mailbox", script{instead: map[string]string{"RCPT": "550 5.1.1 no such user\r\n"}},
			"mail.example.com:25: refuses mail to <support@example.com>: 550 5.1.1 no such user (correct the address, or give a server that takes mail for it)", usual, 0},
		{"no relay", script{instead: map[string]string{"RCPT": "554 5.7.1 relay access denied\r\n"}},
			"refuses mail to <support@example.com>: 554 5.7.1 relay access denied (it does not relay there: want a login", usual, 0},
		{"wants a login", script{instead: map[string]string{"MAIL": "530 5.7.0 authentication required\r\n"}},
			"refuses mail from <bounce+check@example.com>: 530 5.7.0 authentication required (it wants a login", "EHLO MAIL RSET QUIT", 0},
		{"not your domain", script{instead: map[string]string{"MAIL": "553 5.7.1 not owned by user\r\n"}},
			"refuses mail from <bounce+check@example.com>: 553 5.7.1 not owned by user (let this login send from that domain, or correct domain)", "EHLO MAIL RSET QUIT", 0},
		{"greylisted", script{instead: map[string]string{"RCPT": "451 4.7.1 come back later\r\n"}},
			"451 4.7.1 come back later (it may be so for a moment only", usual, 0},
		{"too small", script{ext: []string{"SIZE 1000"}}, "the server takes at most 1000 (SIZE)", "EHLO QUIT", 1000},
		{"goes away", script{at: atRcpt, fault: "EOF"}, "mail.example.com:25: the server closed the connection", "EHLO MAIL RCPT", 0},
		{"hangs", script{at: atRcpt, fault: "hang"}, "mail.example.com:25: no answer in time (rcpt)", "EHLO MAIL RCPT", 0},
		{"talks nonsense to RSET", script{instead: map[string]string{"RSET": "hello\r\n"}}, "mail.example.com:25: ", "EHLO MAIL RCPT RSET", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sc := tc.sc
				sc.log, sc.tls = &transcript{}, "none"
				tr := New(config("mail.example.com", 0, "none", identity{}))
				tr.dial = pipeDial(t, sc.serve)
				defer tr.Close()
				offer, err := tr.Check(t.Context(), trialFrom, trialTo)
				switch {
				case tc.want == "" && err != nil:
					t.Error(err)
				case tc.want != "" && err == nil:
					t.Error("nothing found")
				case err != nil && (!strings.Contains(err.Error(), tc.want) || strings.ContainsAny(err.Error(), "\r\n")):
					t.Errorf("got %q, want %q", err, tc.want)
				}
				synctest.Wait()
				if got := sc.log.verbs(); got != tc.verbs || offer.MaxSize != tc.maxSize {
					t.Errorf("said %s, want %s; offer %+v", got, tc.verbs, offer)
				}
			})
		})
	}
}
