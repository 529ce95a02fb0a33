package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"time"

	"ticketbridge/bridge"
)

// play lets the sample mails arrive one by one and shows what becomes of each.
func (m *demo) play(ctx context.Context) error {
	began := m.now()
	m.line("", bold, "A daemon watches ann's and ben's mailboxes and raises tickets at support@%s.", demoDomain)
	var parked bridge.MailRecord
	for _, s := range demoStory {
		r, err := m.scene(ctx, s)
		if err != nil {
			return fmt.Errorf("%s: %w", s.file, err)
		}
		if s.file == "04-no-address.eml" {
			parked = r
		}
		if err := sleep(ctx, m.pace); err != nil {
			return err
		}
	}
	if err := m.releaseScene(ctx, parked); err != nil {
		return fmt.Errorf("release: %w", err)
	}
	if err := m.showTicket(); err != nil {
		return fmt.Errorf("show the ticket message: %w", err)
	}
	if err := m.showLinks(ctx); err != nil {
		return fmt.Errorf("show the links: %w", err)
	}
	fmt.Fprintf(m.stdout, "\n%s\n", m.sc.paint(dimmed, fmt.Sprintf("All this took %.1f s, pauses to read among it. Nothing left this machine.", m.now().Sub(began).Seconds())))
	return nil
}

// scene: a mail arrives, is recorded, and, if it is news, sent and received.
func (m *demo) scene(ctx context.Context, s demoMail) (bridge.MailRecord, error) {
	raw, err := s.render(m.now())
	if err != nil {
		return bridge.MailRecord{}, err
	}
	fmt.Fprintln(m.stdout)
	m.line("", bold, "%s", s.story)
	msg, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return bridge.MailRecord{}, err
	}
	m.line(s.to+" gets", plain, "%s", clip(fmt.Sprintf("%q", msg.Header.Get("Subject")), 70))
	if err := m.house.deliver(s.to, raw); err != nil {
		return bridge.MailRecord{}, fmt.Errorf("deliver: %w", err)
	}
	r, err := wait(ctx, m, m.recorded, "the mail to be recorded")
	if err != nil {
		return r, err
	}
	m.became(r)
	return r, m.sending(ctx, r)
}

// became tells what a mail became, and why.
func (m *demo) became(r bridge.MailRecord) {
	m.line(bridge.MailID(r.ID)+" is", mailColor(r.State), "%s", string(r.State))
	m.more("%s", r.Reason)
	if r.State == bridge.MailTicket && r.Customer != "" {
		m.more("customer: %s", r.Customer)
	}
}

// sending follows the ticket message of a mail to the helpdesk, if it has one.
func (m *demo) sending(ctx context.Context, r bridge.MailRecord) error {
	if r.State != bridge.MailTicket && r.State != bridge.MailUpdate {
		return nil
	}
	got, err := wait(ctx, m, m.house.desk.arrived, "the helpdesk to get the message")
	if err != nil {
		return err
	}
	st, err := wait(ctx, m, m.settled, "the outcome to be recorded")
	if err != nil {
		return err
	}
	m.line(bridge.DeliveryID(st.Delivery)+" is", deliveryColor(st.State), "%s", string(st.State))
	what := "adds to"
	if got.opened {
		what = "opens"
	}
	m.more("to support@%s, where it %s ticket %d", demoDomain, what, got.number)
	return nil
}

// releaseScene is what an admin does about a parked mail, by the real command.
func (m *demo) releaseScene(ctx context.Context, parked bridge.MailRecord) error {
	fmt.Fprintln(m.stdout)
	m.line("", bold, "Lea's chat is parked. She called since, and an admin says who she is:")
	args := []string{bridge.MailID(parked.ID), "--customer", "lea@example.org"}
	m.line("", plain, "$ ticketbridge release %s", strings.Join(args, " "))
	var out, errs bytes.Buffer
	admin := *m.app
	admin.stdout, admin.stderr = &out, &errs
	if code := admin.execute(ctx, releaseCommand, append(args, "-config", m.configFile())); code != exitOK {
		return errors.New(strings.TrimSpace(errs.String() + out.String()))
	}
	for line := range strings.Lines(out.String()) {
		m.more("%s", strings.TrimSuffix(line, "\n"))
	}
	return m.sending(ctx, bridge.MailRecord{State: bridge.MailTicket})
}

