package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ticketbridge/bridge"
	"ticketbridge/bridge/realtest"
	"ticketbridge/bridge/storetest"
)

// refuse ends the transaction as PostgreSQL does when it has to choose a victim.
func refuse(ctx context.Context, tx *session, code string) error {
	_, err := tx.exec(ctx, fmt.Sprintf("DO $$ BEGIN RAISE EXCEPTION 'chosen' USING ERRCODE = '%s'; END $$", code))
	return err
}

func TestRepeat(t *testing.T) {
	s := bare(t, realtest.Postgres(t).NewDatabase(t))
	s.run(t, "CREATE TABLE n (x BIGINT)")
	for code, want := range map[string]int{"40001": 3, "40P01": 3, "23505": 1, "57014": 1} {
		calls := 0
		err := s.write(t.Context(), func(ctx context.Context, tx *session) error {
			calls++
			if _, err := tx.exec(ctx, "INSERT INTO n VALUES ($1)", int64(calls)); err != nil {
				return err
			}
			if calls < 3 {
				return refuse(ctx, tx, code)
			}
			return nil
		})
		if calls != want || (err == nil) != (want == 3) {
			t.Errorf("%s: %d calls, %v", code, calls, err)
		}
	}
	var n int
	if err := s.lone(t.Context()).row("SELECT count(*) FROM n WHERE x = 3").Scan(&n); err != nil || n != 2 {
		t.Errorf("%d rows of the last call, %v", n, err)
	}
	if err := s.lone(t.Context()).row("SELECT count(*) FROM n").Scan(&n); err != nil || n != 2 {
		t.Errorf("%d rows in all, %v; those of refused calls are left", n, err)
	}
	// It does not go on for ever, and not when nobody waits any more.
	calls := 0
	always := func(ctx context.Context, tx *session) error { calls++; return refuse(ctx, tx, "40001") }
	if err := s.write(t.Context(), always); err == nil || calls != 10 {
		t.Errorf("%d calls, %v", calls, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := s.write(ctx, func(ctx context.Context, tx *session) error {
		defer cancel()
		return refuse(ctx, tx, "40001")
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestDeadlock makes two transactions wait for each other: one is repeated,
// both succeed.
func TestDeadlock(t *testing.T) {
	s := bare(t, realtest.Postgres(t).NewDatabase(t))
	s.run(t, "CREATE TABLE n (id BIGINT, x BIGINT); INSERT INTO n VALUES (1, 0), (2, 0)")
	var met sync.WaitGroup
	met.Add(2)
	errs := make(chan error, 2)
	for i := range 2 {
		go func() {
			first := true
			errs <- s.write(t.Context(), func(ctx context.Context, tx *session) error {
				if _, err := tx.exec(ctx, "UPDATE n SET x = x + 1 WHERE id = $1", int64(1+i)); err != nil {
					return err
				}
				if first {
					first = false
					met.Done()
					met.Wait()
				}
				_, err := tx.exec(ctx, "UPDATE n SET x = x + 1 WHERE id = $1", int64(2-i))
				return err
			})
		}()
	}
	if err := errors.Join(<-errs, <-errs); err != nil {
		t.Error(err)
	}
	var sum int
	if err := s.lone(t.Context()).row("SELECT sum(x)::bigint FROM n").Scan(&sum); err != nil || sum != 4 {
		t.Errorf("sum %d, %v", sum, err)
	}
}

// TestBubble: the SQLite store lives on the clock it is given, so that days of
// retries can be tested in no time.
func TestBubble(t *testing.T) {
	file := t.TempDir() + "/bubble.db"
	synctest.Test(t, func(t *testing.T) {
		s := bare(t, "sqlite:"+file)
		ctx := t.Context()
		if err := s.migrate(ctx, migrations(), false); err != nil {
			t.Fatal(err)
		}
		a := storetest.Mail("support", 1, "k/1", "one")
		a.Record.Recorded = time.Now()
		if _, err := s.Accept(ctx, []bridge.Arrival{a}, storetest.At("support", 1), storetest.Judge); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		attempts := 0
		var done []bridge.Settlement
		for time.Since(begun) < 24*time.Hour {
			ds, err := s.Turnover(ctx, "w", time.Now(), done, 1)
			if err != nil {
				t.Fatal(err)
			}
			done = nil
			for _, d := range ds {
				attempts++
				done = append(done, bridge.Settlement{Delivery: d.ID, Attempt: d.Attempts, State: bridge.Retry, At: time.Now(), Next: time.Now().Add(time.Hour)})
			}
			if len(done) > 0 {
				continue
			}
			next, err := s.NextDue(ctx)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Until(next))
		}
		if attempts != 24 {
			t.Errorf("%d attempts in a day", attempts)
		}
		if err := s.DropDelivery(ctx, 1, "given up"); err != nil {
			t.Fatal(err)
		}
		sts, err := s.Find(ctx, "d1")
		if err != nil || !sts[0].Deliveries[0].Settled.Equal(time.Now()) {
			t.Errorf("settled %v, %v", sts[0].Deliveries[0].Settled, err)
		}
	})
}
