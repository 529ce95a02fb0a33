package httpout

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode"

	"ticketbridge/bridge"
)

// client makes requests of which it is known afterwards how far they came.
type client struct {
	cfg  Config
	http *http.Transport
	auth [2]string // the header field that holds the token
}

func newClient(cfg Config, field, prefix string) client {
	// A config without problems has readable certificates; else requests fail, and say so.
	trust, err := cfg.endpoint().TLSConfig()
	if err != nil {
		trust = &tls.Config{MinVersion: tls.VersionTLS13, VerifyConnection: func(tls.ConnectionState) error { return err }}
	}
	return client{cfg: cfg, auth: [2]string{field, prefix + cfg.Token.Reveal()}, http: &http.Transport{
		// Proxy stays nil: no variable of the environment diverts customers' mail.
		TLSClientConfig:     trust,
		DialContext:         (&net.Dialer{Timeout: time.Minute}).DialContext,
		TLSHandshakeTimeout: time.Minute,
		// One connection for each request: net/http never repeats one behind our back then, and HTTP/1.1
		// tells whether the whole body had gone out.
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: 64 << 10,
	}}
}

// stages of a request; bridge.Result.Stage takes their names.
const (
	atConnect = "connect"
	atAuth    = "auth"
	atBody    = "body"
	atReply   = "reply"
)

// maxAnswer is more than any answer that is asked for.
const maxAnswer = 1 << 20

// answer is a full answer, or how far the request came without one.
type answer struct {
	status int
	header http.Header
	body   []byte

	stage string // where err happened
	err   error
	sent  bool // the whole request may have gone out
}

var errStopped = errors.New("stopped")

// do makes one request. Until the first byte of its body ctx cuts it, later only
// a passed deadline (bridge.Transport). RoundTrip follows no redirect: the token
// and the mail are for this server alone.
func (c *client) do(ctx context.Context, method, path, contentType string, body []byte) answer {
	counted := &countedReader{r: bytes.NewReader(body), left: int64(len(body))}
	inner, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	timer := time.AfterFunc(c.cfg.Timeout, func() { cancel(fmt.Errorf("no full answer within %v", c.cfg.Timeout)) })
	defer timer.Stop()
	defer context.AfterFunc(ctx, func() {
		if !counted.begun.Load() || errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
			cancel(errStopped)
		}
	})()
	connected := false
	inner = httptrace.WithClientTrace(inner, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected = true }})
	req, err := http.NewRequestWithContext(inner, method, c.cfg.base()+path, counted)
	if err != nil {
		return answer{stage: atConnect, err: err}
	}
	req.ContentLength = int64(len(body))
	if len(body) == 0 {
		req.Body = http.NoBody
	}
	req.Header.Set(c.auth[0], c.auth[1])
	req.Header.Set("User-Agent", "ticketbridge")
	req.Header.Set("Accept", "application/json, text/plain, */*")
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := c.http.RoundTrip(req)
	if err != nil {
		a := answer{stage: atConnect, err: why(inner, err), sent: counted.done.Load() || len(body) == 0 && connected}
		switch {
		case a.sent:
			a.stage = atReply
		case connected:
			a.stage = atBody
		}
		return a
	}
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode, header: resp.Header, stage: atReply, sent: counted.done.Load()}
	if a.body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer)); err != nil {
		a.err = why(inner, err)
	}
	return a
}

// why prefers our own reason for the end of a request to "context canceled".
func why(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}

// countedReader tells whether a body has begun to go out, and whether its last
// byte was handed over: what comes then may follow a message that was taken.
type countedReader struct {
	r           *bytes.Reader
	left        int64
	begun, done atomic.Bool
}

func (c *countedReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if n > 0 {
		c.begun.Store(true)
		if c.left -= int64(n); c.left <= 0 {
			c.done.Store(true)
		}
	}
	return n, err
}

func (c *countedReader) Close() error { return nil }

// result is what an answer means for a message. A server that answers with
// success is for the caller to read.
func (a answer) result(where string) bridge.Result {
	r := bridge.Result{Outcome: bridge.Temporary, Stage: a.stage, Reply: a.text()}
	if a.status != 0 {
		r.Code = strconv.Itoa(a.status)
	}
	switch {
	case a.err != nil && (a.sent || a.status != 0):
		r.Outcome = bridge.InDoubt // also when only a part of the answer came
	case a.err != nil:
		r.Broken = a.stage == atConnect && !errors.Is(a.err, errStopped)
		if r.Broken {
			r.Reply = printable(where + ": " + r.Reply)
		}
	case a.status == http.StatusUnauthorized, a.status == http.StatusForbidden:
		r.Stage, r.Broken = atAuth, true // the key's fault, not the message's
	case a.status == http.StatusNotFound, a.status == http.StatusMethodNotAllowed, a.status >= 300 && a.status < 400:
		r.Broken = true
		r.Reply = printable(fmt.Sprintf("%s (is %s the right url? redirects are not followed)", r.Reply, where))
	case a.status == http.StatusTooManyRequests, a.status == http.StatusServiceUnavailable:
		r.Broken, r.RetryAfter = true, a.retryAfter(time.Now())
	case a.status == http.StatusRequestTimeout:
	case a.status >= 400 && a.status < 500:
		r.Outcome = bridge.Permanent
	default:
		// 5xx: the helpdesk may have failed behind the ticket, a gateway may have lost only the answer. Any
		// other success than "created" is not what this server was asked for.
		r.Outcome = bridge.InDoubt
	}
	return r
}

// mostPatience is how long a server may ask us to wait.
const mostPatience = time.Hour

// retryAfter reads Retry-After (RFC 9110 §10.2.3), 0 where there is none.
func (a answer) retryAfter(now time.Time) time.Duration {
	v := a.header.Get("Retry-After")
	var d time.Duration
	if n, err := strconv.ParseInt(v, 10, 32); err == nil {
		d = time.Duration(n) * time.Second
	} else if at, err := http.ParseTime(v); err == nil {
		d = at.Sub(now)
	}
	return min(max(d, 0), mostPatience)
}

// text is what the server said, or what went wrong.
func (a answer) text() string {
	if a.err != nil {
		return printable(a.err.Error())
	}
	return printable(strings.TrimSpace(http.StatusText(a.status) + ": " + string(a.body)))
}

// check turns the answer to a question that changes nothing into an error.
func (a answer) check(where string) error {
	switch {
	case a.err != nil:
		return fmt.Errorf("%s: %s", where, a.text())
	case a.status == http.StatusUnauthorized, a.status == http.StatusForbidden:
		return fmt.Errorf("%s: the key is refused: %d %s", where, a.status, a.text())
	case a.status != http.StatusOK:
		return fmt.Errorf("%s: %d %s", where, a.status, a.text())
	}
	return nil
}

const maxText = 300

// printable makes text of a server fit for logs and terminals.
func printable(s string) string {
	n := 0
	return strings.Map(func(r rune) rune {
		if n++; n > maxText {
			return -1
		}
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
}
