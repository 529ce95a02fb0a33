package imapin

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"ticketbridge/bridge"
	"ticketbridge/bridge/realtest"
)

// toxic is a line that can be made bad in the ways lines are.
type toxic struct {
	t     *testing.T
	proxy *toxiproxy.Proxy
	port  int
}

func newToxic(t *testing.T, upstream string) *toxic {
	t.Helper()
	s := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p := toxiproxy.NewProxy(s, "imap", "127.0.0.1:0", upstream)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	_, port, err := net.SplitHostPort(p.Listen)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return &toxic{t, p, n}
}

// add makes the line bad, from now on and for what is under way.
func (x *toxic) add(kind, stream, attributes string) {
	x.t.Helper()
	json := fmt.Sprintf(`{"name": %q, "type": %q, "stream": %q, "attributes": {%s}}`, kind+stream, kind, stream, attributes)
	if _, err := x.proxy.Toxics.AddToxicJson(strings.NewReader(json)); err != nil {
		x.t.Fatalf("%s: %v", json, err)
	}
}

func (x *toxic) mend() { x.proxy.Toxics.ResetToxics(x.t.Context()) }

// Packets vanish, in IDLE and with a command under way: noticed within poll and
// timeout, and mended when the line is.
func TestBlackHole(t *testing.T) {
	d := realtest.Dovecot(t)
	for _, stream := range []string{"upstream", "downstream"} {
		t.Run(stream, func(t *testing.T) {
			t.Parallel()
			m := d.NewMailbox(t, "ann")
			x := newToxic(t, string(d.IMAP))
			cfg := realConfig(d, m, "none")
			cfg.Port = x.port
			cfg.Poll, cfg.Timeout = bridge.Duration(2*time.Second), bridge.Duration(time.Second)
			m.Deliver(t, text(1, 500))
			store := newStore()
			w := newWatch(t, cfg, store, nil).start(t)
			store.eventually(t, 10*time.Second, func() bool { return len(store.have()) == 1 })
			waitIdle(t, w)
			x.add("timeout", stream, `"timeout": 0`)
			m.Deliver(t, text(2, 30_000))
			began := time.Now()
			store.eventually(t, 20*time.Second, func() bool { return w.Status().Err != "" })
			if took := time.Since(began); took > 5*time.Second || !strings.Contains(w.Status().Err, "does not answer") {
				t.Errorf("noticed after %v: %s", took, w.Status().Err)
			}
			x.mend()
			store.eventually(t, 20*time.Second, func() bool { return len(store.have()) == 2 })
			store.once(t, inBox(t, m, "INBOX"))
		})
	}
}

// Mails keep coming while the line breaks in every way there is.
func TestChaos(t *testing.T) {
	d := realtest.Dovecot(t)
	m := d.NewMailbox(t, "ann")
	x := newToxic(t, string(d.IMAPS))
	cfg := realConfig(d, m, "implicit")
	cfg.Port = x.port
	cfg.Poll, cfg.Timeout = bridge.Duration(time.Second), bridge.Duration(time.Second)
	cfg.MaxFetchAttempts = 100 // it is the line's fault
	cfg.OnDone = "keyword:$Ticket"
	store := newStore()
	store.ours = func(bridge.Mail) bool { return true }
	w := newWatch(t, cfg, store, nil)
	w.pause = func(int) time.Duration { return 100 * time.Millisecond }
	w.start(t)
	n := 0
	deliver := func(count int) {
		for range count {
			m.Deliver(t, text(n, 200+rand.IntN(56_000)))
			n++
		}
	}
	for _, fault := range []struct{ kind, stream, attributes string }{
		{"timeout", "downstream", `"timeout": 0`},
		{"limit_data", "downstream", `"bytes": 20000`},
		{"reset_peer", "downstream", `"timeout": 100`},
		{"slicer", "downstream", `"average_size": 3, "size_variation": 2, "delay": 1`},
		{"timeout", "upstream", `"timeout": 0`},
		{"bandwidth", "downstream", `"rate": 200`},
		{"limit_data", "upstream", `"bytes": 700`},
		{"reset_peer", "upstream", `"timeout": 20`},
		{"latency", "downstream", `"latency": 300, "jitter": 200`},
	} {
		deliver(6)
		waitIdle(t, w)
		x.add(fault.kind, fault.stream, fault.attributes)
		deliver(6)
		store.await(3*time.Second, func() bool { return w.Status().Err != "" }) // not every fault hurts
		x.mend()
	}
	store.eventually(t, time.Minute, func() bool { return len(store.have()) == n && w.Status().Behind == 0 })
	store.once(t, inBox(t, m, "INBOX"))
	store.eventually(t, time.Minute, func() bool {
		store.mu.Lock()
		defer store.mu.Unlock()
		return len(store.unmarked) == 0
	})
	t.Logf("%d mails once each in %d sessions", n, w.Status().Sessions)
}
