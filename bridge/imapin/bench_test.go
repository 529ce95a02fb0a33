package imapin

import (
	"context"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"ticketbridge/bridge"
	"ticketbridge/bridge/realtest"
)

// backlog is how many mails of 22 KB, the size of an Intercom mail, are read.
const backlog = 3000

// BenchmarkDovecot reads a backlog from Dovecot and does nothing with it: the
// bound that this package sets to the whole pipeline. run with -benchtime 3x.
func BenchmarkDovecot(b *testing.B) {
	d := realtest.Dovecot(b)
	m := d.NewMailbox(b, "bench")
	raws := make([][]byte, backlog)
	for i := range raws {
		raws[i] = text(i, 22<<10)
	}
	m.Append(b, "INBOX", raws...)
	raws = nil
	for _, tls := range []string{"none", "implicit"} {
		b.Run("tls="+tls, func(b *testing.B) { benchRead(b, realConfig(d, m, tls)) })
	}
	b.Run("go-imap alone", func(b *testing.B) { benchAlone(b, m) })
}

// benchAlone is the least that go-imap can do it with, by hundreds and without
// looking: what the watcher costs is the difference.
func benchAlone(b *testing.B, m *realtest.Mailbox) {
	q := &imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{{Peek: true}}}
	before := cpu(b)
	for b.Loop() {
		c := m.Dial(b)
		if _, err := c.Select("INBOX", &imap.SelectOptions{ReadOnly: true}).Wait(); err != nil {
			b.Fatal(err)
		}
		for first := imap.UID(1); first < backlog; first += 200 {
			cmd := c.Fetch(imap.UIDSet{imap.UIDRange{Start: first, Stop: first + 199}}, q)
			for m := cmd.Next(); m != nil; m = cmd.Next() {
				if _, err := read(m); err != nil {
					b.Fatal(err)
				}
			}
			if err := cmd.Close(); err != nil {
				b.Fatal(err)
			}
		}
		c.Close()
	}
	report(b, before)
}

// report gives figures per mail. Own CPU says more than mails/s where others
// are busy on the machine.
func report(b *testing.B, before time.Duration) {
	mails := float64(b.N) * backlog
	b.ReportMetric(mails/b.Elapsed().Seconds(), "mails/s")
	b.ReportMetric(float64((cpu(b)-before).Microseconds())/mails, "own-cpu-µs/mail")
}

// benchRead reads everything there is, again and again.
func benchRead(b *testing.B, cfg Config) {
	var peak uint64
	before := cpu(b)
	b.ReportAllocs()
	for b.Loop() {
		store := newStore()
		full := make(chan struct{})
		n := 0
		handle := func(ctx context.Context, batch bridge.Batch) ([]bridge.MailRecord, error) {
			if n += len(batch.Mails); n == backlog {
				close(full)
			}
			return nil, nil
		}
		w := New(cfg, "INBOX", store, handle, discard)
		ctx, cancel := context.WithCancel(b.Context())
		ended := make(chan error, 1)
		go func() { ended <- w.Run(ctx) }()
		select {
		case <-full:
		case <-time.After(2 * time.Minute):
			b.Fatalf("read %d mails in two minutes; %+v", n, w.Status())
		}
		var ms runtime.MemStats
		runtime.ReadMemStats(&ms)
		peak = max(peak, ms.HeapSys-ms.HeapReleased)
		cancel()
		<-ended
	}
	report(b, before)
	b.ReportMetric(float64(peak)/1e6, "heap-MB")
}

// cpu is what this process has used, whoever else is busy on the machine.
func cpu(b *testing.B) time.Duration {
	var ru syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &ru); err != nil {
		b.Fatal(err)
	}
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}
