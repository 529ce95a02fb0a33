package sqlstore_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"ticketbridge/bridge"
	"ticketbridge/bridge/realtest"
	"ticketbridge/bridge/sqlstore"
	"ticketbridge/bridge/storetest"
)

// onBoth runs a test on both databases; url makes an empty one.
func onBoth(t *testing.T, do func(t *testing.T, url func(t *testing.T) string)) {
	t.Run("sqlite", func(t *testing.T) {
		do(t, func(t *testing.T) string { return "sqlite:" + t.TempDir() + "/bridge.db" })
	})
	t.Run("postgres", func(t *testing.T) {
		server := realtest.Postgres(t)
		do(t, func(t *testing.T) string { return server.NewDatabase(t) })
	})
}

// batchOf is how many mails the child records at a time, window how many
// deliveries it has under way.
const batchOf, window = 7, 5

// daemonChild takes in mails and sends what they cause for ever, from where the
// database says it stands. It writes a line for each batch it has recorded.
func daemonChild(args []string) error {
	ctx := context.Background()
	s, err := sqlstore.Open(ctx, args[0], sqlstore.Options{})
	if err != nil {
		return err
	}
	if _, err := s.Recover(ctx, bridge.Recovery{Worker: "child", Started: true, State: bridge.Doubt}); err != nil {
		return err
	}
	c, err := s.Cursor(ctx, "support", "INBOX")
	if err != nil && !errors.Is(err, bridge.ErrNotFound) {
		return err
	}
	var done []bridge.Settlement
	for uid := c.UID; ; uid += batchOf {
		var batch []bridge.Arrival
		for i := uid + 1; i <= uid+batchOf; i++ {
			batch = append(batch, storetest.Mail("support", i, fmt.Sprint("k/", i/3), fmt.Sprint("turn ", i)))
		}
		if _, err := s.Accept(ctx, batch, storetest.At("support", uid+batchOf), storetest.Judge); err != nil {
			return err
		}
		claimed, err := s.Turnover(ctx, "child", time.Now(), done, window)
		if err != nil {
			return err
		}
		done = nil
		for i, d := range claimed {
			st := bridge.Settlement{Delivery: d.ID, Attempt: d.Attempts, State: bridge.Sent, At: time.Now()}
			if i == 3 {
				st.State, st.Next = bridge.Retry, time.Now()
			}
			done = append(done, st)
		}
		fmt.Println(uid + batchOf)
	}
}

// TestKill ends the daemon at any moment, again and again. What is there after
// it is whole: the cursor, and each mail up to it with all it caused, and
// nothing beyond.
func TestKill(t *testing.T) {
	const rounds = 12
	onBoth(t, func(t *testing.T, url func(t *testing.T) string) {
		at := url(t)
		var last uint32
		for round := range rounds {
			cmd, _ := child(t, "daemon", at)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			told := make(chan uint32, 1)
			go func() {
				var uid uint32
				for lines := bufio.NewScanner(out); lines.Scan(); {
					fmt.Sscan(lines.Text(), &uid)
					if n := rand.IntN(6); n == 0 {
						cmd.Process.Kill() // at any moment of what comes next
					}
				}
				told <- uid
			}()
			uid := <-told
			cmd.Wait()
			got := whole(t, at)
			if uid < last || got < uid {
				t.Fatalf("round %d: the child had told of UID %d, the database knows %d", round, uid, got)
			}
			last = got
		}
		t.Logf("%d mails over %d kills", last, rounds)
	})
}

// whole checks a database of daemonChild's and returns how far it is.
func whole(t *testing.T, url string) uint32 {
	t.Helper()
	ctx := t.Context()
	s, err := sqlstore.Open(ctx, url, sqlstore.Options{Existing: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	all := bridge.Filter{Limit: 1 << 30}
	c, err1 := s.Cursor(ctx, "support", "INBOX")
	mails, err2 := s.Mails(ctx, all)
	deliveries, err3 := s.Deliveries(ctx, all)
	left, err4 := s.Recover(ctx, bridge.Recovery{Worker: "child", Started: true, State: bridge.Doubt})
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	if c.UID%batchOf != 0 || len(mails) != int(c.UID) || len(deliveries) != int(c.UID) || len(left) > window {
		t.Fatalf("cursor %d, %d mails, %d deliveries, %d under way", c.UID, len(mails), len(deliveries), len(left))
	}
	sending := 0
	for i, d := range deliveries {
		m := mails[i]
		if want := c.UID - uint32(i); m.UID != want || !m.HasRaw || d.Mail != m.ID || d.Conversation != m.Conversation {
			t.Fatalf("mail %+v, delivery %+v; want UID %d", m, d, want)
		}
		if d.State == bridge.Sending {
			sending++
		}
		if i > 3*batchOf {
			continue // the last few batches are where a kill would show
		}
		raw, err1 := s.Raw(ctx, m.ID)
		data, err2 := s.DeliveryData(ctx, d.ID)
		sts, err3 := s.Find(ctx, bridge.MailID(m.ID))
		if err := errors.Join(err1, err2, err3); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(data)
		if int64(len(raw)) != m.Size || hex.EncodeToString(sum[:]) != d.SHA256 {
			t.Fatalf("mail %d: raw of %d bytes, message with digest %x", m.ID, len(raw), sum)
		}
		st := sts[0]
		if len(st.Turns) != len(st.Mails) || len(st.Deliveries) != len(st.Mails) || len(st.Conversation.Thread) != len(st.Mails) {
			t.Fatalf("conversation %d: %d mails, %d turns, %d deliveries, thread of %d", st.Conversation.ID, len(st.Mails), len(st.Turns), len(st.Deliveries), len(st.Conversation.Thread))
		}
	}
	if sending != len(left) {
		t.Fatalf("%d sending, %d recovered", sending, len(left))
	}
	return c.UID
}

// TestBesideDaemon: the admin's commands work on the database while the daemon
// does, each from a process of its own.
func TestBesideDaemon(t *testing.T) {
	onBoth(t, func(t *testing.T, url func(t *testing.T) string) {
		at := url(t)
		cmd, _ := child(t, "daemon", at)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() {
			cmd.Process.Kill()
			cmd.Wait()
		}()
		lines := bufio.NewScanner(out)
		if !lines.Scan() {
			t.Fatal("the daemon does not begin")
		}
		go func() { // or it would wait for us
			for lines.Scan() {
			}
		}()
		for i := range 12 {
			if err := command(t.Context(), at, i); err != nil {
				t.Fatalf("command %d: %v", i, err)
			}
		}
	})
}

// command is what a command does: open, look, act, close.
func command(ctx context.Context, url string, i int) (err error) {
	s, err := sqlstore.Open(ctx, url, sqlstore.Options{Existing: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	ms, err1 := s.Mails(ctx, bridge.Filter{Limit: 3})
	ds, err2 := s.Deliveries(ctx, bridge.Filter{State: "ready", Limit: 3})
	_, err3 := s.Find(ctx, "kim@customer.example.net")
	_, err4 := s.Counts(ctx)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return err
	}
	if err := s.SetTicket(ctx, ms[0].Conversation, bridge.Link{Ticket: fmt.Sprint("T", i)}); err != nil {
		return err
	}
	for _, d := range ds {
		if err := s.DropDelivery(ctx, d.ID, "to try"); err != nil && !errors.Is(err, bridge.ErrState) {
			return err
		}
	}
	return nil
}
