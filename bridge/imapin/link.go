package imapin

import (
	"context"

	"ticketbridge/bridge/imaplink"
)

// link is one connection to the mailbox, and what the config says of it.
type link struct {
	*imaplink.Link
	cfg Config
}

// literalSlack is how much longer a mail may be than max_size before we stop
// reading it: some servers only estimate RFC822.SIZE.
const literalSlack = 1 << 20

func connect(ctx context.Context, cfg Config, dial imaplink.Dialer) (*link, error) {
	l, err := imaplink.Open(ctx, imaplink.Config{
		Endpoint: cfg.Endpoint, Credentials: cfg.Credentials,
		Timeout: cfg.Timeout.D(), MaxLiteral: int64(cfg.MaxSize) + literalSlack,
	}, dial)
	if err != nil {
		return nil, err
	}
	return &link{l, cfg}, nil
}
