package main

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"ticketbridge/bridge/realtest"
)

// rtChat is a chat that becomes a ticket: the mails that tell of it, and what the
// ticket must show.
type rtChat struct {
	chat
	round    int // how many of its kind are before it
	agent    string
	ann, ben [][]byte // mails by mailbox; what one mailbox gets arrives in this order
	question string   // of the ticket's Subject
	told     []string // lines of the ticket's text
	more     string   // what the follow-up says; "" = there is none
	early    bool     // the follow-up comes before the ticket's number can be known
}

// rtKinds are the shapes that chats come in, by turns.
var rtKinds = []func(c *rtChat, i int){
	rtPlain, rtUnicode, rtSeveralTurns, rtFiles, rtImage, rtCopies, rtForward, rtLead, rtOddName, rtHostile,
}

// rtChats makes the chats from the nth on, the kinds in equal parts, each with a
// customer of its own. Forwarded ones come from the agent.
func rtChats(from, n int, agent string) []*rtChat {
	var chats []*rtChat
	for i := from; i < from+n; i++ {
		c := &rtChat{question: fmt.Sprintf("Where do I find invoice %d?", i)}
		c.chat = chat{conversation: 1000 + i, name: "Ada Example", email: fmt.Sprintf("customer%d@example.org", i), id: fmt.Sprintf("first-%d", i)}
		c.said = []string{c.question}
		c.round, c.agent = i/len(rtKinds), agent
		rtKinds[i%len(rtKinds)](c, i)
		if len(c.ann)+len(c.ben) == 0 {
			c.inOne(c.round, c.mail())
		}
		if len(c.told) == 0 {
			c.told = strings.Split(strings.Join(c.said, "\n"), "\n")
		}
		chats = append(chats, c)
	}
	return chats
}

// inOne brings mails into one of the agents' mailboxes.
func (c *rtChat) inOne(n int, mails ...[]byte) {
	if n%2 == 0 {
		c.ann = append(c.ann, mails...)
	} else {
		c.ben = append(c.ben, mails...)
	}
}

// followUp is the mail of what the customer says later.
func (c *rtChat) followUp() []byte {
	next := c.chat
	next.id, next.said, next.minute, next.files, next.images = "more-"+c.id, []string{c.more}, 40, nil, nil
	return next.mail()
}

func rtPlain(c *rtChat, i int) {
	if i == 0 {
		return // ticket 1 stays as it is
	}
	c.more, c.early = fmt.Sprintf("I am still waiting for invoice %d.", i), c.round%2 == 1
}

func rtUnicode(c *rtChat, i int) {
	c.name = []string{"Jürgen Größe", "Анна Пример", "山田 太郎", "Zoë Ångström", "محمد مثال", "Łukasz 🙂"}[c.round%6]
	c.question = fmt.Sprintf("Où trouver la facture n° %d — «Größe» 山 😀?", i)
	c.said = []string{"Guten Tag – Привет!", c.question}
}

func rtSeveralTurns(c *rtChat, i int) {
	c.said = []string{"Hello!", "I looked everywhere.\nIn the menu, too.", c.question, "It is urgent."}
	if c.round%2 == 0 {
		return
	}
	c.more, c.early = "And where is the one before?\nStatus: resolved\n["+realtest.Domain+" #1] please", true
}

// rtFiles: sizes on both sides of a buffer, a name no header holds as it is.
func rtFiles(c *rtChat, i int) {
	c.files = map[string][]byte{"invoice.pdf": rtBytes(i, 40_000), fmt.Sprintf("Größe %d.bin", i): rtBytes(i+1, 3+i)}
	if c.round%2 == 0 {
		c.files["notes.txt"] = []byte("Zeile 1: Größe\r\nline 2\n\n")
	}
}

func rtImage(c *rtChat, i int) {
	c.images = map[string][]byte{"shot.png": append([]byte("\x89PNG\r\n\x1a\n"), rtBytes(i, 5000)...)}
}

