package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"ticketbridge/bridge"
	"ticketbridge/bridge/httpout"
	"ticketbridge/mailparse"
)

// forged mails every watched mailbox that is to believe its server's
// Authentication-Results a forged one, and looks whether it would be believed
// (THREATS T5).
func (e *examination) forged(ctx context.Context) {
	const name = "forged Authentication-Results"
	t, close, why := e.strangersWay()
	defer close()
	asked := false
	for _, m := range e.way.watched {
		if m.AuthservID == "" {
			continue
		}
		asked = true
		if why != "" {
			e.unknown(name+" to "+m.address, "not tried: "+why, "want --mx, the server and port that strangers' mail comes to")
			continue
		}
		e.forgedTo(ctx, name+" to "+m.address, t, m)
	}
	if !asked {
		e.unknown(name, "not tried: no mailbox has an authserv_id, so no such field is believed", "")
	}
}

// strangersWay is how the forged mail is sent, or why it cannot be.
func (e *examination) strangersWay() (t bridge.Transport, close func(), why string) {
	if e.flags.mx != "" {
		mx := stranger(e.flags.mx)
		return mx, func() { mx.Close() }, ""
	}
	kind := e.way.cfg.Transport.Kind
	if slices.Contains([]string{"lmtp", "imap", httpout.OSTicket, httpout.RT}, kind) {
		return nil, func() {}, fmt.Sprintf("no mail to a mailbox like that goes through transport.kind = %q", kind)
	}
	return e.way.transport, func() {}, ""
}

func (e *examination) forgedTo(ctx context.Context, name string, t bridge.Transport, m watched) {
	d := e.way.ingest.Keys.Forged(e.nonce, e.flags.from, m.address, m.AuthservID, e.now())
	seen := bridge.ForgedMail{Mailbox: m.Name, Formats: e.believers()}
	defer func() { e.found.Forged = append(e.found.Forged, seen) }()
	sent := time.Now()
	r := e.handOver(ctx, t, d)
	if r.Outcome == bridge.Permanent {
		e.add(hop{Name: name, State: hopOK, Saw: "refused: " + r.String(), Took: time.Since(sent)})
		return
	}
	if r.Outcome != bridge.Accepted {
		e.unknown(name, r.String(), "")
		return
	}
	header, err := e.await(ctx, m, d.MessageID)
	switch {
	case err != nil:
		e.unknown(name, err.Error(), "")
		return
	case header == nil:
		e.unknown(name, fmt.Sprintf("accepted, and not in the mailbox within %s", e.flags.wait), "")
		return
	}
	seen.Arrived, seen.ForgedSeen = true, bridge.SeeForged(header, m.AuthservID)
	h := hop{Name: name, State: hopOK, Saw: "removed", Took: time.Since(sent)}
	switch {
	case seen.Believed:
		h.State, h.Saw = hopFinding, fmt.Sprintf("kept, and nothing tells it from a field of %s: authenticate = \"header\" is not safe", m.AuthservID)
		h.Right = "want a server that removes such fields from mail that arrives with them (RFC 8601 §5), or authenticate = \"dkim\""
		if e.flags.mx == "" {
			h.Right += "; strangers' mail may come another way: --mx tries that"
		}
	case seen.Survived:
		h.Saw = "kept, but below what the server wrote itself: not believed"
	}
	e.add(h)
}

// believers are the formats that rely on Authentication-Results.
func (e *examination) believers() []string {
	var names []string
	for _, name := range e.way.cfg.Formats.Enabled {
		if e.way.cfg.Format[name].Authenticate == "header" {
			names = append(names, name)
		}
	}
	return names
}

func (e *examination) handOver(ctx context.Context, t bridge.Transport, d bridge.Delivery) bridge.Result {
	ctx, cancel := context.WithTimeout(ctx, e.flags.wait)
	defer cancel()
	return t.Send(ctx, d)
}

// await fetches the header of our own mail from a watched mailbox; nil if it
// does not come.
func (e *examination) await(ctx context.Context, m watched, messageID string) (mailparse.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, e.flags.wait)
	defer cancel()
	for {
		copies, err := m.box.Copies(ctx, messageID)
		switch {
		case ctx.Err() != nil:
			return nil, nil
		case err != nil:
			return nil, fmt.Errorf("mailbox %s: %w", m.Name, err)
		case len(copies) > 0:
			c := copies[0]
			e.left = append(e.left, fmt.Sprintf("mailbox %s: %s, UID %d", m.Name, strings.TrimSpace(c.Folder), c.UID))
			return e.way.ingest.Parser.Parse(c.Raw).Outer.Header, nil
		}
		select {
		case <-ctx.Done():
			return nil, nil
		case <-time.After(500 * time.Millisecond):
		}
	}
}
