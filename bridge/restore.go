package bridge

import "time"

// afterRestore says how a new delivery begins that may have been sent in a past
// the database does not know (INVARIANTS R10):
//
//   - its mail carries on_done's keyword: what it says was sent, for the mailbox is
//     marked after that. It is recorded as sent, and the conversation threads on
//     from it, for ids are the same again. What others say that are told along was
//     sent too, or came later, so that is in doubt.
//   - its mail came before the database was found to have been restored, or made
//     anew: in doubt. The look-up decides, at once, or a person.
//
// Mails that on_done moved do not come here: their folder is not watched.
func afterRestore(d *Delivery, m Mail, along bool, restored time.Time, probe bool) {
	switch {
	case m.Done && !along:
		d.State, d.Next, d.Detail = Sent, time.Time{}, "its mail carries on_done's keyword already"
		return
	case m.Done:
		d.Detail = "maybe sent before: its mail carries on_done's keyword, but it tells others along"
	case !restored.IsZero() && m.Received.Before(restored):
		d.Detail = "maybe sent before: its mail came before the database was restored (" + restored.UTC().Format("2006-01-02 15:04Z") + ")"
	default:
		return
	}
	d.State, d.Next = Doubt, time.Time{}
	if probe {
		d.Next = d.Created
	}
}
