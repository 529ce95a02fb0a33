package sqlstore_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"ticketbridge/bridge"
	"ticketbridge/bridge/realtest"
	"ticketbridge/bridge/sqlstore"
	"ticketbridge/bridge/storetest"
)

// The bars: on SQLite with full durability Accept and Turnover together cost at
// most 250 µs of CPU a mail, for 2,000 mails/s on two cores leave 1 ms for all
// of a mail's way.
//
//	go test -run - -bench . -benchtime 10000x ./bridge/sqlstore
func BenchmarkSQLite(b *testing.B) {
	benchmarks(b, func(b *testing.B) string { return "sqlite:" + b.TempDir() + "/bench.db" })
}

func BenchmarkPostgres(b *testing.B) {
	server := realtest.NewPostgres(b, realtest.PostgresConfig{Durable: true})
	benchmarks(b, func(b *testing.B) string { return server.NewDatabase(b) })
}

func benchmarks(b *testing.B, url func(b *testing.B) string) {
	const batch, window = 200, 16
	b.Run("Accept", func(b *testing.B) {
		s := openFor(b, url(b))
		defer cpu(b)()
		for n := 0; n < b.N; n += batch {
			accept(b, s, n, min(batch, b.N-n))
		}
	})
	b.Run("AcceptOne", func(b *testing.B) {
		s := openFor(b, url(b))
		defer cpu(b)()
		for n := range b.N {
			accept(b, s, n, 1)
		}
	})
	b.Run("Turnover", func(b *testing.B) {
		s := openFor(b, url(b))
		for n := 0; n < b.N; n += batch {
			accept(b, s, n, min(batch, b.N-n))
		}
		defer cpu(b)()
		var done []bridge.Settlement
		sent := 0
		for sent < b.N {
			claimed, err := s.Turnover(context.Background(), "bench", storetest.Start.AddDate(1, 0, 0), done, window)
			if err != nil {
				b.Fatal(err)
			}
			done = settlements(claimed)
			sent += len(claimed)
		}
		if _, err := s.Turnover(context.Background(), "bench", storetest.Start, done, 0); err != nil {
			b.Fatal(err)
		}
	})
}

func settlements(claimed []bridge.Delivery) []bridge.Settlement {
	var done []bridge.Settlement
	for _, d := range claimed {
		done = append(done, bridge.Settlement{Delivery: d.ID, Attempt: d.Attempts, State: bridge.Sent, At: storetest.Start.AddDate(1, 0, 0),
			Detail: "accepted at dot: 250 2.0.0 Ok: queued as 4F1B2C3D"})
	}
	return done
}

func openFor(b *testing.B, url string) *sqlstore.Store {
	s, err := sqlstore.Open(context.Background(), url, sqlstore.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return s
}

// accept records mails of 22 KB that each raise a ticket message of 4 KB.
func accept(b *testing.B, s bridge.Store, from, n int) {
	as := make([]bridge.Arrival, n)
	for i := range as {
		uid := uint32(from + i + 1)
		as[i] = storetest.Mail("support", uid, fmt.Sprintf("intercom/abcd1234/%d", 1_900_000_000+7*uid), fmt.Sprint("How do I change the invoice's address? ", uid), "It still shows the old street.")
		as[i].Raw = mail22K
		as[i].Record.Size = int64(len(mail22K))
	}
	_, err := s.Accept(context.Background(), as, storetest.At("support", uint32(from+n)), func(a bridge.Arrival, k bridge.Known) bridge.Verdict {
		v := storetest.Judge(a, k)
		v.Delivery.Data = append(v.Delivery.Data, message4K...)
		return v
	})
	if err != nil {
		b.Fatal(err)
	}
}

// cpu reports the process's CPU time of each operation.
func cpu(b *testing.B) func() {
	var before, after syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	start := time.Now()
	b.ResetTimer()
	return func() {
		b.StopTimer()
		syscall.Getrusage(syscall.RUSAGE_SELF, &after)
		used := func(a, b syscall.Timeval) float64 { return float64(b.Nano()-a.Nano()) / 1e3 }
		b.ReportMetric((used(before.Utime, after.Utime)+used(before.Stime, after.Stime))/float64(b.N), "cpu-µs/mail")
		b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "mails/s")
	}
}

// mail22K looks like a chat product's notification: quoted-printable HTML, long
// tables, links with tokens; it deflates to a quarter, as such mails do.
var mail22K = func() []byte {
	r := rand.New(rand.NewPCG(1, 2))
	var sig [256]byte
	for i := range sig {
		sig[i] = byte(r.Uint32())
	}
	words := strings.Fields("the customer wrote that billing does not work after the upgrade and asks when somebody could look into it please thanks hello again invoice number plan trial agent assigned conversation reply directly from your inbox unsubscribe settings workspace")
	var m bytes.Buffer
	fmt.Fprintf(&m, "Received: from a.example.com (a.example.com [192.0.2.1])\r\n\tby mx.example.org with ESMTPS id ABCDEF\r\n\tfor <ann@example.com>; Mon, 23 Nov 2026 10:00:00 +0000\r\nDKIM-Signature: v=1; a=rsa-sha256; d=example.com;\r\n\tb=%s\r\nContent-Type: text/html\r\n\r\n", base64.StdEncoding.EncodeToString(sig[:]))
	for m.Len() < 22000 {
		fmt.Fprintf(&m, "<tr><td align=3D\"left\" style=3D\"padding:%dpx 0 %dpx;font-family:-apple-system,BlinkMac=\r\nSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;color:#%06x\"><a href=3D\"https://link.example.com/c/%x\">", r.IntN(40), r.IntN(40), r.IntN(1<<24), r.Uint64())
		for range 12 {
			m.WriteString(words[r.IntN(len(words))] + " ")
		}
		m.WriteString("</a></td></tr>\r\n")
	}
	return m.Bytes()[:22000]
}()

var message4K = bytes.Repeat([]byte("The last open question, who asks, and the turns with their times.\r\n"), 60)
