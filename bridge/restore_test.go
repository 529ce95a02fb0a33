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
		along    bool
		restored time.Time
		probe    bool
		want     DeliveryState
		detail   string
	}{
		"never restored":        {before, false, time.Time{}, false, Ready, ""},
		"came before":           {before, false, restored, false, Doubt, "2026-11-24 12:00Z"},
		"looked for":            {before, true, restored, true, Doubt, "2026-11-24 12:00Z"},
		"came after":            {after, false, restored, true, Ready, ""},
		"with our keyword":      {marked, false, restored, true, Sent, "keyword"},
		"with it, and no cause": {marked, false, time.Time{}, false, Sent, "keyword"},
		"it tells others along": {marked, true, restored, false, Doubt, "along"},
		"and looked for":        {marked, true, time.Time{}, true, Doubt, "along"},
	} {
		d := Delivery{State: Ready, Next: restored, Created: restored}
		afterRestore(&d, tc.mail, tc.along, tc.restored, tc.probe)
		if d.State != tc.want || !strings.Contains(d.Detail, tc.detail) || d.Next.IsZero() == (tc.want == Ready || tc.want == Doubt && tc.probe) {
			t.Errorf("%s: %s %q, due %v", name, d.State, d.Detail, d.Next)
		}
	}
}
