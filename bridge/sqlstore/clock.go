package sqlstore

import (
	"context"
	"fmt"
	"time"

	"ticketbridge/bridge"
)

// Overdue implements bridge.Clockwork.
func (s *Store) Overdue(ctx context.Context, now time.Time, n int) (due []bridge.Overdue, err error) {
	query := `SELECT ` + mailColumns + `, c.key FROM conversations c
		JOIN mails m ON m.id = (SELECT max(w.id) FROM mails w WHERE w.conversation_id = c.id AND w.state = 'waiting')
		JOIN folders f ON f.id = m.folder_id
		WHERE c.deadline IS NOT NULL AND c.deadline <= $1 ORDER BY c.deadline, c.id LIMIT $2`
	err = s.lone(ctx).each(query, []any{now.UnixMicro(), int64(n)}, gather(&due, func(scan func(...any) error) (d bridge.Overdue, err error) {
		d.Mail, err = scanMailAnd(scan, &d.Key)
		return d, err
	}))
	if err != nil {
		return nil, fmt.Errorf("list what is overdue: %w", err)
	}
	return due, nil
}

// atOnce makes a conversation that waits due: what it waited for is here.
const atOnce = `UPDATE conversations SET deadline = $1 WHERE id = $2
	AND EXISTS (SELECT 1 FROM mails w WHERE w.conversation_id = conversations.id AND w.state = 'waiting')`

// dueNow applies atOnce.
func dueNow(ctx context.Context, tx *session, conversation int64, now time.Time) error {
	_, err := tx.exec(ctx, atOnce, now.UnixMicro(), conversation)
	return err
}
