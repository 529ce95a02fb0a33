package imapin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"

	"ticketbridge/bridge/imaplink"
)

// Check connects, logs in and looks at everything the config names, without
// changing or reading any mail. Each line of the error is one problem.
func Check(ctx context.Context, cfg Config) error {
	if err := errors.Join(cfg.Problems()...); err != nil {
		return err
	}
	l, err := connect(ctx, cfg, imaplink.Dial)
	if err != nil {
		return err
	}
	defer l.Close()
	want, err := cfg.onDone()
	if err != nil {
		return err
	}
	var errs []error
	for _, folder := range cfg.Folders {
		errs = append(errs, l.checkFolder(folder, want))
	}
	if want.move != "" {
		errs = append(errs, l.checkTarget(want.move))
	}
	l.Logout()
	return errors.Join(errs...)
}

// checkFolder opens a folder the way the watcher will.
func (l *link) checkFolder(folder string, want ack) error {
	box, err := l.openFolder(folder, want == ack{})
	switch {
	case imaplink.Refused(err):
		return fmt.Errorf("folders: %w%s", err, l.others())
	case err != nil:
		return fmt.Errorf("folders: %w", err)
	case box.UIDValidity == 0:
		return fmt.Errorf("folders: %s: the server gives no UIDVALIDITY, so its mails cannot be told apart", imaplink.Printable(folder, 80))
	}
	if err := newAcker(want, l.Caps, box.PermanentFlags).err; err != nil {
		return fmt.Errorf("folder %s: %w", imaplink.Printable(folder, 80), err)
	}
	return nil
}

// checkTarget asks for the status of the folder that mails are to be moved to.
func (l *link) checkTarget(folder string) error {
	err := l.Do("look at "+imaplink.Printable(folder, 80), 0, func() error {
		_, err := l.Client.Status(folder, &imap.StatusOptions{UIDValidity: true}).Wait()
		return err
	})
	switch {
	case imaplink.Refused(err):
		return fmt.Errorf("on_done: %w%s", err, l.others())
	case err != nil:
		return fmt.Errorf("on_done: %w", err)
	}
	return nil
}

// maxListed bounds the folders named as a hint.
const maxListed = 12

// others names the folders there are: the one that was meant is often among
// them under another prefix ("INBOX.Chats").
func (l *link) others() string {
	var names []string
	err := l.Do("LIST", 0, func() error {
		cmd := l.Client.List("", "*", nil)
		for d := cmd.Next(); d != nil; d = cmd.Next() {
			if len(names) <= maxListed && !slices.Contains(d.Attrs, imap.MailboxAttrNoSelect) {
				names = append(names, imaplink.Printable(d.Mailbox, 60))
			}
		}
		return cmd.Close()
	})
	if err != nil || len(names) == 0 {
		return ""
	}
	more := ""
	if len(names) > maxListed {
		names, more = names[:maxListed], " …"
	}
	return "; there are: " + strings.Join(names, ", ") + more
}
