package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"ticketbridge/bridge"
	"ticketbridge/bridge/smtpout"
	"ticketbridge/mailparse"
)

var doctorCommand = command{
	name: "doctor", config: true,
	summary: "send test mails the whole way; say which settings follow",
	help: `Sends test mails on the way that ticket messages take and reports each hop: was it accepted,
did it arrive and where, does the helpdesk see the right requester, does its acknowledgement
come back with the number, does the same message sent twice arrive once, and do the watched
mailboxes' servers remove a forged Authentication-Results. It ends with the settings that
follow, as lines for the config. Exit code 1 if anything is not as it should be.

The test mails say that they are tests. Those to the helpdesk make a ticket or two there;
close them. It looks for them in the support mailbox where [probe] (or transport.kind =
"imap") gives a login, and for acknowledgements in the watched mailboxes; it reads nothing
but what names its own test mails, and changes and deletes nothing. The daemon may run
meanwhile, and ignores them. A --from that ends in a watched mailbox lets it see what the
helpdesk answers the requester.

With --reject-domain it also sends as somebody of a domain of yours whose DMARC policy is
reject: if that arrives, mail passes as any customer (identity = "as-customer").`,
	flags: func(c *call) {
		d := &c.doctor
		c.flags.DurationVar(&d.wait, "wait", 2*time.Minute, "how long to wait for each thing, at most (`TIME`)")
		c.flags.StringVar(&d.from, "from", "", "`ADDRESS` the test mails are from; default ticketbridge-test@ your domain")
		c.flags.StringVar(&d.rejectDomain, "reject-domain", "", "a `DOMAIN` of yours with the DMARC policy reject")
		c.flags.StringVar(&d.mx, "mx", "", "`HOST:PORT` that strangers' mail to the watched mailboxes comes to")
		c.jsonFlag()
	},
	run: (*app).doctor,
}

// doctorFlags are what the admin gives along.
type doctorFlags struct {
	wait                   time.Duration
	from, rejectDomain, mx string
}

func (f doctorFlags) problem() error {
	if f.wait < time.Second || f.wait > time.Hour {
		return usagef("--wait: want 1s to 1h, not %s", f.wait)
	}
	if f.from != "" {
		if _, err := mailparse.StrictAddress(f.from); err != nil {
			return usagef("--from: want a plain address, not %q: %s", f.from, err)
		}
	}
	if f.rejectDomain != "" && !domainName.MatchString(f.rejectDomain) {
		return usagef("--reject-domain: want a domain such as example.org, not %q", f.rejectDomain)
	}
	if f.mx != "" {
		host, port, err := net.SplitHostPort(f.mx)
		if n, perr := strconv.ParseUint(port, 10, 16); err != nil || perr != nil || n == 0 || host == "" {
			return usagef("--mx: want host:port, such as mx.example.com:25, not %q", f.mx)
		}
	}
	return nil
}

func (a *app) doctor(ctx context.Context, c *call) error {
	if err := c.wantArgs(0, 0); err != nil {
		return err
	}
	if err := c.doctor.problem(); err != nil {
		return err
	}
	cfg, err := a.loadConfig(c.config, true)
	if err != nil {
		return err
	}
	secret, err := readKey(cfg.StateDir)
	if errors.Is(err, fs.ErrNotExist) {
		// No daemon has run here yet, so none is to know the test mails for its own.
		secret = make([]byte, bridge.MinSecret)
		rand.Read(secret)
	} else if err != nil {
		return err
	}
	way, err := cfg.newWay(secret, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer way.close()
	e := &examination{way: way, flags: c.doctor, now: a.now, nonce: strings.ToLower(rand.Text())}
	if e.flags.from == "" {
		e.flags.from = cfg.canaryFrom()
	}
	if !c.json {
		sc := a.newScreen()
		e.tell = func(h hop) { h.print(sc) }
	}
	e.all(ctx)
	if ctx.Err() != nil {
		return errors.New("stopped before it was done")
	}
	return a.prescribe(e, c.json)
}

// prescribe prints what follows, and fails if anything was found.
func (a *app) prescribe(e *examination, asJSON bool) error {
	r := examinationJSON{Hops: orEmpty(e.hops), Advice: orEmpty(e.way.cfg.Target.Advise(e.found)), Left: orEmpty(e.left)}
	for _, h := range e.hops {
		if h.State == hopFinding {
			r.Findings++
		}
	}
	if asJSON {
		enc := json.NewEncoder(a.stdout)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(r); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	} else {
		printAdvice(a.stdout, r)
	}
	if r.Findings > 0 {
		return errSilent
	}
	return nil
}

// examinationJSON is what --json prints.
type examinationJSON struct {
	Hops     []hop           `json:"hops"`
	Advice   []bridge.Advice `json:"advice"`
	Left     []string        `json:"left"` // what lies there now and may be deleted
	Findings int             `json:"findings"`
}

// stranger is a transport to the server that strangers' mail comes to.
func stranger(addr string) *smtpout.Transport {
	host, port, _ := net.SplitHostPort(addr) // checked
	n, _ := strconv.Atoi(port)
	c := smtpout.Default()
	// In plain text, as much mail still comes; there is no secret in it.
	c.Endpoint = bridge.Endpoint{Host: host, Port: n, TLS: "none"}
	return smtpout.New(c)
}
