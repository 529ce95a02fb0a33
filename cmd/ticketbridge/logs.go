package main

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// logLevel reads [log] level.
func logLevel(s string) (slog.Level, error) {
	for _, l := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
		if strings.EqualFold(s, l.String()) {
			return l, nil
		}
	}
	return 0, fmt.Errorf(`want "debug", "info", "warn" or "error", not %q`, s)
}

// maxLogValue caps one value: an error's text may hold a whole mail (net/mail).
const maxLogValue = 1000

// newLogger logs as [log] says. Under the journal the time is left out: it
// writes its own.
func newLogger(w io.Writer, l logging, journal bool) *slog.Logger {
	level, err := logLevel(l.Level)
	if err != nil {
		level = slog.LevelInfo
	}
	opts := &slog.HandlerOptions{Level: level, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if journal && a.Key == slog.TimeKey && len(groups) == 0 {
			return slog.Attr{}
		}
		return capped(a)
	}}
	if l.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}

func capped(a slog.Attr) slog.Attr {
	var s string
	switch v := a.Value.Any().(type) {
	case string:
		s = v
	case error:
		s = strings.ReplaceAll(v.Error(), "\n", "; ") // several that were joined
	default:
		return a
	}
	if a.Key != "stack" {
		s = printable(s, maxLogValue)
	}
	return slog.String(a.Key, s)
}
