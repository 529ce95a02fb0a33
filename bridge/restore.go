package bridge

import "time"

// afterRestore says how a new delivery begins that may have been sent in a past
// the database does not know (INVARIANTS R10):
//
//   - its mail carries on_done's keyword: it was dealt with, so its message was
//     sent, or stands with a person who saw to it. It is recorded as sent, and
//     the conversation threads on from it, for ids are the same again.
//   - its mail came before the database was found to have been restored, or made
//     anew: in doubt. The look-up decides, at once, or a person.
//
// Mails that on_done moved do not come here: their folder is not watched.
func afterRestore(d *Delivery, m Mail, restored time.Time, probe bool) {
	switch {
	case m.Done:
		d.State, d.Next, d.Detail = Sent, time.Time{}, "its mail carries on_done's keyword already"
	case !restored.IsZero() && m.Received.Before(restored):
		d.State, d.Next = Doubt, time.Time{}
		d.Detail = "maybe sent before: its mail came before the database was restored (" + restored.UTC().Format("2006-01-02 15:04Z") + ")"
		if probe {
			d.Next = d.Created
		}
	}
}
