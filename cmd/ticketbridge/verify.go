package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"ticketbridge/bridge"
)

var verifyCommand = command{
	name: "verify", config: true,
	summary: "recount the database: is everything there that should be",
	help: `Reads the whole database and reports what should not be so, a line each: mails that are in
no state, ticket messages whose bytes are not those that were composed, references to what is
not there. It works while the daemon runs, as of one moment, and changes nothing. Exit code 1
if there is any problem. With --json, each problem is an object a line, and the counts the last.`,
	flags: func(c *call) { c.jsonFlag() },
	run:   (*app).verify,
}

func (a *app) verify(ctx context.Context, c *call) error {
	if err := c.wantArgs(0, 0); err != nil {
		return err
	}
	return a.withStore(ctx, c, func(s bridge.Store) error {
		tell := func(p bridge.Problem) {
			fmt.Fprintf(a.stdout, "%s: %s\n", printable(p.What, 200), printable(p.Text, 400))
		}
		var werr error
		if c.json {
			tell = func(p bridge.Problem) {
				if err := writeJSON(a.stdout, problemJSON{p.What, p.Text}); err != nil {
					werr = err
				}
			}
		}
		r, err := s.Verify(ctx, tell)
		if err != nil {
			return fmt.Errorf("verify: %w", err)
		}
		if c.json {
			if err := writeJSON(a.stdout, newRecountJSON(r)); err != nil {
				werr = err
			}
		} else {
			fmt.Fprint(a.stdout, recounted(r))
		}
		switch {
		case werr != nil:
			return fmt.Errorf("write: %w", werr)
		case r.Problems > 0:
			return fmt.Errorf("%s", plural(int(r.Problems), "problem", "problems"))
		}
		return nil
	})
}

// recounted is the sum, as people check it: "5 mails: 2 ticket + 3 ignored".
func recounted(r bridge.Recount) string {
	var mails, deliveries []string
	var n int64
	for _, s := range bridge.MailStates {
		if r.Mails[s] > 0 {
			mails = append(mails, fmt.Sprint(r.Mails[s], " ", s))
		}
	}
	for _, s := range bridge.DeliveryStates {
		n += r.Deliveries[s]
		if r.Deliveries[s] > 0 {
			deliveries = append(deliveries, fmt.Sprint(r.Deliveries[s], " ", s))
		}
	}
	return fmt.Sprintf("%s: %s\n%s: %s\n%s\n",
		plural(int(r.Seen()), "mail", "mails"), orDash(strings.Join(mails, " + ")),
		plural(int(n), "ticket message", "ticket messages"), orDash(strings.Join(deliveries, " + ")),
		plural(int(r.Conversations), "conversation", "conversations"))
}

type problemJSON struct {
	What string `json:"what"`
	Text string `json:"problem"`
}

type recountJSON struct {
	Seen          int64                          `json:"seen"`
	Mails         map[bridge.MailState]int64     `json:"mails"`
	Deliveries    map[bridge.DeliveryState]int64 `json:"deliveries"`
	Conversations int64                          `json:"conversations"`
	Problems      int64                          `json:"problems"`
}

func newRecountJSON(r bridge.Recount) recountJSON {
	return recountJSON{r.Seen(), r.Mails, r.Deliveries, r.Conversations, r.Problems}
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
