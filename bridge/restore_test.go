package bridge

import (
	"strings"
	"testing"
	"time"
)

func TestAfterRestore(t *testing.T) {
	restored := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	before, after := Mail{Received: restored.Add(-time.Second)}, Mail{Received: restored}
	marked := before
	marked.Done = true
	for name, tc := range map[string]struct {
		mail     Mail
		restored time.Time
		probe    bool
		want     DeliveryState
		detail   string
	}{
		"never restored":        {before, time.Time{}, false, Ready, ""},
		"came before":           {before, restored, false, Doubt, "2026-11-24 12:00Z"},
		"looked for":            {before, restored, true, Doubt, "2026-11-24 12:00Z"},
		"came after":            {after, restored, true, Ready, ""},
		"with our keyword":      {marked, restored, true, Sent, "keyword"},
		"with it, and no cause": {marked, time.Time{}, false, Sent, "keyword"},
	} {
		d := Delivery{State: Ready, Next: restored, Created: restored}
		afterRestore(&d, tc.mail, tc.restored, tc.probe)
		if d.State != tc.want || !strings.Contains(d.Detail, tc.detail) || d.Next.IsZero() == (tc.want == Ready || tc.want == Doubt && tc.probe) {
			t.Errorf("%s: %s %q, due %v", name, d.State, d.Detail, d.Next)
		}
	}
}
