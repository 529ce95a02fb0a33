package main

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"ticketbridge/bridge"
)

// TestCanariesFly: one every so often, the first soon after the start, and what
// became of each is told.
func TestCanariesFly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		began := time.Now()
		var at []time.Duration
		var told []error
		missing := errors.New("it did not arrive within 5m")
		c := canaries{every: time.Hour, within: 5 * time.Minute, log: slog.New(slog.DiscardHandler),
			fly: func(context.Context) error {
				at = append(at, time.Since(began))
				time.Sleep(2 * time.Minute)
				if len(at) == 2 {
					return missing
				}
				return nil
			},
			told: func(took time.Duration, err error) {
				if took != 2*time.Minute {
					t.Errorf("took %s", took)
				}
				told = append(told, err)
			}}
		go c.Run(ctx)
		time.Sleep(3 * time.Hour)
		cancel()
		synctest.Wait()
		if len(at) != 3 || at[0] != time.Minute || at[1] != 61*time.Minute || at[2] != 121*time.Minute {
			t.Errorf("flew at %v", at)
		}
		if len(told) != 3 || told[0] != nil || told[1] != missing || told[2] != nil {
			t.Errorf("told %v", told)
		}
	})
}

// TestCanaryOnRealServers: it passes, is missing while the mail server stands
// still, and passes again.
func TestCanaryOnRealServers(t *testing.T) {
	w := tested(t, "", "")
	cfg, err := testApp(nil).loadConfig(w.config(t), true)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Canary.Want != "arrival" {
		t.Fatalf("want %q", cfg.Canary.Want)
	}
	cfg.Canary.Every, cfg.Canary.Within = bridge.Duration(time.Second), bridge.Duration(10*time.Second)
	way, err := cfg.newWay(make([]byte, bridge.MinSecret), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer way.close()
	told := make(chan error)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		ended <- cfg.newCanaries(way, func(_ time.Duration, err error) {
			select {
			case told <- err:
			case <-ctx.Done():
			}
		}, way.ingest.Log).Run(ctx)
	}()
	until := func(what string, missing bool) {
		t.Helper()
		late := time.After(time.Minute)
		for {
			select {
			case err := <-told:
				if (err != nil) == missing {
					return
				}
			case <-late:
				t.Fatal("not within a minute: " + what)
			}
		}
	}
	until("a canary passes", false)
	w.smtp.Stop(t)
	until("a canary is missing", true)
	w.smtp.Start(t)
	until("a canary passes again", false)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
