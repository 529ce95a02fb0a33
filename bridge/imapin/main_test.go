package imapin

import (
	"log/slog"
	"os"
	"testing"

	"ticketbridge/bridge/realtest"
)

func TestMain(m *testing.M) { os.Exit(realtest.Run(m)) }

var discard = slog.New(slog.DiscardHandler)
