package bridge

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"ticketbridge/mailparse"
)

// canaryName is who a canary is from, beside the address.
const canaryName = "Test of ticketbridge"

// Canary is a test message on the way every ticket message takes. It is made by
// the same Composer, says in Subject and text that it is a test, and carries ids
// of ours, so that the daemon knows it for its own wherever it turns up.
type Canary struct {
	Address string // whom it is from: no customer, an address or a domain of the admin's
	Nonce   string // tells it from all others
	Now     time.Time
	// Quiet: with the field by which the helpdesk drops a mail, so that no ticket
	// comes of it.
	Quiet bool
}

// canaryKey is the key of the canary's conversation: no chat has one like it.
func canaryKey(nonce string) string { return "canary/" + nonce }

// Canary makes the message of one canary, under the target's identity.
func (c Composer) Canary(k Keys, y Canary) (Delivery, error) {
	if _, err := mailparse.StrictAddress(y.Address); err != nil {
		return Delivery{}, fmt.Errorf("a canary from %s: %w", shown(y.Address), err)
	}
	key := canaryKey(y.Nonce)
	text := "This is a test of the way from ticketbridge to the helpdesk. Nobody asked anything. Please ignore it, or close its ticket."
	conv := &Conversation{
		Key: key, Ref: k.Ref(key), Format: "canary", Identity: c.identity(&Conversation{}),
		Customer: mailparse.Customer{Address: y.Address, Name: canaryName},
		Subject:  "TEST of ticketbridge, please ignore: " + k.Ref(key),
	}
	if conv.Identity == AutoIdentity {
		conv.Identity = AsCustomer
	}
	d := Draft{
		Conversation: conv, Action: Raise, Now: y.Now, Mail: &mailparse.Mail{},
		News: digests([]mailparse.Turn{{Role: mailparse.RoleSystem, Author: "ticketbridge", At: y.Now, Text: text}}),
	}
	if y.Quiet {
		d.fields = c.Target.Helpdesk.ignoreFields()
	}
	c.Target.AttachOriginal = false
	return c.Compose(k, d)
}

// CanaryRef is the Ref that the canary with this nonce carries.
func (k Keys) CanaryRef(nonce string) string { return k.Ref(canaryKey(nonce)) }

// ignoreFields are the fields of a message the helpdesk is to drop.
func (h Helpdesk) ignoreFields() (f fields) {
	for _, line := range h.Ignore {
		name, value, _ := strings.Cut(line, ": ")
		f.set(name, value)
	}
	return f
}

// RequesterOf is whom the helpdesk takes for the requester of a message, and the
// field that says so.
func (h Helpdesk) RequesterOf(m *mailparse.Mail) (address, field string) {
	names := h.Requester
	if len(names) == 0 {
		names = []string{"from"}
	}
	for _, name := range names {
		if address := addressIn(m, name); address != "" {
			return address, fieldTitle(name)
		}
	}
	return "", fieldTitle(names[0])
}

func fieldTitle(name string) string {
	return map[string]string{"from": "From", "reply-to": "Reply-To", "sender": "Sender"}[name]
}

// addressIn is the address that stands in a field.
func addressIn(m *mailparse.Mail, field string) string {
	if field == "from" {
		return strings.ToLower(m.Outer.From.Address)
	}
	value := m.Outer.Header.Get(fieldTitle(field))
	if _, behind, ok := strings.Cut(value, "<"); ok {
		value, _, _ = strings.Cut(behind, ">")
	}
	return strings.ToLower(strings.TrimSpace(value))
}

// Rewritten lists what a hop changed of the fields that say who wrote a message:
// "From was ada@example.org, arrived as list@example.net".
func Rewritten(sent, arrived *mailparse.Mail) []string {
	var changes []string
	for _, field := range []string{"from", "reply-to"} {
		was, is := addressIn(sent, field), addressIn(arrived, field)
		if was != is {
			changes = append(changes, fmt.Sprintf("%s was %s, arrived as %s", fieldTitle(field), shown(was), shown(is)))
		}
	}
	return changes
}

// Believes reports whether a mail with this header would be believed because of
// an Authentication-Results in it, as authenticate = "header" does.
func Believes(h mailparse.Header, authservID, domain string) bool {
	return distrustHeader(h, authservID, []string{domain}) == ""
}

// AuthResults are the Authentication-Results of a header, those that its last
// server wrote first.
func AuthResults(h mailparse.Header) []string {
	var all []string
	for _, v := range h.Values("Authentication-Results") {
		all = append(all, cut(foldSpace(printable(v)), 300))
	}
	return all
}

// forgedDomain is the domain that a forged field says has signed. No such domain
// can exist (RFC 6761 §6.4).
const forgedDomain = "forged.invalid"

// Forged is a mail to a watched mailbox that claims, in the words of the
// mailbox's own server, to be authenticated. It carries an id of ours and is
// ignored wherever it is read.
func (k Keys) Forged(nonce, from, to, authservID string, now time.Time) Delivery {
	id := k.MessageID("forged/"+nonce, to, nil)
	data := strings.Join([]string{
		"Authentication-Results: " + authservID + "; dkim=pass header.d=" + forgedDomain + " header.s=test; spf=pass smtp.mailfrom=" + from,
		"From: " + formatAddress(canaryName, from),
		"To: " + formatAddress("", to),
		"Subject: TEST of ticketbridge, please ignore: forged Authentication-Results",
		"Date: " + now.Format(time.RFC1123Z),
		"Message-ID: <" + id + ">",
		"MIME-Version: 1.0",
		"Content-Type: text/plain; charset=us-ascii",
		"",
		"This is a test: does the mail server remove a forged Authentication-Results field?",
		"Please delete this mail.",
		"",
	}, "\r\n")
	return Delivery{
		MessageID: id, ReversePath: k.ReversePath(id), Recipient: to, State: Ready, Created: now, Next: now,
		Data: []byte(data), Size: int64(len(data)),
	}
}

// ForgedSeen is what became of the forged field.
type ForgedSeen struct {
	Survived bool // it is in the header still
	Believed bool // and where authenticate = "header" would believe it
}

// SeeForged looks for the field of Forged.
func SeeForged(h mailparse.Header, authservID string) ForgedSeen {
	return ForgedSeen{
		Survived: slices.ContainsFunc(AuthResults(h), func(v string) bool { return strings.Contains(v, forgedDomain) }),
		Believed: Believes(h, authservID, forgedDomain),
	}
}
