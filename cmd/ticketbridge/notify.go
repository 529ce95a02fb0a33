package main

import (
	"log/slog"

	systemd "github.com/coreos/go-systemd/v22/daemon"
)

// notify tells systemd (Type=notify) where the daemon stands. Without systemd it
// does nothing.
func notify(log *slog.Logger, state string) {
	if _, err := systemd.SdNotify(false, state); err != nil {
		log.Warn("systemd could not be told", "state", state, "err", err)
	}
}
