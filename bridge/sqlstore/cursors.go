package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"

	"ticketbridge/bridge"
)

// Cursor implements bridge.Cursors.
func (s *Store) Cursor(ctx context.Context, mailbox, folder string) (bridge.Cursor, error) {
	c := bridge.Cursor{Mailbox: clean(mailbox), Folder: clean(folder)}
	err := s.lone(ctx).row(`SELECT uidvalidity, uid, since, rescan_to, last_size, last_received FROM folders
		WHERE mailbox = $1 AND folder = $2 AND uidvalidity IS NOT NULL`, mailbox, folder).
		Scan(&c.UIDValidity, &c.UID, at{&c.Since}, &c.RescanTo, &c.LastSize, at{&c.LastReceived})
	if errors.Is(err, sql.ErrNoRows) {
		err = bridge.ErrNotFound
	}
	if err != nil {
		return bridge.Cursor{}, fmt.Errorf("cursor of %s/%s: %w", mailbox, folder, err)
	}
	return c, nil
}

// SetCursor implements bridge.Cursors.
func (s *Store) SetCursor(ctx context.Context, c bridge.Cursor) error {
	err := s.write(ctx, func(ctx context.Context, tx *session) error {
		_, err := putCursor(ctx, tx, c)
		return err
	})
	if err != nil {
		return fmt.Errorf("set cursor of %s/%s: %w", c.Mailbox, c.Folder, err)
	}
	return nil
}

func putCursor(ctx context.Context, tx *session, c bridge.Cursor) (folder int64, err error) {
	err = tx.row(ctx, `INSERT INTO folders (mailbox, folder, uidvalidity, uid, since, rescan_to, last_size, last_received)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (mailbox, folder) DO UPDATE SET uidvalidity = excluded.uidvalidity,
		uid = excluded.uid, since = excluded.since, rescan_to = excluded.rescan_to, last_size = excluded.last_size,
		last_received = excluded.last_received RETURNING id`,
		c.Mailbox, c.Folder, int64(c.UIDValidity), int64(c.UID), micros(c.Since), int64(c.RescanTo), c.LastSize, micros(c.LastReceived)).
		Scan(&folder)
	return folder, err
}

// folderID finds a folder, or makes it without a cursor.
func folderID(ctx context.Context, tx *session, p place) (id int64, err error) {
	err = tx.row(ctx, `INSERT INTO folders (mailbox, folder) VALUES ($1, $2)
		ON CONFLICT (mailbox, folder) DO UPDATE SET folder = excluded.folder RETURNING id`, p.mailbox, p.folder).Scan(&id)
	return id, err
}

// Attempt implements bridge.Cursors.
func (s *Store) Attempt(ctx context.Context, src bridge.Source) (n int, err error) {
	err = s.write(ctx, func(ctx context.Context, tx *session) error {
		folder, err := folderID(ctx, tx, place{src.Mailbox, src.Folder})
		if err != nil {
			return err
		}
		return tx.row(ctx, `INSERT INTO attempts (folder_id, uidvalidity, uid, n) VALUES ($1, $2, $3, 1)
			ON CONFLICT (folder_id, uidvalidity, uid) DO UPDATE SET n = attempts.n + 1 RETURNING n`,
			folder, int64(src.UIDValidity), int64(src.UID)).Scan(&n)
	})
	if err != nil {
		return 0, fmt.Errorf("count attempt to fetch %s: %w", src, err)
	}
	return n, nil
}

// forgetAttempts drops what the cursor has passed.
func forgetAttempts(ctx context.Context, tx *session, folder int64, c bridge.Cursor) error {
	_, err := tx.exec(ctx, `DELETE FROM attempts WHERE folder_id = $1 AND (uidvalidity <> $2 OR uid <= $3)`,
		folder, int64(c.UIDValidity), int64(c.UID))
	return err
}

// BeginBatch implements bridge.Cursors.
func (s *Store) BeginBatch(ctx context.Context, mailbox, folder string, last uint32) error {
	err := s.write(ctx, func(ctx context.Context, tx *session) error {
		_, err := tx.exec(ctx, `INSERT INTO folders (mailbox, folder, pending) VALUES ($1, $2, $3)
			ON CONFLICT (mailbox, folder) DO UPDATE SET pending = excluded.pending`, mailbox, folder, int64(last))
		return err
	})
	if err != nil {
		return fmt.Errorf("note batch of %s/%s: %w", mailbox, folder, err)
	}
	return nil
}

