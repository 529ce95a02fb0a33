package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"ticketbridge/bridge"
	"ticketbridge/mailparse"
)

// keptMail is what the bytes that are kept of a mail tell.
type keptMail struct {
	whole    bool // not its header alone
	customer bool // it names one
	files    []mailparse.Attachment
}

// maxKept bounds the mails of a story that are read once more for show.
const maxKept = 50

// readKept reads the mails of stories once more, as the daemon would now.
func (c *config) readKept(ctx context.Context, s bridge.Ledger, stories []bridge.Story) (map[int64]*keptMail, error) {
	opts, err := c.parserOptions()
	if err != nil {
		return nil, err
	}
	parser, err := mailparse.NewParser(opts)
	if err != nil {
		return nil, fmt.Errorf("parser: %w", err)
	}
	kept := map[int64]*keptMail{}
	for _, st := range stories {
		for _, m := range st.Mails {
			if !m.HasRaw || len(kept) == maxKept {
				continue
			}
			raw, err := s.Raw(ctx, m.ID)
			if errors.Is(err, bridge.ErrNotFound) {
				continue // its time was over meanwhile
			}
			if err != nil {
				return nil, fmt.Errorf("read %s: %w", bridge.MailID(m.ID), err)
			}
			p := parser.Parse(raw)
			kept[m.ID] = &keptMail{whole: !m.HeaderOnly(raw), customer: p.Chat != nil && p.Chat.Customer.Address != "", files: p.Attachments}
		}
	}
	return kept, nil
}

// carried: a ticket message of it has files.
func (k *keptMail) carried() bool {
	return slices.ContainsFunc(k.files, func(f mailparse.Attachment) bool { return f.Skip == "" })
}

func attachmentText(f mailparse.Attachment) string {
	return fmt.Sprintf("%s (%s, %s)", orElse(printable(f.Filename, 128), "without a name"), printable(f.ContentType, 64), bridge.Size(f.Size))
}

// carriedText says whether the ticket got the file.
func carriedText(m bridge.MailRecord, f mailparse.Attachment) string {
	switch {
	case f.Skip != "":
		return ", not carried: " + printable(f.Skip, 100)
	case m.State == bridge.MailTicket || m.State == bridge.MailUpdate:
		return ", carried"
	}
	return ", not sent: no ticket message was made of this mail"
}

// steps are commands with what each is for, one under the other.
type steps []string

func (s *steps) add(command, what string) { *s = append(*s, fmt.Sprintf("%-46s %s", command, what)) }

// nextSteps are the commands that help where something waits for a person: only
// those that would work as things stand.
func nextSteps(s bridge.Story, kept map[int64]*keptMail) []string {
	var todo steps
	for _, m := range s.Mails {
		if m.State == bridge.MailParked {
			todo.forParked(m, kept[m.ID])
		}
	}
	files := slices.ContainsFunc(s.Mails, func(m bridge.MailRecord) bool { return kept[m.ID] != nil && kept[m.ID].carried() })
	for _, d := range s.Deliveries {
		todo.forDelivery(d, files)
	}
	if c := s.Conversation; c != nil && len(c.Thread) > 0 && c.Link.Ticket == "" {
		todo.add(fmt.Sprintf("ticketbridge link %s NUMBER", bridge.ConversationID(c.ID)), "note the ticket's number by hand")
	}
	return todo
}

func (s *steps) forParked(m bridge.MailRecord, kept *keptMail) {
	id := bridge.MailID(m.ID)
	switch {
	case kept == nil || !kept.whole:
		s.add(fmt.Sprintf("ticketbridge release %s --max-size %dMB", id, m.Size/1_000_000+1), "its body was not fetched: fetch it from "+printable(m.Mailbox+"/"+m.Folder, 200)+" and judge it")
	case kept.customer:
		s.add("ticketbridge release "+id, "it is genuine: treat it as it reads")
		s.add("ticketbridge release "+id+" --customer ADDRESS", "and this is who asked")
	default:
		s.add("ticketbridge release "+id+" --customer ADDRESS", "it is genuine, and this is who asked")
	}
	s.add("ticketbridge drop "+id+" --why REASON", "no ticket for it")
}

// forDelivery: files tells whether the chat's mails carry any.
func (s *steps) forDelivery(d bridge.Delivery, files bool) {
	id := bridge.DeliveryID(d.ID)
	retry, drop := "ticketbridge retry "+id, "ticketbridge drop "+id+" --why REASON"
	switch {
	case d.ReplacedBy != 0:
	case d.State == bridge.Doubt:
		if !d.Next.IsZero() {
			*s = append(*s, fmt.Sprintf("%s is looked up in the helpdesk by itself, next %s", id, stamp(d.Next)))
		}
		*s = append(*s, fmt.Sprintf("look for the Ref or the Message-ID of %s in the helpdesk; then", id))
		s.add(retry, "if it is not there")
		s.add(drop, "if it is")
	case d.State == bridge.Retry, d.State == bridge.Held:
		s.add(retry, "send it now")
		s.add(drop, "never send it")
	case d.Forgone():
		s.add(retry+" --anew", "send what no other message tells, after all")
	case d.Dropped():
		s.add(retry, "send it all the same")
	case d.State == bridge.Bounced, d.State == bridge.Dead:
		s.add(retry, "send it all the same, to "+printable(d.Recipient, 320))
		s.add(retry+" --anew", "make it anew, as the config says today")
		if files {
			s.add(retry+" --without-files", "and without the files")
		}
		s.add(drop, "it is settled: no alarm any more")
	}
}
