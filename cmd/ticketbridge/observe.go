package main

import (
	"ticketbridge/bridge"
	"ticketbridge/bridge/imapin"
	"ticketbridge/bridge/status"
)

// observe tells the status page, the mailboxes and the hooks of what happens.
func (d *daemon) observe(h hooks) {
	d.ingest.Observe = func(m bridge.MailRecord) {
		d.page.MailRecorded(m)
		if h.recorded != nil {
			h.recorded(m)
		}
	}
	d.sender.Observe = func(s bridge.Settlement) {
		d.page.AttemptSettled(s)
		if s.State == bridge.Sent || s.State == bridge.Confirmed {
			for _, m := range d.mailboxes {
				m.Sent()
			}
		}
		if h.settled != nil {
			h.settled(s)
		}
	}
}

// folders tells the status page how the watching goes.
func (d *daemon) folders() []status.Folder {
	look := map[string]bridge.Duration{}
	for _, m := range d.cfg.Mailboxes {
		look[m.Name] = m.Poll
	}
	var fs []status.Folder
	for _, s := range d.statuses() {
		fs = append(fs, status.Folder{
			Mailbox: s.Mailbox, Folder: s.Folder, Standby: s.Standby, Connected: s.Connected, Since: s.Since, Idle: s.Idle, Woken: s.Woken,
			LookEvery: look[s.Mailbox].D(), Behind: s.Behind, Err: s.Err, ErrSince: s.ErrAt, RetryAt: s.RetryAt, OnDoneErr: s.OnDoneErr, SetAside: s.SetAside, Sessions: s.Sessions,
		})
	}
	return fs
}

func (d *daemon) statuses() []imapin.Status {
	var all []imapin.Status
	for _, m := range d.mailboxes {
		all = append(all, m.Statuses()...)
	}
	return all
}
