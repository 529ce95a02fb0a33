package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"ticketbridge/bridge"
)

// lock keeps others from judging the same conversations, or the same mail where
// it belongs to none, until we are done.
func (in *intake) lock(ctx context.Context) error {
	keys := make([]string, 0, len(in.arrivals))
	for i := range in.arrivals {
		if a := &in.arrivals[i]; a.ConversationKey != "" {
			keys = append(keys, "conversation "+a.ConversationKey)
		} else {
			keys = append(keys, "content "+a.Record.ContentKey)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	return in.tx.d.lockKeys(ctx, in.tx, keys)
}

// place finds the folders' ids and moves the cursor.
func (in *intake) place(ctx context.Context, c bridge.Cursor) error {
	at := place{clean(c.Mailbox), clean(c.Folder)}
	id, err := putCursor(ctx, in.tx, c)
	if err != nil {
		return err
	}
	in.folders[at] = id
	others := map[place]bool{}
	for i := range in.arrivals {
		if p := placeOf(&in.arrivals[i].Record); p != at {
			others[p] = true
		}
	}
	for _, p := range slices.SortedFunc(maps.Keys(others), func(a, b place) int {
		return strings.Compare(a.mailbox+"\x00"+a.folder, b.mailbox+"\x00"+b.folder)
	}) {
		if in.folders[p], err = folderID(ctx, in.tx, p); err != nil {
			return err
		}
	}
	return forgetAttempts(ctx, in.tx, id, c)
}

func placeOf(m *bridge.MailRecord) place { return place{m.Mailbox, m.Folder} }

// know reads what the database knows of the arrivals, in a handful of queries
// whatever the size of the batch, and reserves the ids they will need.
func (in *intake) know(ctx context.Context) error {
	if err := in.knowMails(ctx); err != nil {
		return fmt.Errorf("look up mails: %w", err)
	}
	if err := in.knowRestore(ctx); err != nil {
		return fmt.Errorf("look up restores: %w", err)
	}
	var fresh int
	batch := map[string]bool{} // source and content, for repeats within the batch
	keys := map[string]string{}
	for i := range in.arrivals {
		a := &in.arrivals[i]
		once := a.Record.Source.String() + " " + a.Record.ContentKey
		if in.recorded(a) != nil || batch[once] {
			continue
		}
		batch[once] = true
		fresh++
		if a.ConversationKey != "" {
			keys[a.ConversationKey] = a.Ref
		}
	}
	if err := in.knowConversations(ctx, keys); err != nil {
		return fmt.Errorf("look up conversations: %w", err)
	}
	if err := in.knowAnswered(ctx); err != nil {
		return fmt.Errorf("look up answered deliveries: %w", err)
	}
	if err := in.knowTurns(ctx); err != nil {
		return fmt.Errorf("look up turns: %w", err)
	}
	if err := in.knowUntold(ctx); err != nil {
		return fmt.Errorf("look up what was not told: %w", err)
	}
	if fresh == 0 || in.again != nil {
		return nil
	}
	var err error
	if in.mailIDs, err = in.tx.d.reserve(ctx, in.tx, "mails", fresh); err != nil {
		return fmt.Errorf("reserve ids: %w", err)
	}
	return nil
}

func (in *intake) knowMails(ctx context.Context) error {
	keys := map[string]bool{}
	for i := range in.arrivals {
		keys[in.arrivals[i].Record.ContentKey] = true
	}
	return chunks(slices.Sorted(maps.Keys(keys)), func(keys []string) error {
		var args []any
		query := selectMails + ` WHERE m.content_key IN (` + inList(&args, keys) + `) ORDER BY m.id`
		return in.tx.each(ctx, query, args, func(scan func(...any) error) error {
			m, err := scanMail(scan)
			if err != nil || in.again != nil && m.ID == in.again.ID {
				return err
			}
			in.mails[m.ContentKey] = append(in.mails[m.ContentKey], m)
			return nil
		})
	})
}

// knowConversations reads and locks the conversations there are, and reserves
// ids for those that are not; refs are the tokens of the latter, by key.
func (in *intake) knowConversations(ctx context.Context, refs map[string]string) error {
	err := chunks(slices.Sorted(maps.Keys(refs)), func(keys []string) error {
		var args []any
		query := selectConversations + ` WHERE c.key IN (` + inList(&args, keys) + `) ORDER BY c.id` + in.tx.d.forUpdate
		return in.tx.each(ctx, query, args, func(scan func(...any) error) error {
			c, err := scanConversation(scan)
			in.convs[c.Key] = &c
			delete(refs, c.Key)
			return err
		})
	})
	if err != nil || len(refs) == 0 {
		return err
	}
	ids, err := in.tx.d.reserve(ctx, in.tx, "conversations", len(refs))
	if err != nil {
		return err
	}
	// In the order of the mails, so that people find the ids in it too.
	for i := range in.arrivals {
		key := in.arrivals[i].ConversationKey
		if _, is := refs[key]; is && in.convIDs[key] == 0 {
			in.convIDs[key], ids = ids[0], ids[1:]
		}
	}
	return in.freeRefs(ctx, refs)
}

// freeRefs gives a new conversation another Ref where a stranger has its own.
// 40 bits collide sooner or later (at a million conversations, with a chance of
// one in three), and two tickets must not share a token.
func (in *intake) freeRefs(ctx context.Context, refs map[string]string) error {
	owner := map[string]string{} // of each ref, its key; "" for one in the database
	for key, ref := range refs {
		if o, taken := owner[ref]; !taken || key < o {
			owner[ref] = key
		}
	}
	taken := func(refs []string) error {
		return chunks(refs, func(refs []string) error {
			var args []any
			return in.tx.each(ctx, `SELECT ref FROM conversations WHERE ref IN (`+inList(&args, refs)+`)`, args,
				func(scan func(...any) error) error {
					var ref string
					err := scan(&ref)
					owner[ref] = ""
					return err
				})
		})
	}
	if err := taken(slices.Sorted(maps.Keys(owner))); err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(refs)) {
		ref := refs[key]
		for tries := 0; owner[ref] != key; tries++ {
			if tries == 1000 {
				return errors.New("no free Ref")
			}
			ref = nextRef(ref)
			if _, used := owner[ref]; used {
				continue
			}
			owner[ref] = key
			if err := taken([]string{ref}); err != nil {
				return err
			}
		}
		if ref != refs[key] {
			in.setRef(key, ref)
		}
	}
	return nil
}

func (in *intake) setRef(key, ref string) {
	for i := range in.arrivals {
		if in.arrivals[i].ConversationKey == key {
			in.arrivals[i].Ref = ref
		}
	}
}

// nextRef counts a token up by one in its own alphabet, leaving dashes alone.
func nextRef(ref string) string {
	const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	b := []byte(ref)
	for i := len(b) - 1; i >= 0; i-- {
		switch n := strings.IndexByte(digits, b[i]); {
		case n < 0: // a dash
		case n+1 < len(digits):
			b[i] = digits[n+1]
			return string(b)
		default:
			b[i] = digits[0]
		}
	}
	return string(b) + string(digits[1])
}

// knowTurns learns which of the arrivals' turns are recorded.
func (in *intake) knowTurns(ctx context.Context) error {
	var turns []turnKey
	for i := range in.arrivals {
		a := &in.arrivals[i]
		if c := in.convs[a.ConversationKey]; c != nil && c.turns > 0 {
			for _, t := range a.Turns {
				turns = append(turns, turnKey{c.ID, clean(t.Digest)})
			}
		}
	}
	return chunks(turns, func(turns []turnKey) error {
		n := 1
		for n < len(turns) { // few texts to prepare
			n *= 2
		}
		var args []any
		for i := range n {
			t := turns[min(i, len(turns)-1)]
			args = append(args, t.conversation, t.digest)
		}
		// The casts tell PostgreSQL the types of the list's columns.
		query := `SELECT conversation_id, digest FROM turns WHERE (conversation_id, digest) IN (VALUES (CAST($1 AS BIGINT), CAST($2 AS TEXT))`
		if n > 1 {
			query += `,` + tuples(3, 2, n-1)
		}
		return in.tx.each(ctx, query+`)`, args, func(scan func(...any) error) error {
			var t turnKey
			err := scan(&t.conversation, &t.digest)
			in.seen[t] = true
			return err
		})
	})
}

// knowUntold reads what the conversations' ticket messages left out so far.
func (in *intake) knowUntold(ctx context.Context) error {
	byID := map[int64]*conversation{}
	for _, c := range in.convs {
		byID[c.ID] = c
	}
	return chunks(slices.Sorted(maps.Keys(byID)), func(convs []int64) error {
		var args []any
		query := `SELECT ` + turnColumns + `, t.conversation_id FROM turns t WHERE t.conversation_id IN (` + inList(&args, convs) + `) AND ` + untold + ` ORDER BY t.conversation_id, t.n`
		return in.tx.each(ctx, query, args, func(scan func(...any) error) error {
			var conv int64
			t, err := scanTurn(scan, &conv)
			if c := byID[conv]; c != nil {
				c.untold = append(c.untold, t)
			}
			return err
		})
	})
}

// untold is the condition of a partial index, word for word as in the schema.
const untold = `t.delivery_id IS NULL AND t.role <> 'note'`
