package main

import (
	"context"
	"fmt"
	"time"

	"ticketbridge/bridge/status"
)

var healthCommand = command{
	name: "health", config: true,
	summary: "ask the running daemon whether it is well",
	help: `Asks the running daemon whether it is well, for a container's HEALTHCHECK: exit code 0
if so. With [http] listen set it asks /healthz; without, it only looks whether a daemon
holds the lock of state_dir. What needs a person, such as a ticket message that may not
have arrived, is told as an alarm and does not make it unwell: no restart helps there.`,
	run: (*app).health,
}

func (a *app) health(ctx context.Context, c *call) error {
	if err := c.wantArgs(0, 0); err != nil {
		return err
	}
	cfg, err := a.loadConfig(c.config, false)
	if err != nil {
		return err
	}
	if cfg.HTTP.Listen == "" {
		if !stateLocked(cfg.StateDir) {
			return fmt.Errorf("no daemon runs with state_dir %s", cfg.StateDir)
		}
		fmt.Fprintln(a.stdout, "a daemon runs; [http] listen is not set, so it cannot be asked more")
		return nil
	}
	h, err := status.Ask(ctx, cfg.HTTP.Listen)
	if err != nil {
		return err
	}
	connected := 0
	for _, m := range h.Mailboxes {
		if m.Connected {
			connected++
		}
	}
	fmt.Fprintf(a.stdout, "ok: up %s, %d of %s connected, %d parked\n", time.Duration(h.Uptime)*time.Second,
		connected, plural(len(h.Mailboxes), "folder", "folders"), h.Outbox.Parked)
	for _, al := range h.Alarms {
		fmt.Fprintf(a.stdout, "alarm: %s: %s\n", printable(al.Kind, 20), printable(al.Text, 500))
	}
	return nil
}
