package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// soakLong in the environment is how many mails TestSoak takes.
const soakLong = "TICKETBRIDGE_SOAK"

// gauge is what the daemon takes at one moment, when it rests.
type gauge struct {
	mails                  int
	rss, files, goroutines float64 // bytes, count, count
	database               float64 // bytes
}

// TestSoak lets mails come in for long, in ten heaps, and compares the second
// half with the first: memory, open files and goroutines do not grow, the database
// grows by as much a mail (INVARIANTS R21). While they come, /metrics is asked
// again and again whether the mails are the sum of their states (R20).
func TestSoak(t *testing.T) {
	for _, database := range databases {
		t.Run(database, func(t *testing.T) {
			w := newStreamWorld(t, database)
			addr, err := freeAddr()
			if err != nil {
				t.Fatal(err)
			}
			w.extra["listen"] = addr
			s := newStream(w)
			total := howMany(t, soakLong, 600)
			daemon := w.start(t, "")
			const heaps = 10
			var at []gauge
			for range heaps {
				s.deliver(t, total/heaps/perRound)
				s.until(t, 2*restWithin, func() bool { s.identity(t, addr); return s.dealtWith(t) })
				at = append(at, s.measure(t, addr, daemon.cmd.Process.Pid))
			}
			daemon.stop(t)
			s.account(t)
			half, end := at[heaps/2-1], at[heaps-1]
			first := half.database / float64(half.mails)
			then := (end.database - half.database) / float64(end.mails-half.mails)
			fmt.Printf("%s: %d mails: RSS %.0f → %.0f MB, files %.0f → %.0f, goroutines %.0f → %.0f, database %.0f B a mail in the first half, %.0f in the second\n",
				t.Name(), s.mails, half.rss/1e6, end.rss/1e6, half.files, end.files, half.goroutines, end.goroutines, first, then)
			// The collector lets the heap double before it acts, connections come and go.
			if end.rss > 1.25*half.rss+16e6 || end.files > half.files+8 || end.goroutines > half.goroutines+16 {
				t.Errorf("it grows: %+v, then %+v", half, end)
			}
			// An empty database has its size, and so has the WAL of a small one.
			if then > 1.1*first+1000 {
				t.Errorf("a mail takes %.0f bytes of the database in the second half, %.0f in the first", then, first)
			}
		})
	}
}

// metrics asks the daemon for its numbers, by their name with labels.
func metrics(t testing.TB, addr string) map[string]float64 {
	t.Helper()
	client := http.Client{Timeout: restWithin, Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := client.Get("http://" + addr + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	got := map[string]float64{}
	lines := bufio.NewScanner(r.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if n, err := strconv.ParseFloat(value, 64); err == nil && !strings.HasPrefix(name, "#") {
			got[name] = n
		}
	}
	if err := lines.Err(); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	return got
}

func sum(numbers map[string]float64, prefix string) (n float64) {
	for name, v := range numbers {
		if strings.HasPrefix(name, prefix+"{") {
			n += v
		}
	}
	return n
}

// identity: what the daemon says it recorded since its start is the sum of the
// states in the database at a moment in between, and never more than came.
func (s *stream) identity(t testing.TB, addr string) {
	t.Helper()
	before := s.recorded(t)
	got := metrics(t, addr)
	after := s.recorded(t)
	said := int(sum(got, "bridge_mails"))
	// The page looks every few seconds, so it may tell of a moment ago.
	if said > after || after > s.mails || before > after {
		t.Errorf("/metrics tells of %d mails in all states, the database of %d and then %d, delivered were %d", said, before, after, s.mails)
	}
	counted := int(sum(got, "bridge_messages_processed_total"))
	if counted > after || counted < before-200 { // of a batch that is just recorded
		t.Errorf("the daemon counted %d mails, the database %d and then %d", counted, before, after)
	}
}

// measure looks at the process and the database.
func (s *stream) measure(t testing.TB, addr string, pid int) gauge {
	t.Helper()
	got := metrics(t, addr)
	g := gauge{mails: s.mails, rss: got["process_resident_memory_bytes"], goroutines: got["go_goroutines"]}
	if g.rss == 0 || g.goroutines == 0 {
		t.Fatalf("/metrics has no process_resident_memory_bytes or go_goroutines")
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	g.files = float64(len(files))
	if s.w.store == "sqlite:ticketbridge.db" {
		for _, name := range []string{"ticketbridge.db", "ticketbridge.db-wal"} {
			info, err := os.Stat(filepath.Join(s.w.dir, "state", name))
			if err != nil {
				t.Fatal(err)
			}
			g.database += float64(info.Size())
		}
		return g
	}
	db := s.w.database(t)
	defer db.Close()
	if err := db.QueryRow("SELECT pg_database_size(current_database())").Scan(&g.database); err != nil {
		t.Fatal(err)
	}
	return g
}
