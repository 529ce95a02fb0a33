package sqlstore

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"ticketbridge/bridge"
)

// mostStories bounds an answer, as a list's default does.
const mostStories = 100

// Find implements bridge.Ledger. Conversations come first, the newest first,
// then mails that belong to none.
func (s *Store) Find(ctx context.Context, term string) ([]bridge.Story, error) {
	var stories []bridge.Story
	err := s.view(ctx, func(q reader) error {
		convs, mails, err := q.search(strings.TrimSpace(term))
		if err != nil {
			return err
		}
		for _, id := range convs[:min(len(convs), mostStories)] {
			st, err := q.ofConversation(id)
			if err != nil {
				return err
			}
			stories = append(stories, st)
		}
		for _, id := range mails[:min(len(mails), mostStories-len(stories))] {
			st, err := q.ofMail(id)
			if err != nil {
				return err
			}
			stories = append(stories, st)
		}
		return nil
	})
	if err == nil && len(stories) == 0 {
		err = bridge.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("find %q: %w", cut(clean(term), 100), err)
	}
	return stories, nil
}

// search finds the conversations a term means, and the mails that have none.
func (q reader) search(term string) (convs, mails []int64, err error) {
	if letter, id, ok := bridge.ParseID(term); ok && strings.EqualFold(bridge.MailID(id)[1:], term[1:]) {
		return q.byID(letter, id)
	}
	term = unquoted(term)
	ticket := strings.TrimSpace(strings.TrimPrefix(term, "#"))
	bare := bareID(term)
	if url, ok := asURL(term); ok {
		if convs, err := q.byURL(url); err != nil || len(convs) > 0 {
			return convs, nil, err
		}
	}
	for _, by := range []struct{ query, arg string }{
		{`SELECT id, 0 FROM conversations WHERE customer_fold = $1 AND customer_fold <> ''`, fold(bare)},
		{`SELECT id, 0 FROM conversations WHERE link_ticket = $1 AND link_ticket <> ''`, ticket},
		{`SELECT id, 0 FROM conversations WHERE link_ticket = $1 AND link_ticket <> ''`, term},
		{`SELECT id, 0 FROM conversations WHERE ref = $1`, strings.ToUpper(term)},
		{`SELECT id, 0 FROM conversations WHERE vendor_id = $1 AND vendor_id <> ''`, term},
		{`SELECT id, 0 FROM conversations WHERE key = $1`, term},
		{`SELECT conversation_id, 0 FROM deliveries WHERE message_id = $1`, bare},
		{`SELECT conversation_id, 0 FROM deliveries WHERE reverse_path = $1 AND reverse_path <> ''`, bare}, // of a bounce at hand
		{`SELECT conversation_id, id FROM mails WHERE message_id = $1 AND message_id <> ''`, bare},
		{`SELECT conversation_id, id FROM mails WHERE customer_fold = $1 AND customer_fold <> '' AND conversation_id IS NULL`, fold(bare)},
	} {
		if err := q.collect(by.query, by.arg, &convs, &mails); err != nil {
			return nil, nil, err
		}
	}
	return newestFirst(convs), newestFirst(mails), nil
}

// bareID takes off what Message-IDs and addresses are copied with.
func bareID(term string) string {
	if name, value, ok := strings.Cut(term, ":"); ok && strings.EqualFold(name, "Message-ID") {
		term = unquoted(value)
	}
	return strings.Trim(term, "<>")
}

// unquoted takes off a pair of quotes; a lone one belongs to the term.
func unquoted(s string) string {
	s = strings.TrimSpace(s)
	if n := len(s); n > 1 && s[0] == s[n-1] && (s[0] == '"' || s[0] == '\'') {
		return strings.TrimSpace(s[1 : n-1])
	}
	return s
}

// asURL is the term as a link, which people copy with or without its scheme.
func asURL(term string) (string, bool) {
	if strings.Contains(term, "://") {
		return term, true
	}
	host, _, ok := strings.Cut(term, "/")
	return "https://" + term, ok && strings.Contains(host, ".") && !strings.ContainsAny(term, "@ <>")
}

// byURL finds a chat by its link at the vendor, or its ticket's: as it stands,
// without what a browser adds, or else by the id that ends it, for a vendor shows
// one chat under several links. URLs have no index; a person waits that long.
func (q reader) byURL(term string) (convs []int64, err error) {
	var none []int64
	plain, _, _ := strings.Cut(term, "#")
	plain, _, _ = strings.Cut(plain, "?")
	plain = strings.TrimRight(plain, "/")
	for _, url := range []string{term, plain, plain + "/"} {
		for _, column := range []string{"url", "link_url"} {
			if err := q.collect(`SELECT id, 0 FROM conversations WHERE `+column+` = $1`, url, &convs, &none); err != nil {
				return nil, err
			}
		}
	}
	if id := plain[strings.LastIndexByte(plain, '/')+1:]; len(convs) == 0 && id != "" {
		err = q.collect(`SELECT id, 0 FROM conversations WHERE vendor_id = $1 AND vendor_id <> '' AND url <> ''`, id, &convs, &none)
	}
	return newestFirst(convs), err
}