func rtCopies(c *rtChat, i int) {
	c.inOne(c.round, c.mail())
	second := c.chat
	second.id = "copy-" + c.id
	c.inOne(c.round+1, second.mail())
}

// rtForward: an agent sends the mail on, whole or as Thunderbird does.
func rtForward(c *rtChat, i int) {
	head := fmt.Sprintf("From: Ann Agent <%s>\r\nSubject: Fwd: [ACME] a chat\r\nDate: Thu, 12 Mar 2026 09:00:00 +0100\r\nMessage-ID: <forward-%d@%s>\r\nMIME-Version: 1.0\r\n", c.agent, i, realtest.Domain)
	if c.round%2 == 0 {
		c.inOne(c.round, []byte(head+"Content-Type: multipart/mixed; boundary=f\r\n\r\n--f\r\nContent-Type: text/plain\r\n\r\nplease raise this\r\n--f\r\n"+
			"Content-Type: message/rfc822\r\nContent-Disposition: attachment; filename=chat.eml\r\n\r\n"+string(c.mail())+"\r\n--f--\r\n"))
		return
	}
	body := strings.TrimSuffix(strings.TrimPrefix(c.html(), "<html><body>"), "</body></html>\n")
	c.inOne(c.round, []byte(head+"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"+wrapped([]byte(
		`<html><body><p>please raise</p><div class="moz-forward-container"><br><br>-------- Forwarded Message --------
<table class="moz-email-headers-table"><tbody><tr><th>Subject: </th><td>Re: [ACME] a chat</td></tr><tr><th>Date: </th><td>Wed, 11 Mar 2026 06:34:10 +0100</td></tr>
<tr><th>From: </th><td>`+c.name+` via Intercom &lt;notifications@`+workspaceHost+`&gt;</td></tr><tr><th>To: </th><td>ann@`+realtest.Domain+`</td></tr></tbody></table><br><br>
`+body+`</div></body></html>`))))
}

// rtLead: the address comes with the second mail, whose ticket tells both.
func rtLead(c *rtChat, i int) {
	nameless := c.chat
	nameless.email, nameless.id = "", "lead-"+c.id
	c.said, c.minute = []string{fmt.Sprintf("My address is customer%d.", i)}, 10
	c.inOne(c.round, nameless.mail(), c.mail())
	c.told = append(nameless.said, c.said...)
}

func rtOddName(c *rtChat, i int) {
	names := []string{
		`Ada "the" O'Example, Ltd.`, `<script>alert(1)</script>`, `Robert'); DROP TABLE Tickets;--`, `Ada\Example (x)`, "Ada\u202eelpmaxE", `mal@example.net`,
		`%s%n ${HOME}`, `=?utf-8?q?Ada?=`, `Support`, strings.Repeat("Ä", 300),
	}
	c.name = names[c.round%len(names)]
	c.email = fmt.Sprintf("o'odd+tag=%d@sub.example.net", i)
}

// rtHostile is a visitor who knows RT: its tags, and what CommandByMail reads at
// the top of a text.
func rtHostile(c *rtChat, i int) {
	tag := "[" + realtest.Domain + " #1]"
	switch c.round % 4 {
	case 0:
		c.name, c.question = "Mal "+tag, fmt.Sprintf("%s Where do I find invoice %d?", tag, i)
		c.said = []string{c.question}
	case 1:
		c.said = []string{"Status: resolved\nQueue: General\nRequestor: x@example.net\nAddCc: x@example.net\n" + c.question}
	case 2:
		c.said = []string{tag + "\nX-RT-Ticket: " + realtest.Domain + " #1\nIn-Reply-To: <RT-Ticket-1@" + realtest.Domain + ">", c.question}
	case 3:
		c.said = []string{"EMAIL ada@example.com\nRef: 0000-0000\n-- Ben (agent) --\nOwner: root\nTakeAction: Delete", c.question}
		c.files = map[string][]byte{tag + ".txt": []byte("Status: resolved\n")}
	}
}

func rtBytes(seed, n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	r.Read(b)
	return b
}
