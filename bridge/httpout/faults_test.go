package httpout

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"ticketbridge/bridge"
)

const key = "0123456789ABCDEF"

func osConfig(url string) Config {
	return Config{Kind: OSTicket, URL: url, Token: key, Timeout: 10 * time.Second, Connections: 1}
}

func delivery(size int) bridge.Delivery {
	return bridge.Delivery{MessageID: "T.1@example.com", Data: []byte("Subject: x\r\n\r\n" + strings.Repeat("0123456789\r\n", size/12))}
}

// TestOSTicketTakesTheMessage: the raw bytes with the key, the number at once.
func TestOSTicketTakesTheMessage(t *testing.T) {
	d := delivery(100 << 10)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method != http.MethodPost || r.URL.Path != "/support/api/tickets.email" || r.Header.Get("X-API-Key") != key || !bytes.Equal(body, d.Data) {
			t.Errorf("%s %s with key %q and %d bytes", r.Method, r.URL, r.Header.Get("X-API-Key"), len(body))
		}
		w.WriteHeader(http.StatusCreated)
		io.WriteString(w, "725631")
	}))
	defer srv.Close()
	r := New(osConfig(srv.URL+"/support/")).Send(t.Context(), d)
	if r.Outcome != bridge.Accepted || r.Ticket != "725631" || r.Code != "201" {
		t.Errorf("got %+v", r)
	}
}

