// Package status shows how the bridge does: a page for people at /, /healthz for
// supervisors, /metrics for Prometheus. It only reads; what changes things is
// the command line's.
//
// It knows the store and, through values that cmd hands it, the watchers. There
// is no login: it belongs on loopback or behind a proxy, shows no bodies, and
// without Config.Details neither subjects nor whole addresses.
package status

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"ticketbridge/bridge"
)

// Store is what the page reads.
type Store interface {
	Counts(ctx context.Context) (bridge.Counts, error)
	Mails(ctx context.Context, f bridge.Filter) ([]bridge.MailRecord, error)
	Deliveries(ctx context.Context, f bridge.Filter) ([]bridge.Delivery, error)
	Formats(ctx context.Context, since time.Time) ([]bridge.FormatCount, error)
	Unconfirmed(ctx context.Context, from, to time.Time) (int64, error)
}

// Folder is how the watcher of one folder does.
type Folder struct {
	Mailbox, Folder string

	Standby   string // which other daemon watches it; "" where this one does
	Connected bool
	Since     time.Time     // of the connection, or of the lack of one; zero: since the start
	Idle      bool          // the server tells of new mails; else they are polled for
	Woken     time.Time     // when it was last looked at
	LookEvery time.Duration // how often it should be at least; 0: not known
	Behind    int64         // mails seen and not yet recorded
	Err       string        // why it does not work; "" if it does
	ErrSince  time.Time     // since when it does not
	RetryAt   time.Time
	OnDoneErr string // why recorded mails do not get their keyword or move
	SetAside  int64  // mails recorded without their body since the start
	Sessions  int64  // connections since the start
}

func (f Folder) name() string { return printable(f.Mailbox + "/" + f.Folder) }

// Sources is what the page looks at.
type Sources struct {
	Store Store
	// Folders returns all watched folders, in the order of the config.
	Folders func() []Folder
	// Mailboxes are the names in the config: the values of a label.
	Mailboxes []string
	Version   string
	// ConfirmWithin is how long the helpdesk may take to acknowledge a message; 0:
	// it is not expected to.
	ConfirmWithin time.Duration
	Log           *slog.Logger
}

// Page serves what the sources say.
type Page struct {
	cfg     Config
	src     Sources
	started time.Time
	reg     *prometheus.Registry
	metrics *metrics
	alarms  alarms
	retry   time.Duration // between two tries to listen
}

// New returns a page; Run serves it.
func New(cfg Config, src Sources) *Page {
	p := &Page{cfg: cfg, src: src, started: time.Now(), retry: time.Minute, reg: prometheus.NewRegistry()}
	p.alarms.aside = map[string]aside{}
	p.metrics = newMetrics(p.reg, src.Mailboxes, src.Version)
	return p
}

// MailRecorded counts a recorded mail.
func (p *Page) MailRecorded(m bridge.MailRecord) { p.metrics.mail(m) }

// AttemptSettled counts a finished attempt.
func (p *Page) AttemptSettled(s bridge.Settlement) {
	p.metrics.attempt(s)
	p.alarms.attempt(s, time.Now())
}

// Run watches for alarms and serves until ctx ends; without Config.Listen it
// only watches. A port that is taken costs the page, not the tickets: it is
// tried again.
func (p *Page) Run(ctx context.Context) error {
	if p.cfg.Listen == "" {
		p.watch(ctx)
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { p.watch(ctx) })
	defer watching.Wait()
	defer cancel()
	return p.listen(ctx)
}

func (p *Page) listen(ctx context.Context) error {
	for said := false; ; said = true {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", p.cfg.Listen)
		if err == nil {
			return p.serve(ctx, l)
		}
		if !said {
			p.src.Log.Error("status page cannot listen; trying on", "key", "http.listen", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(p.retry):
		}
	}
}

// shutdown is how long answers under way may take when the program stops.
const shutdown = 3 * time.Second

func (p *Page) serve(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
		Handler:           p.routes(),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(p.src.Log.Handler(), slog.LevelWarn),
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	p.src.Log.Info("status page listens", "addr", l.Addr().String())
	select {
	case err := <-done:
		return fmt.Errorf("status page: %w", err)
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdown)
	defer cancel()
	err := srv.Shutdown(stop)
	if err != nil {
		err = srv.Close()
	}
	if e := <-done; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	return err
}

// routes: GET and HEAD only; the mux answers 405 to everything else.
func (p *Page) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", p.index)
	mux.HandleFunc("GET /healthz", p.healthz)
	metrics := promhttp.HandlerFor(p.reg, promhttp.HandlerOpts{Registry: p.reg})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		p.metrics.refresh(p.look(r.Context()))
		metrics.ServeHTTP(w, r)
	})
	return headers(mux)
}

// headers keep browsers from running, framing, keeping or guessing anything.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src '"+styleHash+"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// view is what one look at the sources showed.
type view struct {
	now      time.Time
	counts   bridge.Counts
	storeErr error
	formats  []bridge.FormatCount
	// unconfirmed messages are late to be acknowledged.
	unconfirmed int64
	folders     []Folder
	alarms      []Alarm
	broken      time.Time // since when the transport is; zero: it is not
}

// lookTimeout bounds a look at the store, so that a database that hangs is seen
// as not reachable before whoever asks gives up.
const lookTimeout = 3 * time.Second

func (p *Page) look(ctx context.Context) view {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	v := view{now: time.Now(), folders: p.src.Folders()}
	v.counts, v.storeErr = p.src.Store.Counts(ctx)
	if v.storeErr == nil {
		v.formats, v.storeErr = p.src.Store.Formats(ctx, v.now.Add(-recentWindow))
	}
	if within := p.src.ConfirmWithin; within > 0 && v.storeErr == nil {
		late := v.now.Add(-within)
		v.unconfirmed, v.storeErr = p.src.Store.Unconfirmed(ctx, late.Add(-unconfirmedWindow), late)
	}
	for i, f := range v.folders {
		if f.Since.IsZero() {
			v.folders[i].Since = p.started
		}
	}
	v.broken = p.alarms.brokenSince()
	v.alarms = p.weigh(v)
	return v
}

// oldestDue is how long the oldest due delivery has been waiting.
func (v view) oldestDue() time.Duration {
	if v.counts.OldestDue.IsZero() {
		return 0
	}
	return max(v.now.Sub(v.counts.OldestDue), 0)
}
