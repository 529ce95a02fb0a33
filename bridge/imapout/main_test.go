package imapout

import (
	"os"
	"testing"

	"ticketbridge/bridge/realtest"
)

func TestMain(m *testing.M) { os.Exit(realtest.Run(m)) }
