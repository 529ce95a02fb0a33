package status

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// running serves p on a free port until the test ends.
func running(t *testing.T, p *Page) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return l.Addr().String()
}

// TestServe goes over a real connection, and the end is clean.
func TestServe(t *testing.T) {
	addr := running(t, newPage(Default(), newStore(), wellFolder()))
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for path, want := range map[string]string{
		"/":        "<h1>ticketbridge",
		"/healthz": `"status": "ok"`,
		"/metrics": "bridge_store_up 1",
	} {
		resp, err := client.Get("http://" + addr + path)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK || !strings.Contains(string(b), want) {
			t.Errorf("%s: %s %s", path, resp.Status, b)
		}
	}
}

func TestRunEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := newPage(Config{}, newStore()).Run(ctx); err != nil {
		t.Errorf("without listen: %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	done := make(chan error, 1)
	p := newPage(Config{Listen: "127.0.0.1:0"}, newStore())
	go func() { done <- p.Run(ctx) }()
	cancel()
	// Either it never listened or it stopped listening; both in good order.
	if err := <-done; err != nil && !strings.Contains(err.Error(), "operation was canceled") {
		t.Error(err)
	}
}

// TestPortTaken: the page waits for its port; the daemon goes on without it.
func TestPortTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := newPage(Config{Listen: l.Addr().String()}, newStore())
	p.retry = time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	l.Close()
	for {
		resp, err := http.Get("http://" + l.Addr().String() + "/healthz")
		if err == nil {
			resp.Body.Close()
			break
		}
	}
	http.DefaultClient.CloseIdleConnections()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestStopCutsSlowAnswer: a question under way does not hold up the stop.
func TestStopCutsSlowAnswer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan struct{})
	p := newPage(Default(), &fakeStore{hang: true})
	p.src.Folders = func() []Folder { close(asked); return nil }
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.serve(ctx, l) }()
	go func() {
		c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		if resp, err := c.Get("http://" + l.Addr().String() + "/healthz"); err == nil {
			resp.Body.Close()
		}
	}()
	<-asked
	began := time.Now()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > shutdown {
		t.Errorf("took %v", took)
	}
}

func TestOnlyReads(t *testing.T) {
	p := newPage(Default(), newStore(), wellFolder())
	for _, path := range []string{"/", "/healthz", "/metrics"} {
		for _, m := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"} {
			if r := get(t, p, m, path); r.StatusCode != http.StatusMethodNotAllowed {
				t.Errorf("%s %s: %s", m, path, r.Status)
			}
		}
		if r := get(t, p, "HEAD", path); r.StatusCode != http.StatusOK {
			t.Errorf("HEAD %s: %s", path, r.Status)
		}
	}
	for _, path := range []string{"/x", "/healthz/", "/debug/pprof/", "/..", "/index.html"} {
		if r := get(t, p, "GET", path); r.StatusCode == http.StatusOK {
			t.Errorf("%s: %s", path, r.Status)
		}
	}
}

func TestHeaders(t *testing.T) {
	p := newPage(Default(), newStore(), wellFolder())
	for _, path := range []string{"/", "/healthz", "/metrics", "/nothing"} {
		h := get(t, p, "GET", path).Header
		if !strings.HasPrefix(h.Get("Content-Security-Policy"), "default-src 'none'; style-src 'sha256-") ||
			h.Get("X-Content-Type-Options") != "nosniff" || h.Get("X-Frame-Options") != "DENY" ||
			h.Get("Referrer-Policy") != "no-referrer" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", path, h)
		}
	}
}
