package imapout

import (
	"context"
	"fmt"

	"github.com/emersion/go-imap/v2"

	"ticketbridge/bridge/imaplink"
)

// Check logs in and opens every folder read-only; nothing is changed. What works
// in a lesser way is a warning.
func (m *Mailbox) Check(ctx context.Context) (warnings []string, err error) {
	s, err := m.take(ctx)
	if err != nil {
		return nil, err
	}
	defer m.put(s)
	defer context.AfterFunc(ctx, s.Cut)()
	for _, folder := range m.cfg.Folders {
		err := s.do("open "+imaplink.Printable(folder, 80), 0, func() error {
			_, err := s.Client.Select(folder, &imap.SelectOptions{ReadOnly: true}).Wait()
			return err
		})
		if imaplink.Refused(err) {
			return nil, fmt.Errorf("%w (%w)", err, errNoFolder)
		}
		if err != nil {
			return nil, err
		}
	}
	if m.cfg.Folder != "" && !s.Caps.Has(imap.CapUIDPlus) {
		warnings = append(warnings, "the server has no UIDPLUS; messages are looked up for a receipt")
	}
	return warnings, nil
}
