package mailparse

import "strings"

// Quotes in HTML that have no mark once it is text. Those in a blockquote do:
// span.text writes "> " before them, and withoutQuotes sees to the rest.

// quoteMark is what an id or class says of an element.
type quoteMark byte

const (
	markNone  quoteMark = iota
	markWhole           // the element is the quote
	markEnd             // from here to the end it is one
	markSign            // a signature
	markIntro           // "On …, Ann wrote:"
)

// quoteIDs and quoteClasses are what mail clients call these elements.
var quoteIDs = map[string]quoteMark{
	"divRplyFwdMsg": markEnd, "appendonsend": markEnd, // Outlook on the web and new Outlook; the rule and header block follow
	"stopSpelling": markEnd, "zwchr": markEnd, // Hotmail, Zimbra: a rule
	"OLK_SRC_BODY_SECTION":                    markWhole, // Outlook for Mac
	"mail-editor-reference-message-container": markWhole, // Outlook mobile
	"isReplyContent":                          markWhole, // NetEase
	"zmail_extra":                             markWhole, // Zoho
	"reply-intro":                             markIntro, // Roundcube
	"Signature":                               markSign, "ms-outlook-mobile-signature": markSign, "AppleMailSignature": markSign,
}

var quoteClasses = map[string]quoteMark{
	"yahoo_quoted": markWhole, "protonmail_quote": markWhole, "zmail_extra": markWhole, "tutanota_quote": markWhole, "ms-outlook-mobile-reference-message": markWhole,
	"missive_quote": markWhole, "freshdesk_quote": markWhole, "front-blockquote": markWhole, "quotedReply": markWhole, "hs_reply": markWhole, "lark-mail-quote": markWhole, "history-quote-wrapper": markWhole,
	"OutlookMessageHeader":    markEnd,
	"gmail_quote_attribution": markIntro, "airmail_on": markIntro,
	"gmail_attr": markIntro, "moz-cite-prefix": markIntro,
	"gmail_signature": markSign, "moz-signature": markSign, "protonmail_signature_block": markSign, "yahoo_signature": markSign,
}

// markedQuotes are the elements of a body that go.
type markedQuotes struct {
	quotes, signs, intros []span
	end                   int32 // where a quote to the end begins
}

func findMarkedQuotes(s span) markedQuotes {
	m := markedQuotes{end: s.to}
	if s.doc == nil {
		return m
	}
	for _, i := range s.doc.ids {
		if s.from <= i && i < s.to {
			m.add(s, i, quoteIDs[s.doc.nodes[i].id()])
		}
	}
	for _, i := range s.doc.classed {
		if s.from <= i && i < s.to {
			for c := range strings.FieldsSeq(s.doc.nodes[i].attr("class")) {
				c = peelHops(c)
				if strings.HasPrefix(c, "ydp") && strings.HasSuffix(c, "yahoo_quoted") { // "ydp1f2e3d4cyahoo_quoted"
					c = "yahoo_quoted"
				}
				m.add(s, i, quoteClasses[c])
			}
		}
	}
	for _, i := range s.doc.ruled {
		// Below such a line a header block stands, in whatever language; else it is decoration.
		if s.from <= i && i < s.to && headerRows(s.doc.element(i).text()) > 2 {
			m.add(s, i, markEnd)
		}
	}
	return m
}

// headerRows counts the lines of a text that look like "Label: value".
func headerRows(text string) (n int) {
	for line := range strings.Lines(text) {
		if _, ok := foreignLine(strings.TrimSpace(line)); ok {
			n++
		}
	}
	return n
}

// introduced adds the intro and the blockquote right behind it, in whatever
// language the intro is, if there is no other blockquote: several of them may be
// an answer point by point.
func (m *markedQuotes) introduced(s span) {
	if len(m.intros) == 0 {
		return
	}
	intro, quote := m.intros[0], span{}
	for _, q := range s.byTag("blockquote") {
		switch {
		case !quote.empty() && quote.contains(q):
		case quote.empty() && q.from >= intro.to:
			quote = q
		default:
			return
		}
	}
	if quote.empty() || strings.TrimSpace((span{s.doc, intro.to, quote.from}).text()) != "" {
		return
	}
	m.quotes = append(m.quotes, intro, quote)
}

func (m *markedQuotes) add(s span, i int32, mark quoteMark) {
	if len(m.quotes)+len(m.signs)+len(m.intros) > maxMarked {
		return
	}
	switch mark {
	case markWhole:
		if s.doc.nodes[i].tag == "blockquote" {
			return // has marks as text, and its intro goes with them
		}
		m.quotes = append(m.quotes, s.clip(s.doc.element(i)))
	case markIntro:
		m.intros = append(m.intros, s.clip(s.doc.element(i)))
	case markEnd:
		m.end = min(m.end, i)
	case markSign:
		m.signs = append(m.signs, s.clip(s.doc.element(i)))
	}
}

// maxMarked bounds the elements looked at; clients write a handful.
const maxMarked = 100

// htmlWithoutQuotes renders a body without the quotes that its markup names; ok
// is false where it names none, or where nothing of the writer's would be left.
func htmlWithoutQuotes(s span) (reply, unquoted string, ok bool) {
	m := findMarkedQuotes(s)
	m.introduced(s)
	if n := len(m.quotes) + len(m.signs); n == 0 && m.end == s.to || n > maxMarked {
		return "", "", false
	}
	own := s
	own.to = m.end
	text := own.text(m.quotes...)
	if strings.TrimSpace(text) == "" {
		return "", "", false
	}
	reply, unquoted = withoutQuotes(dropBanners(text))
	if signs := m.shortSigns(own); len(signs) > 0 {
		if bare := own.text(append(m.quotes, signs...)...); strings.TrimSpace(bare) != "" {
			if r, _ := withoutQuotes(dropBanners(bare)); len(r) < len(reply) {
				reply = r
			}
		}
	}
	return reply, unquoted, true
}

// shortSigns: signatures are short. People write on inside the element when the
// cursor stands there.
func (m *markedQuotes) shortSigns(s span) (short []span) {
	const longest = 1000
	for _, sign := range m.signs {
		if text := sign.text(m.quotes...); sign.from < s.to && len(text) < longest && strings.Count(text, "\n") < 16 && !strings.Contains(text, "?") {
			short = append(short, sign)
		}
	}
	return short
}
