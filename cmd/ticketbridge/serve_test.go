package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestWithin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boom := errors.New("boom")
		if err := within(t.Context(), time.Second, func(context.Context) error { return boom }); err != boom {
			t.Errorf("an early end: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		err := within(ctx, 10*time.Second, func(ctx context.Context) error { <-ctx.Done(); time.Sleep(9 * time.Second); return nil })
		if err != nil || time.Since(began) != 69*time.Second {
			t.Errorf("an orderly end: %v after %s", err, time.Since(began))
		}
		release := make(chan struct{})
		began = time.Now()
		err = within(ctx, 10*time.Second, func(context.Context) error { <-release; return nil })
		if err == nil || !strings.Contains(err.Error(), "did not stop within 10s") || time.Since(began) != 10*time.Second {
			t.Errorf("a stuck one: %v after %s", err, time.Since(began))
		}
		close(release)
	})
}

func TestLogger(t *testing.T) {
	var buf bytes.Buffer
	log := newLogger(&buf, logging{Level: "warn", Format: "json"}, true)
	log.Info("not shown")
	log.Warn("shown", "reason", "a\n\x1b{\"level\":\"error\"}", "err", errors.New(strings.Repeat("x", 5000)), "n", 3)
	got := buf.String()
	if strings.Count(got, "\n") != 1 || strings.Contains(got, `"time"`) || len(got) > 1500 {
		t.Errorf("want one capped line without a time: %q", got)
	}
	if !strings.Contains(got, `"reason":"a\\n\\x1b{\"level\":\"error\"}"`) || !strings.Contains(got, `"n":3`) {
		t.Errorf("got %q", got)
	}
	buf.Reset()
	buf.Reset()
	log.Warn("several", "err", errors.Join(errors.New("folders: Chats: no such folder"), errors.New("folders: More: no such folder")))
	if want := `"err":"folders: Chats: no such folder; folders: More: no such folder"`; !strings.Contains(buf.String(), want) {
		t.Errorf("got %s, want %s", buf.String(), want)
	}
	log = newLogger(&buf, logging{Level: "debug", Format: "text"}, false)
	log.Debug("step", "mail", "m1")
	if !strings.Contains(buf.String(), "time=") || !strings.Contains(buf.String(), "level=DEBUG msg=step mail=m1") {
		t.Errorf("got %q", buf.String())
	}
	if _, err := logLevel("INFO"); err != nil {
		t.Error(err)
	}
	if _, err := logLevel("trace"); err == nil {
		t.Error("trace is no level")
	}
}