// showTicket prints the first ticket message as triage sees it.
func (m *demo) showTicket() error {
	m.house.desk.mu.Lock()
	data := m.house.desk.tickets[0].messages[0]
	m.house.desk.mu.Unlock()
	msg, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		return err
	}
	text, err := plainText(msg)
	if err != nil {
		return err
	}
	fmt.Fprintf(m.stdout, "\n%s\n\n", m.sc.paint(bold, fmt.Sprintf("Ticket %d as triage sees it:", firstTicket)))
	var dec mime.WordDecoder
	for _, name := range []string{"From", "To", "Subject"} {
		v, err := dec.DecodeHeader(msg.Header.Get(name))
		if err != nil {
			return err
		}
		fmt.Fprintf(m.stdout, "    %-9s%s\n", name+":", printable(v, 200))
	}
	fmt.Fprintln(m.stdout)
	for line := range strings.Lines(text) {
		for _, part := range wrapKeep(strings.TrimRight(line, "\r\n"), demoWidth-4) {
			block(m.stdout, "    ", part)
		}
	}
	return nil
}

// plainText returns the text/plain part of a ticket message.
func plainText(m *mail.Message) (string, error) {
	return plainPart(m.Header.Get("Content-Type"), m.Header.Get("Content-Transfer-Encoding"), m.Body)
}

func plainPart(contentType, encoding string, r io.Reader) (string, error) {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return "", err
	}
	if strings.HasPrefix(kind, "multipart/") {
		mr := multipart.NewReader(r, params["boundary"])
		for {
			p, err := mr.NextRawPart()
			if err != nil {
				return "", fmt.Errorf("no text in it: %w", err)
			}
			if text, err := plainPart(p.Header.Get("Content-Type"), p.Header.Get("Content-Transfer-Encoding"), p); err == nil {
				return text, nil
			}
		}
	}
	if kind != "text/plain" {
		return "", errors.New("not text/plain")
	}
	switch strings.ToLower(encoding) {
	case "quoted-printable":
		r = quotedprintable.NewReader(r)
	case "base64":
		r = base64.NewDecoder(base64.StdEncoding, r)
	}
	b, err := io.ReadAll(r)
	return string(b), err
}

// showLinks notes the helpdesk's numbers and prints which chat is which ticket.
func (m *demo) showLinks(ctx context.Context) error {
	convs, err := m.d.store.Conversations(ctx, bridge.Filter{Limit: 100})
	if err != nil {
		return err
	}
	t := table{columns: []column{{"ID", false}, {"CHAT", true}, {"CUSTOMER", true}, {"MESSAGES", false}, {"REF", false}, {"TICKET", false}}}
	for i := len(convs) - 1; i >= 0; i-- {
		c := convs[i]
		number := fmt.Sprint(m.house.desk.number(c.Link.MessageID))
		l := c.Link
		l.Ticket, l.Confirmed = number, m.now()
		if err := m.d.store.SetTicket(ctx, c.ID, l); err != nil {
			return err
		}
		t.add(cell{bridge.ConversationID(c.ID), bold}, cell{text: printable(c.Key, 100)}, cell{text: printable(c.Customer.Address, 100)},
			cell{text: fmt.Sprint(len(c.Thread))}, cell{text: c.Ref}, cell{number, good})
	}
	fmt.Fprintf(m.stdout, "\n%s\n\n", m.sc.paint(bold, "Which chat is which ticket:"))
	t.print(m.sc)
	return nil
}

// wait takes the next thing from a channel, or tells what did not happen.
func wait[T any](ctx context.Context, m *demo, from <-chan T, what string) (v T, err error) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case v = <-from:
		return v, nil
	case <-ctx.Done():
		return v, ctx.Err()
	case err := <-m.ended:
		m.ended <- err
		return v, fmt.Errorf("the daemon ended: %w", err)
	case <-timer.C:
		return v, fmt.Errorf("waited %s for %s", patience, what)
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

const (
	demoLabel = 10
	demoWidth = 100
)

// line prints one line of the show with its time.
func (m *demo) line(label, color, format string, args ...any) {
	text := m.sc.paint(color, printable(fmt.Sprintf(format, args...), 500))
	if label != "" {
		text = fmt.Sprintf("  %-*s", demoLabel, label) + text
	}
	fmt.Fprintf(m.stdout, "%s  %s\n", m.sc.paint(dimmed, m.now().Local().Format("15:04:05.000")), text)
}

// more prints what belongs to the line above.
func (m *demo) more(format string, args ...any) {
	indent := strings.Repeat(" ", len("15:04:05.000")+4+demoLabel)
	for _, line := range wrap(printable(fmt.Sprintf(format, args...), 500), demoWidth-len(indent)) {
		fmt.Fprintln(m.stdout, indent+line)
	}
}
