package mailparse

import "testing"

// The budget of a chat mail of 22 KB is 400 µs for the whole parse, of which
// the profiles may take 100.
func BenchmarkTranscript(b *testing.B) {
	for name, raw := range map[string][]byte{"intercom": intercomMail(b, false), "newsletter": forwardMail()} {
		b.Run(name, func(b *testing.B) {
			p := benchParser(b)
			budget := newBudget(p.opts.Limits)
			l := readMessage(raw, budget).letter("direct", budget)
			l.text()
			b.ReportAllocs()
			for b.Loop() {
				p.transcript(p.view(l), budget)
			}
		})
	}
}