// TestAnswers: what each full answer means.
func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		status  int
		body    string
		outcome bridge.Outcome
		broken  bool
		ticket  string
	}{
		{201, "\"A-17\"\n", bridge.Accepted, false, "A-17"},
		{201, "<html>made</html>", bridge.Accepted, false, ""}, // made, yet the number is not to be read
		{200, "725631", bridge.InDoubt, false, ""},             // not what osTicket says of a ticket
		{204, "", bridge.InDoubt, false, ""},
		{302, "", bridge.Temporary, true, ""},
		{400, "Unexpected data", bridge.Permanent, false, ""},
		{401, "Valid API key required", bridge.Temporary, true, ""},
		{403, "", bridge.Temporary, true, ""},
		{404, "", bridge.Temporary, true, ""},
		{408, "", bridge.Temporary, false, ""},
		{413, "", bridge.Permanent, false, ""},
		{429, "", bridge.Temporary, true, ""},
		{403, "Ticket denied", bridge.Permanent, false, ""},
		{500, "Unable to create new ticket: unknown error", bridge.Permanent, false, ""},
		{500, "<html>Unable to create new ticket</html>", bridge.InDoubt, false, ""},
		{500, "", bridge.InDoubt, false, ""},
		{502, "", bridge.InDoubt, false, ""},
		{503, "", bridge.Temporary, true, ""},
		{504, "", bridge.InDoubt, false, ""},
	} {
		asked := 0
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked++
			io.Copy(io.Discard, r.Body)
			w.Header().Set("Location", "/elsewhere")
			w.Header().Set("Retry-After", "120")
			w.WriteHeader(c.status)
			io.WriteString(w, c.body)
		}))
		r := New(osConfig(srv.URL)).Send(t.Context(), delivery(100))
		srv.Close()
		if r.Outcome != c.outcome || r.Broken != c.broken || r.Ticket != c.ticket || asked != 1 {
			t.Errorf("%d: %+v, asked %d times", c.status, r, asked)
		}
		if busy := c.status == 429 || c.status == 503; busy != (r.RetryAfter == 2*time.Minute) {
			t.Errorf("%d: retry after %v", c.status, r.RetryAfter)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "soon": 0, "-5": 0, "90": 90 * time.Second, "999999": mostPatience,
		"Sun, 01 Nov 2026 12:10:00 GMT": 10 * time.Minute, "Sun, 01 Nov 2026 11:00:00 GMT": 0,
	} {
		a := answer{header: http.Header{"Retry-After": {text}}}
		if got := a.retryAfter(now); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

// serveRaw answers each connection by f.
func serveRaw(t *testing.T, f func(net.Conn, *bufio.Reader)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				f(conn, bufio.NewReader(conn))
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

// readRequest reads a whole request.
func readRequest(r *bufio.Reader) {
	if req, err := http.ReadRequest(r); err == nil {
		io.Copy(io.Discard, req.Body)
	}
}

// TestCuts: a connection that ends at each stage.
func TestCuts(t *testing.T) {
	big := delivery(32 << 20) // more than the buffers on the way hold
	const full = "HTTP/1.1 201 Created\r\nContent-Length: 6\r\n\r\n725631"
	for name, c := range map[string]struct {
		d    bridge.Delivery
		f    func(net.Conn, *bufio.Reader)
		want bridge.Outcome
	}{
		"before the body's end": {big, func(_ net.Conn, r *bufio.Reader) { io.CopyN(io.Discard, r, 1<<20) }, bridge.Temporary},
		"after the body":        {delivery(100), func(_ net.Conn, r *bufio.Reader) { readRequest(r) }, bridge.InDoubt},
		"nonsense":              {delivery(100), func(c net.Conn, r *bufio.Reader) { readRequest(r); io.WriteString(c, "SMTP?\r\n\r\n") }, bridge.InDoubt},
		"whole":                 {delivery(100), func(c net.Conn, r *bufio.Reader) { readRequest(r); io.WriteString(c, full) }, bridge.Accepted},
	} {
		if r := New(osConfig(serveRaw(t, c.f))).Send(t.Context(), c.d); r.Outcome != c.want || r.Broken {
			t.Errorf("%s: %+v, want %s", name, r, c.want)
		}
	}
	for n := range len(full) { // the answer, cut at every byte
		url := serveRaw(t, func(c net.Conn, r *bufio.Reader) { readRequest(r); io.WriteString(c, full[:n]) })
		if r := New(osConfig(url)).Send(t.Context(), delivery(100)); r.Outcome != bridge.InDoubt {
			t.Errorf("cut after %q: %+v", full[:n], r)
		}
	}
}

// TestNobodyListens, and nobody trusted does: the transport is broken, no mail is.
func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + l.Addr().String()
	l.Close()
	tls := httptest.NewTLSServer(http.NotFoundHandler())
	defer tls.Close()
	for _, url := range []string{closed, tls.URL, "https://" + l.Addr().String()} {
		r := New(osConfig(url)).Send(t.Context(), delivery(100))
		if r.Outcome != bridge.Temporary || !r.Broken || r.Stage != atConnect {
			t.Errorf("%s: %+v", url, r)
		}
	}
}

// TestSilence: a server that never answers, and a program that stops.
func TestSilence(t *testing.T) {
	got, hold := make(chan struct{}), make(chan struct{})
	defer close(hold)
	url := serveRaw(t, func(_ net.Conn, r *bufio.Reader) { readRequest(r); got <- struct{}{}; <-hold })
	cfg := osConfig(url)
	cfg.Timeout = 300 * time.Millisecond
	done := make(chan bridge.Result)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { done <- New(cfg).Send(ctx, delivery(100)) }()
	<-got
	cancel() // after the body it changes nothing: the time limit does
	if r := <-done; r.Outcome != bridge.InDoubt || !strings.Contains(r.Reply, "no full answer within") {
		t.Errorf("got %+v", r)
	}
	if r := New(cfg).Send(ctx, delivery(100)); r.Outcome != bridge.Temporary || r.Broken {
		t.Errorf("stopped before: %+v", r)
	}
}

// TestProxyVariablesAreIgnored: they would send customers' mail elsewhere.
func TestProxyVariablesAreIgnored(t *testing.T) {
	c := newClient(osConfig("https://help.example.com"), "X-API-Key", "")
	if c.http.Proxy != nil {
		t.Error("the environment's proxy would be used")
	}
}

func TestProblems(t *testing.T) {
	good := Config{Kind: RT, URL: "https://help.example.com/rt/", Token: key, Queue: "Support", Timeout: time.Minute, Connections: 4}
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"good":        {func(*Config) {}, ""},
		"loopback":    {func(c *Config) { c.URL = "http://127.0.0.1:8080" }, ""},
		"plain":       {func(c *Config) { c.URL = "http://help.example.com" }, "url: http:// is only for a server on this machine"},
		"no url":      {func(c *Config) { c.URL = "" }, "url: required"},
		"password":    {func(c *Config) { c.URL = "https://u:p@help.example.com" }, "url: want"},
		"other":       {func(c *Config) { c.URL = "ftp://help.example.com" }, "url: want"},
		"kind":        {func(c *Config) { c.Kind = "smtp" }, "kind: want"},
		"queue":       {func(c *Config) { c.Queue = "" }, "queue: required"},
		"two lines":   {func(c *Config) { c.Token = "a\nb" }, "password_file: want one line"},
		"impatient":   {func(c *Config) { c.Timeout = time.Second }, "http_timeout: want"},
		"connections": {func(c *Config) { c.Connections = 0 }, "connections: want"},
		"ca_file":     {func(c *Config) { c.CAFile = "/nowhere" }, "ca_file: "},
	} {
		cfg := good
		c.change(&cfg)
		got := ""
		for _, err := range cfg.Problems() {
			got += err.Error() + "\n"
		}
		if !strings.HasPrefix(got, c.want) || (c.want == "") != (got == "") {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if strings.Contains(fmt.Sprintf("%+v", cfg), key) {
			t.Errorf("%s: the key shows", name)
		}
	}
}
