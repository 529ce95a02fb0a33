package imapin

import (
	"context"
	"runtime"
	"syscall"
	"testing"
	"time"

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
		b.Run("tls="+tls, func(b *testing.B) { benchRead(b, configFor(d, m, tls), nil) })
	}
}

func configFor(d *realtest.DovecotServer, m *realtest.Mailbox, tls string) Config {
	c := realConfig(d, m, tls)
	c.Start = "all"
	return c
}

// benchRead reads everything there is, again and again.
func benchRead(b *testing.B, cfg Config, dial dialer) {
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
		if dial != nil {
			w.dial = dial
		}
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
	per := float64(b.Elapsed()) / float64(b.N) / backlog
	b.ReportMetric(1e9/per, "mails/s")
	b.ReportMetric(float64((cpu(b)-before).Microseconds())/float64(b.N)/backlog, "own-cpu-µs/mail")
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
