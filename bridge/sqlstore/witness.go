package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"ticketbridge/bridge"
)

// witness is a file in the state directory that remembers how far the database
// had come. A database that is behind it was restored from a backup, or lost:
// what it takes for news may have been sent (INVARIANTS R10).
//
// The journal's ids serve as the measure, for every claim writes the journal. The
// file is written after the claim's commit and before the first byte is sent,
// and read when the daemon starts and while it runs: databases are restored under
// running daemons too. It is not synced; a machine that loses power and whose
// database is then restored from a backup of the same seconds is not covered.
//
// A backup of a whole state directory brings the witness along. So the file also
// holds when it was born by its own file system, which no copy of it shares.
type witness struct {
	path string
	file *os.File

	mu   sync.Mutex // guards seen
	seen int64
}

const witnessText = "%020d seen\n%020d born\n"

// openWitness opens the file, or makes it. copied: it is not where it was made.
func openWitness(dir string) (w *witness, made, copied bool, err error) {
	w = &witness{path: filepath.Join(dir, "witness")}
	if w.file, err = os.OpenFile(w.path, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, false, false, err
	}
	born, text := w.born(), make([]byte, 100)
	n, err := w.file.ReadAt(text, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, false, false, errors.Join(err, w.file.Close())
	}
	var was int64
	if n > 0 {
		if _, err := fmt.Sscanf(string(text[:n]), witnessText, &w.seen, &was); err != nil {
			return nil, false, false, errors.Join(fmt.Errorf("%s is damaged; remove it if the database was not restored from a backup", w.path), w.file.Close())
		}
		return w, false, was != born && was != 0 && born != 0, nil
	}
	return w, true, false, w.write(0)
}

// born is when the file was made, in nanoseconds; 0 where its file system does
// not tell.
func (w *witness) born() int64 {
	var st unix.Statx_t
	err := unix.Statx(int(w.file.Fd()), "", unix.AT_EMPTY_PATH, unix.STATX_BTIME, &st)
	if err != nil || st.Mask&unix.STATX_BTIME == 0 {
		return 0
	}
	return st.Btime.Sec*1e9 + int64(st.Btime.Nsec)
}

// write overwrites the text in place: always as long, so that it needs no room
// on a full disk and is whole in one block.
func (w *witness) write(seen int64) error {
	_, err := w.file.WriteAt(fmt.Appendf(nil, witnessText, seen, w.born()), 0)
	return err
}

// reached notes how far the database has come, if that is news.
func (w *witness) reached(n int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n <= w.seen {
		return nil
	}
	if err := w.write(n); err != nil {
		return fmt.Errorf("note in %s how far the database has come: %w", w.path, err)
	}
	w.seen = n
	return nil
}

// restart begins anew, at n.
func (w *witness) restart(n int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = n
	return w.write(n)
}

// last is how far the database had come. Ask before the database is asked: others
// go on meanwhile, and what they note then is not in an answer that is older.
func (w *witness) last() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen
}

const progress = `SELECT coalesce(max(id), 0) FROM journal`

const witnessed = "witness made"

// testify opens the witness and compares it with the database.
func (s *Store) testify(ctx context.Context, dir string) error {
	w, made, copied, err := openWitness(dir)
	if err != nil {
		return err
	}
	s.witness = w
	var n, known int64
	err = s.view(ctx, func(q reader) error {
		if err := q.row(progress).Scan(&n); err != nil || !made || s.d != sqliteDialect {
			return err
		}
		return q.row(`SELECT count(*) FROM journal WHERE what = $1`, witnessed).Scan(&known)
	})
	switch {
	case err != nil:
		return err
	case n < w.last(): // nobody else is at work yet
		return s.restored(ctx, "the database is older than what was done with it")
	// A server's database does not lie in the state directory: the witness's own
	// restore, or another daemon's directory, says nothing of it.
	case copied && s.d == sqliteDialect:
		return s.restored(ctx, "the state directory is a copy")
	case known > 0:
		return s.restored(ctx, "the database was put into a new state directory")
	case made:
		return s.write(ctx, func(ctx context.Context, tx *session) error {
			return journal(ctx, tx, []bridge.Event{{At: time.Now(), What: witnessed, Text: w.path}})
		})
	}
	return w.reached(n)
}

// watch compares the witness with the database while the daemon runs.
func (s *Store) watch(ctx context.Context) error {
	if s.witness == nil {
		return nil
	}
	var n int64
	last := s.witness.last()
	if err := s.lone(ctx).row(progress).Scan(&n); err != nil {
		return err
	}
	if n < last {
		return s.restored(ctx, "the database is older than what was done with it")
	}
	return s.witness.reached(n)
}

// ahead is asked in the transaction that claims, after it wrote the journal, and
// tells how far it has come. With a database restored under our feet nothing is
// claimed before watch has seen to it.
func (s *Store) ahead(ctx context.Context, tx *session) (n int64, err error) {
	if s.witness == nil {
		return 0, nil
	}
	last := s.witness.last()
	if err := tx.row(ctx, progress).Scan(&n); err != nil {
		return 0, err
	}
	if n < last {
		return n, errors.New("the database is older than it was: restored from a backup?")
	}
	return n, nil
}

// restored puts in doubt whatever would be sent, and notes that what mails from
// before now cause must be.
func (s *Store) restored(ctx context.Context, why string) error {
	var n int64
	now := time.Now()
	err := s.write(ctx, func(ctx context.Context, tx *session) error {
		text := "maybe sent before: " + why
		events := []bridge.Event{{At: now, What: "restored", Text: why}}
		for _, part := range []string{claimable, `state = 'sending' AND ` + resting} {
			err := tx.each(ctx, `UPDATE deliveries SET state = 'doubt', detail = $1, settled = $2, next = NULL, probes = 0 WHERE `+part+`
				RETURNING id, conversation_id, mail_id`, []any{text, now.UnixMicro()}, func(scan func(...any) error) error {
				e := bridge.Event{At: now, What: string(bridge.Doubt), Text: text}
				err := scan(&e.Delivery, &e.Conversation, &e.Mail)
				events = append(events, e)
				return err
			})
			if err != nil {
				return err
			}
		}
		if _, err := tx.exec(ctx, `INSERT INTO restores (at, before, why) VALUES ($1, $2, $3)`, now.UnixMicro(), now.UnixMicro(), why); err != nil {
			return err
		}
		if err := journal(ctx, tx, events); err != nil {
			return err
		}
		return tx.row(ctx, progress).Scan(&n)
	})
	if err != nil {
		return fmt.Errorf("put in doubt what may have been sent: %w", err)
	}
	return s.witness.restart(n)
}

// knowRestore reads before when what is not recorded may have been sent.
func (in *intake) knowRestore(ctx context.Context) error {
	return in.tx.row(ctx, `SELECT max(before) FROM restores`).Scan(at{&in.restored})
}
