package mailparse

import "strings"

// addHTML adds what the HTML says to a forward: where the original stands in
// it, and what the text part left out. h is the forward as the HTML shows it.
func (f *forward) addHTML(h *forward, html span, r rendered, seen *found) {
	f.html, f.hasHTML = originalIn(html, r, seen)
	if f == h {
		return
	}
	if f.from.Address == "" && (f.from.Name == "" || f.from.Name == h.from.Name) {
		f.from = h.from
	}
	if f.from.Name == "" && f.from.Address == h.from.Address {
		f.from.Name = h.from.Name
	}
	if h.from.Address != "" && f.from.Address != h.from.Address {
		f.disagree(h, seen)
		return
	}
	f.weak = f.weak && h.weak
	if len(f.to) == 0 {
		f.to = h.to
	}
	if len(f.cc) == 0 {
		f.cc = h.cc
	}
	if f.replyTo.Address == "" {
		f.replyTo = h.replyTo
	}
	if f.date == "" {
		f.date = h.date
	}
	f.evidence += "; HTML alike"
}

// disagree: text and HTML name different senders. Where one of them is known to
// the other part, that part was only read differently; else somebody made them
// differ, and there is no sender: never a guess.
func (f *forward) disagree(h *forward, seen *found) {
	f.weak = true
	f.evidence += "; text and HTML name different senders"
	for i := range seen.lines {
		if strings.Contains(seen.lines[i].text, f.from.Address) {
			return
		}
	}
	if !strings.Contains(f.plain, h.from.Address) {
		f.from.Address = ""
	}
}

// originalIn returns the nodes of the original.
func originalIn(html span, r rendered, seen *found) (span, bool) {
	if r.lines == nil {
		return span{}, false
	}
	from, to := seen.body()
	if from >= to || from >= len(r.lines) {
		return span{html.doc, html.to, html.to}, true
	}
	first := r.lines[from]
	return span{html.doc, outermost(html, first), container(html, first, seen)}, true
}

// outermost returns the outermost element that begins with the node: a chat
// product's structure begins above its first word.
func outermost(html span, first int32) int32 {
	nodes := html.doc.nodes
	above := first - 1 // the last text before
	for above >= html.from && (nodes[above].tag != "" || nodes[above].unseen() || strings.TrimSpace(nodes[above].text) == "") {
		above--
	}
	for p := nodes[first].parent; p > above && p >= html.from; p = nodes[p].parent {
		first = p
	}
	return first
}

// container returns the end of what the client put around the original.
func container(html span, first int32, seen *found) int32 {
	nodes := html.doc.nodes
	depth, _ := seen.level()
	end := html.to
	var quotes []int32 // ends of blockquotes, innermost first
	for p := nodes[first].parent; p >= html.from; p = nodes[p].parent {
		n := &nodes[p]
		if n.tag == "blockquote" {
			quotes = append(quotes, n.end)
		}
		if depth == 0 && wrapsForward(n) {
			end = min(html.to, n.end)
		}
	}
	if depth > 0 && len(quotes) >= depth {
		return min(html.to, quotes[len(quotes)-depth])
	}
	return end
}

// wrapsForward: elements that hold a forward and nothing of the forwarder's.
func wrapsForward(n *node) bool {
	if n.tag != "div" && n.tag != "span" {
		return false
	}
	switch n.id() {
	case "mail-editor-reference-message-container", "OLK_SRC_BODY_SECTION":
		return true
	}
	return n.hasClass("gmail_quote") || n.hasClass("gmail_quote_container") || n.hasClass("moz-forward-container") || n.hasClass("yahoo_quoted")
}

// setLimit ends the original at the end of its container.
func (f *found) setLimit(html span, r rendered) {
	if !f.ok() || r.lines == nil {
		return
	}
	from, to := f.body()
	if from >= to {
		return
	}
	end := container(html, r.lines[from], f)
	for k := from + 1; k < len(r.lines); k++ {
		if r.lines[k] >= end {
			f.limit = k
			return
		}
	}
}
