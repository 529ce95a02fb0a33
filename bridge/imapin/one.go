package imapin

import (
	"context"
	"fmt"

	"ticketbridge/bridge"
	"ticketbridge/bridge/imaplink"
)

// One fetches a single mail on a connection of its own, without a trace in the
// mailbox: one that was too large when it came, with a larger cfg.MaxSize.
func One(ctx context.Context, cfg Config, at bridge.Source) (bridge.Mail, error) {
	mail := bridge.Mail{Source: at}
	l, err := connect(ctx, cfg, imaplink.Dial)
	if err != nil {
		return mail, err
	}
	defer l.Close()
	box, err := l.openFolder(at.Folder, true)
	if err != nil {
		return mail, err
	}
	if box.UIDValidity != at.UIDValidity {
		return mail, fmt.Errorf("folder %s: its mails were numbered anew (UIDVALIDITY %d, was %d), so UID %d may be any mail", imaplink.Printable(at.Folder, 80), box.UIDValidity, at.UIDValidity, at.UID)
	}
	uids := []uint32{at.UID}
	sizes, err := l.ask(askSize, uids, 0)
	if err != nil {
		return mail, err
	}
	a, ok := sizes[at.UID]
	if !ok {
		return mail, fmt.Errorf("folder %s: UID %d is not there any more", imaplink.Printable(at.Folder, 80), at.UID)
	}
	mail.Received, mail.Size = a.received, a.size
	if a.size > int64(cfg.MaxSize) {
		return mail, fmt.Errorf("it is %s long, more than %s", bridge.Size(a.size), cfg.MaxSize)
	}
	bodies, err := l.ask(askBody, uids, 2*a.size)
	if err != nil {
		return mail, err
	}
	if a, ok = bodies[at.UID]; !ok {
		return mail, fmt.Errorf("folder %s: UID %d is not there any more", imaplink.Printable(at.Folder, 80), at.UID)
	}
	mail.Raw = a.body
	l.Logout()
	return mail, nil
}