// PendingBatch implements bridge.Cursors.
func (s *Store) PendingBatch(ctx context.Context, mailbox, folder string) (last uint32, err error) {
	err = s.lone(ctx).row(`SELECT pending FROM folders WHERE mailbox = $1 AND folder = $2`, mailbox, folder).Scan(&last)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("pending batch of %s/%s: %w", mailbox, folder, err)
	}
	return last, nil
}

// unmarked are the mails of ours (bridge.MailRecord.Ours) that on_done has still
// to reach.
const unmarked = `marked = 0 AND conversation_id IS NOT NULL AND state <> 'parked'`

// said: of what the mail's conversation has to say nothing waits, is to be sent or
// may not have arrived. It is the conversation that counts, for a copy's words are
// in another mail's delivery.
const said = `NOT EXISTS (SELECT 1 FROM mails w WHERE w.conversation_id = m.conversation_id AND w.state = 'waiting')
	AND NOT EXISTS (SELECT 1 FROM deliveries e WHERE e.conversation_id = m.conversation_id AND (` + onItsWay + `
		OR e.state IN ('dead','bounced') AND e.replaced_by IS NULL AND NOT e.` + dropped + `))`

// Unmarked implements bridge.Cursors.
func (s *Store) Unmarked(ctx context.Context, mailbox, folder string, uidValidity uint32) (uids []uint32, err error) {
	err = s.lone(ctx).each(`SELECT m.uid FROM mails m JOIN folders f ON f.id = m.folder_id
		WHERE f.mailbox = $1 AND f.folder = $2 AND m.uidvalidity = $3 AND `+unmarked+` AND `+said+` ORDER BY m.uid`, []any{mailbox, folder, int64(uidValidity)}, func(scan func(...any) error) error {
		var uid uint32
		err := scan(&uid)
		uids = append(uids, uid)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("unmarked mails of %s/%s: %w", mailbox, folder, err)
	}
	return uids, nil
}

// Marked implements bridge.Cursors.
func (s *Store) Marked(ctx context.Context, mailbox, folder string, uidValidity uint32, uids []uint32) error {
	err := s.write(ctx, func(ctx context.Context, tx *session) error {
		return chunks(uids, func(uids []uint32) error {
			args := []any{mailbox, folder, int64(uidValidity)}
			_, err := tx.exec(ctx, `UPDATE mails SET marked = 1
				WHERE folder_id = (SELECT id FROM folders WHERE mailbox = $1 AND folder = $2) AND uidvalidity = $3 AND `+unmarked+`
				AND uid IN (`+inList(&args, int64s(uids))+`)`, args...)
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("note marked mails of %s/%s: %w", mailbox, folder, err)
	}
	return nil
}

func int64s(us []uint32) []int64 {
	out := make([]int64, len(us))
	for i, u := range us {
		out[i] = int64(u)
	}
	return out
}

// displaced: where a server used UIDs again (a restored mailbox, INVARIANTS R6),
// the mail that lay there is gone; marking it would mark a stranger.
func (in *intake) displaced(ctx context.Context) error {
	type folder struct{ id, uidValidity int64 }
	uids := map[folder]map[int64]bool{}
	for _, n := range in.news {
		f := folder{in.folders[placeOf(n.record)], int64(n.record.UIDValidity)}
		if uids[f] == nil {
			uids[f] = map[int64]bool{}
		}
		uids[f][int64(n.record.UID)] = true
	}
	var gone []int64
	for f, uids := range uids {
		sorted := slices.Sorted(maps.Keys(uids))
		err := in.tx.each(ctx, `SELECT id, uid FROM mails WHERE folder_id = $1 AND uidvalidity = $2 AND uid >= $3 AND uid <= $4 AND `+unmarked,
			[]any{f.id, f.uidValidity, sorted[0], sorted[len(sorted)-1]}, func(scan func(...any) error) error {
				var id, uid int64
				err := scan(&id, &uid)
				if uids[uid] {
					gone = append(gone, id)
				}
				return err
			})
		if err != nil {
			return err
		}
	}
	slices.Sort(gone)
	return chunks(gone, func(gone []int64) error {
		var args []any
		_, err := in.tx.exec(ctx, `UPDATE mails SET marked = 1 WHERE id IN (`+inList(&args, gone)+`)`, args...)
		return err
	})
}
