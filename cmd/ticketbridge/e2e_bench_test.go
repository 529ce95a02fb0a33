package main

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// backlog is how many mails BenchmarkBacklog finds in the mailbox.
const backlog = 10_000

// BenchmarkBacklog is the whole way under load: 10,000 chat mails of 22 KB wait
// in Dovecot, and the daemon, a process of its own, reads them, raises a ticket
// each through SQLite with full durability, and hands them to an SMTP sink. Run
// it with -benchtime 1x. Dovecot and the sink share the machine's cores.
func BenchmarkBacklog(b *testing.B) {
	if testing.Short() {
		b.Skip("fills a mailbox with 220 MB")
	}
	for b.Loop() {
		b.StopTimer()
		w := newWorld(b, "sqlite")
		w.sink = newSink(b)
		w.sink.forget = true
		filler := strings.Repeat(`<table><tr><td style="font-family:'Helvetica Neue',Helvetica,Arial,sans-serif;font-size:15px;line-height:22px;color:#222222;padding:0 0 12px 0;border-collapse:collapse"></td></tr></table>`+"\n", 74)
		var mails [][]byte
		for i := range backlog {
			c := chat{conversation: i + 1, name: "Ada Example", email: "ada@example.org", id: fmt.Sprint("m", i), said: []string{"Where do I change the invoice address?"}}
			c.filler = filler
			mails = append(mails, c.mail())
			if len(mails) == 500 {
				w.ann.Append(b, "INBOX", mails...)
				mails = mails[:0]
			}
		}
		size := len(w.ann.Mails(b, "INBOX")[0].Raw)
		b.StartTimer()

		began := time.Now()
		daemon := w.start(b, "never")
		for w.sink.count() < backlog {
			if time.Since(began) > 5*time.Minute {
				b.Fatalf("%d of %d after five minutes", w.sink.count(), backlog)
			}
			time.Sleep(10 * time.Millisecond)
		}
		took := time.Since(began)
		b.StopTimer()
		daemon.stop(b)
		usage := daemon.cmd.ProcessState.SysUsage().(*syscall.Rusage)
		cpu := time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
		b.ReportMetric(float64(backlog)/took.Seconds(), "mails/s")
		b.ReportMetric(float64(backlog*size)/1e6/took.Seconds(), "MB/s")
		b.ReportMetric(float64(cpu.Microseconds())/backlog, "cpu-µs/mail")
		b.ReportMetric(float64(usage.Maxrss)/1024, "peak-MB")
		if got := w.states(b, "deliveries"); got["sent"] != backlog {
			b.Errorf("deliveries %v", got)
		}
		b.StartTimer()
	}
}