func (q reader) byID(letter byte, id int64) (convs, mails []int64, err error) {
	switch letter {
	case 'm':
		err = q.collect(`SELECT conversation_id, id FROM mails WHERE id = $1`, id, &convs, &mails)
	case 'c':
		err = q.collect(`SELECT id, 0 FROM conversations WHERE id = $1`, id, &convs, &mails)
	case 'd':
		err = q.collect(`SELECT conversation_id, 0 FROM deliveries WHERE id = $1`, id, &convs, &mails)
	}
	return convs, mails, err
}

// collect takes conversations and, where there is none, mails; a hundred of the newest will do.
func (q reader) collect(query string, arg any, convs, mails *[]int64) error {
	return q.each(query+fmt.Sprintf(` ORDER BY 1 DESC, 2 DESC LIMIT %d`, mostStories), []any{arg}, func(scan func(...any) error) error {
		var conv, mail int64
		err := scan(id{&conv}, &mail)
		if conv != 0 {
			*convs = append(*convs, conv)
		} else if mail != 0 {
			*mails = append(*mails, mail)
		}
		return err
	})
}

func newestFirst(ids []int64) []int64 {
	slices.Sort(ids)
	ids = slices.Compact(ids)
	slices.Reverse(ids)
	return ids
}

// ofConversation tells all that is known around a conversation.
func (q reader) ofConversation(conv int64) (st bridge.Story, err error) {
	c, err := scanConversation(q.row(selectConversations+` WHERE c.id = $1`, conv).Scan)
	if err != nil {
		return st, fmt.Errorf("%s: %w", bridge.ConversationID(conv), err)
	}
	st.Conversation = &c.Conversation
	if err := q.each(selectMails+` WHERE m.conversation_id = $1 ORDER BY m.id`, []any{conv}, gather(&st.Mails, scanMail)); err != nil {
		return st, err
	}
	err = q.each(selectTurns+` WHERE t.conversation_id = $1 ORDER BY n, digest`,
		[]any{conv}, gather(&st.Turns, func(scan func(...any) error) (bridge.Turn, error) { return scanTurn(scan) }))
	if err != nil {
		return st, err
	}
	err = q.each(selectDeliveries+` WHERE d.conversation_id = $1 ORDER BY d.id`, []any{conv}, gather(&st.Deliveries, scanPlainDelivery))
	if err != nil {
		return st, err
	}
	if err := q.waits(st.Deliveries); err != nil {
		return st, err
	}
	return st, q.events(&st, `conversation_id = $1`, conv)
}

// ofMail tells of a mail that belongs to no conversation, and of its copies.
func (q reader) ofMail(mail int64) (st bridge.Story, err error) {
	m, err := scanMail(q.row(selectMails+` WHERE m.id = $1`, mail).Scan)
	if err != nil {
		return st, fmt.Errorf("%s: %w", bridge.MailID(mail), err)
	}
	err = q.each(selectMails+` WHERE m.content_key = $1 AND (m.conversation_id IS NULL OR m.id = $2) ORDER BY m.id LIMIT `+fmt.Sprint(mostStories),
		[]any{m.ContentKey, mail}, gather(&st.Mails, scanMail))
	if err != nil {
		return st, err
	}
	return st, q.events(&st, ``)
}

const selectEvents = `SELECT at, what, text, mail_id, conversation_id, delivery_id, id FROM journal WHERE `

// events adds the journal: of the conversation, and of its mails from before
// they belonged to one.
func (q reader) events(st *bridge.Story, where string, args ...any) error {
	type numbered struct {
		bridge.Event
		n int64
	}
	var all []numbered
	scan := func(row func(...any) error) (e numbered, err error) {
		err = row(at{&e.At}, &e.What, &e.Text, id{&e.Mail}, id{&e.Conversation}, id{&e.Delivery}, &e.n)
		return e, err
	}
	if where != "" {
		if err := q.each(selectEvents+where, args, gather(&all, scan)); err != nil {
			return err
		}
	}
	mails := make([]int64, len(st.Mails))
	for i, m := range st.Mails {
		mails[i] = m.ID
	}
	err := chunks(mails, func(mails []int64) error {
		var args []any
		return q.each(selectEvents+`mail_id IN (`+inList(&args, mails)+`) AND conversation_id IS NULL AND mail_id IS NOT NULL`, args, gather(&all, scan))
	})
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b numbered) int { return int(a.n - b.n) })
	for _, e := range all {
		st.Events = append(st.Events, e.Event)
	}
	return nil
}
