package mailparse

import (
	"fmt"
	"slices"
	"strings"
)

// transcript reads a mail as a chat mail: the first profile that knows it
// decides. nil: none does.
func (p *Parser) transcript(v *view, b *budget) *Transcript {
	m := newMatcher(v)
	for _, profile := range p.opts.Profiles {
		if profile.attached != v.attached {
			continue
		}
		k, known := m.match(profile)
		if v.note != nil {
			m.explain(profile, k, known, v.note)
		}
		if !known && v.tried == nil {
			continue
		}
		r := &reader{p: profile, m: m, b: b, own: p.opts.OwnDomains, agents: p.opts.Agents}
		if known {
			r.read(k)
		}
		if v.tried != nil {
			v.tried(m, r)
		}
		if known {
			return r.t
		}
	}
	return nil
}

// attachedTranscript looks for a chat that somebody exported to a text file and
// sent beside his words. Formats of mails are not tried on it: what a file says
// proves nothing about who sent it.
func (p *Parser) attachedTranscript(outer *message, l *letter, b *budget) *Transcript {
	if !slices.ContainsFunc(p.opts.Profiles, func(q *Profile) bool { return q.attached }) {
		return nil
	}
	for i, a := range outer.attachments {
		if a.ContentType != "text/plain" && !endsFold(a.Filename, ".txt") {
			continue
		}
		c := outer.contents[i]
		w := walker{b: b, m: outer}
		v := p.view(l)
		v.plain, v.doc, v.body, v.attached = w.text(&part{ctype: "text/plain", cparams: c.params, body: c.body, encoding: c.encoding}), nil, span{}, true
		if t := p.transcript(v, b); t != nil {
			return t
		}
	}
	return nil
}

// reader reads one mail with the profile that knows it.
type reader struct {
	p           *Profile
	k           *kind
	m           *matcher
	b           *budget
	own, agents []string
	t           *Transcript

	why       []string // why the mail is parked
	nameless  bool     // nobody's address was found, and none that cannot be used
	bodies    []span   // what somebody said, in the HTML
	hasBodies bool
	rows      map[int][]row // of the HTML, by place

	said     []bool // lines of the text that somebody said
	app      string // the workspace's id as the conversation's link has it
	customer string // name
	named    bool
}

func (r *reader) park(why string) { r.why = append(r.why, why) }

func (r *reader) note(format string, args ...any) {
	r.t.Evidence = append(r.t.Evidence, fmt.Sprintf(format, args...))
}

var drift = &kind{
	name: "drift", action: Park,
	reason: "drift: from this product's sender, but unlike any of its mails we know; its layout may have changed",
}

// foreign is drift of somebody else's workspace: newsletters and answers that a
// company with the same product writes to our people.
var foreign = &kind{
	name: "foreign", action: Ignore,
	reason: "from another workspace than ours, and no notification to its teammates",
}

func (r *reader) read(k *kind) *Transcript {
	switch r.k = k; {
	case k == nil && r.elsewhere():
		r.k = foreign
	case k == nil:
		r.k = drift
	}
	r.t = &Transcript{
		Format: r.p.Name, Kind: r.k.name, Action: r.k.action, Reason: r.k.reason,
		Full: r.p.full, Hold: r.p.hold,
	}
	if r.k.full != nil {
		r.t.Full = *r.k.full
	}
	r.note("profile %s, kind %s, read from %s", r.p.Name, r.k.name, r.source())
	if r.k.action == Ignore {
		r.findConversation()
		return r.t
	}
	r.readTurns()
	r.findConversation()
	r.checkPins()
	r.findCustomer()
	r.skipAttachments()
	r.t.Text = chatText(r.t.Turns)
	if len(r.t.Turns) == 0 {
		r.t.Rest = r.rest()
	}
	if r.m.runs > maxRuns {
		r.b.warn("limit-lines")
		r.park("too many lines that look like the product's: not read to the end")
	}
	r.verdict()
	return r.t
}

func (r *reader) rest() string {
	var text string
	if !r.m.body.empty() && strings.TrimSpace(r.m.plain) == "" {
		text = r.turnText(r.m.body)
	} else {
		text = r.cleanLines(r.m.bodyLines())
	}
	reply, _ := withoutQuotes(text)
	return reply
}

// source says which part of the mail was read, for the evidence.
func (r *reader) source() string {
	switch {
	case r.m.structured:
		return "the HTML's structure"
	case r.p.html != nil && !r.m.body.empty():
		return "the text: the HTML shows nothing of the product's structure"
	}
	return "the text"
}

// verdict turns Process into Park where anything is missing.
func (r *reader) verdict() {
	if r.k == drift {
		r.strays()
		return
	}
	if len(r.t.Turns) == 0 && r.k.action == Process {
		r.park("drift: a mail of kind " + r.k.name + ", but no message was found in it; the layout of " + r.p.Title + " may have changed")
	}
	if len(r.why) == 0 {
		return
	}
	r.strays()
	if r.t.Action == Process {
		r.t.Action, r.t.Reason = Park, strings.Join(r.why, "; ")
		r.t.Lead = r.nameless && len(r.why) == 1
	}
}
