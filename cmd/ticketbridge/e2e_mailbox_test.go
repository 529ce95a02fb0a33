package main

import (
	"testing"

	"ticketbridge/bridge/realtest"
)

// uidValidity of a folder.
func uidValidity(t *testing.T, m *realtest.Mailbox, folder string) uint32 {
	t.Helper()
	box, err := m.Dial(t).Select(folder, nil).Wait()
	if err != nil {
		t.Fatal(err)
	}
	return box.UIDValidity
}

// recreate deletes a folder and makes it again.
func recreate(t *testing.T, m *realtest.Mailbox, folder string) {
	t.Helper()
	c := m.Dial(t)
	if err := c.Delete(folder).Wait(); err != nil {
		t.Fatal(err)
	}
	if err := c.Create(folder, nil).Wait(); err != nil {
		t.Fatal(err)
	}
}

// TestR6Recreated: a folder is deleted, made again and filled from a backup in
// another order, once under a new UIDVALIDITY, once under the old one with its
// UIDs used again. What was a ticket raises none; what came with it does.
func TestR6Recreated(t *testing.T) {
	for _, database := range databases {
		for _, same := range []bool{false, true} {
			name := database + "/new UIDVALIDITY"
			if same {
				name = database + "/the same UIDVALIDITY"
			}
			t.Run(name, func(t *testing.T) {
				w := newWorld(t, database)
				w.sink = newSink(t)
				w.extra["mailbox"] = `folders = ["Chats"]`
				w.ann.Create(t, "Chats")
				w.ben.Create(t, "Chats")
				a, b, c := asks(1, 10, "a", "one"), asks(2, 10, "b", "two"), asks(3, 10, "c", "three")
				daemon := w.start(t, "")
				w.ann.Append(t, "Chats", a, b, c)
				w.sink.await(t, 3)
				daemon.stop(t)

				was := uidValidity(t, w.ann, "Chats")
				recreate(t, w.ann, "Chats")
				w.ann.Append(t, "Chats", c, asks(4, 10, "d", "four"), a, b)
				if same {
					w.ann.SetUIDValidity(t, "Chats", was)
				} else if uidValidity(t, w.ann, "Chats") == was {
					t.Fatal("UIDVALIDITY did not change")
				}
				daemon = w.start(t, "")
				w.sink.await(t, 4)
				eventually(t, "all read again", func() bool { return w.states(t, "mails")["ignored"] == 3 })
				daemon.stop(t)
				if got := w.states(t, "mails"); w.sink.count() != 4 || got["ticket"] != 4 || got["ignored"] != 3 {
					t.Errorf("%d messages, mails %v; want 4 tickets, and 3 seen again", w.sink.count(), got)
				}
			})
		}
	}
}

// TestR8SameID: one Message-ID and two contents are two tickets; one content in
// several places is one.
func TestR8SameID(t *testing.T) {
	for _, database := range databases {
		t.Run(database, func(t *testing.T) {
			w := newWorld(t, database)
			w.sink = newSink(t)
			w.extra["mailbox"] = `folders = ["INBOX", "Chats"]`
			w.ann.Create(t, "Chats")
			w.ben.Create(t, "Chats")
			one, two := asks(1, 10, "same", "one"), asks(2, 10, "same", "two")
			w.ann.Append(t, "INBOX", one, two, one)
			w.ann.Append(t, "Chats", two)
			w.ben.Append(t, "INBOX", one)
			daemon := w.launch(t, "")
			w.sink.await(t, 2)
			eventually(t, "all recorded", func() bool { return w.states(t, "mails")["ignored"] == 3 })
			daemon.stop(t)
			if got := w.states(t, "mails"); w.sink.count() != 2 || got["ticket"] != 2 {
				t.Errorf("%d messages, mails %v; want 2 tickets and 3 copies", w.sink.count(), got)
			}
		})
	}
}
