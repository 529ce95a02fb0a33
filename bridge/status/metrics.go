package status

import (
	"runtime"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"ticketbridge/bridge"
)

// metrics are the numbers for Prometheus. Label values are closed sets, there
// from the start at 0: states, outcomes, and mailboxes and folders of the config.
// Nothing of a mail is ever a label.
type metrics struct {
	processed map[string]map[bridge.MailState]prometheus.Counter // by mailbox
	lag       prometheus.Histogram
	attempts  map[bridge.Outcome]prometheus.Counter
	settled   map[bridge.DeliveryState]prometheus.Counter
	broken    prometheus.Gauge

	canary, canarySeen prometheus.Gauge // how long the last took that was seen, and when

	seen atomic.Pointer[view] // what gauges are read from; nil before the first look
}

// otherMailbox counts mails of a mailbox that the config does not name.
const otherMailbox = "other"

var outcomes = []bridge.Outcome{bridge.Accepted, bridge.Temporary, bridge.Permanent, bridge.InDoubt}

func newMetrics(reg prometheus.Registerer, mailboxes []string, version string) *metrics {
	processed := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "bridge_messages_processed_total", Help: "Mails recorded since the start, by mailbox and what became of them.",
	}, []string{"mailbox", "outcome"})
	attempts := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "bridge_delivery_attempts_total", Help: "Attempts to send a ticket message since the start, by how they ended.",
	}, []string{"outcome"})
	settled := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "bridge_deliveries_settled_total", Help: "Attempts since the start, by the state they left the delivery in.",
	}, []string{"state"})
	m := &metrics{
		processed: map[string]map[bridge.MailState]prometheus.Counter{},
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "bridge_message_lag_seconds", Help: "Time from a mail's arrival in the mailbox to its being recorded.",
			Buckets: []float64{.1, .25, .5, 1, 2, 5, 10, 30, 60, 300, 1800, 7200},
		}),
		attempts: map[bridge.Outcome]prometheus.Counter{},
		settled:  map[bridge.DeliveryState]prometheus.Counter{},
		broken: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "bridge_transport_broken", Help: "1 if the last attempt failed before it came to the message: connection, TLS or login.",
		}),
	}
	for _, box := range append([]string{otherMailbox}, mailboxes...) {
		m.processed[box] = map[bridge.MailState]prometheus.Counter{}
		for _, st := range bridge.MailStates {
			m.processed[box][st] = processed.WithLabelValues(box, string(st))
		}
	}
	for _, o := range outcomes {
		m.attempts[o] = attempts.WithLabelValues(string(o))
	}
	for _, st := range bridge.DeliveryStates {
		m.settled[st] = settled.WithLabelValues(string(st))
	}
	m.canary = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "ticketbridge_canary_seconds", Help: "How long the last canary that was seen took; 0 if none was yet.",
	})
	m.canarySeen = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "ticketbridge_canary_success_timestamp_seconds", Help: "When a canary was last seen; 0 if none was yet.",
	})
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "bridge_build_info", Help: "Always 1; what is running.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	})
	info.Set(1)
	reg.MustRegister(processed, attempts, settled, m.lag, m.broken, m.canary, m.canarySeen, info, (*gauges)(m),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) mail(r bridge.MailRecord) {
	box, ok := m.processed[r.Mailbox]
	if !ok {
		box = m.processed[otherMailbox]
	}
	if c, ok := box[r.State]; ok {
		c.Inc()
	}
	if !r.Received.IsZero() && !r.Recorded.IsZero() {
		m.lag.Observe(max(r.Recorded.Sub(r.Received).Seconds(), 0))
	}
}

func (m *metrics) attempt(s bridge.Settlement) {
	if c, ok := m.attempts[s.Result.Outcome]; ok { // a look-up is no attempt
		c.Inc()
		m.broken.Set(truth(s.Result.Broken))
	}
	if c, ok := m.settled[s.State]; ok {
		c.Inc()
	}
}

func (m *metrics) refresh(v view) { m.seen.Store(&v) }

// gauges are read from the last view at every scrape. A store that does not
// answer leaves its gauges out: an old number would look like a good one.
type gauges metrics

func gauge(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("bridge_"+name, help, labels, nil)
}

var (
	descStoreUp       = gauge("store_up", "1 if the database answers.")
	descMails         = gauge("mails", "Mails recorded, by state.", "state")
	descDeliveries    = gauge("deliveries", "Ticket messages in the outbox, by state.", "state")
	descConversations = gauge("conversations", "Conversations known.")
	descOldest        = gauge("outbox_oldest_seconds", "How long the oldest due delivery has been waiting; 0 if none is due.")
	descConnected     = gauge("mailbox_connected", "1 if the folder's watcher is connected.", "mailbox", "folder")
	descBehind        = gauge("mailbox_behind", "Mails seen in the folder and not yet recorded.", "mailbox", "folder")
	descLooked        = gauge("mailbox_looked_timestamp_seconds", "When the folder was last looked at.", "mailbox", "folder")
	descAlarms        = prometheus.NewDesc("ticketbridge_alarms", "Things that need a person, by kind.", []string{"kind"}, nil)
	descSessions      = gauge("mailbox_sessions_total", "Connections made for the folder since the start.", "mailbox", "folder")
)

// Describe implements prometheus.Collector.
func (g *gauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descStoreUp, descMails, descDeliveries, descConversations, descOldest,
		descConnected, descBehind, descLooked, descAlarms, descSessions} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (g *gauges) Collect(ch chan<- prometheus.Metric) {
	v := g.seen.Load()
	if v == nil {
		return
	}
	set := func(d *prometheus.Desc, kind prometheus.ValueType, n float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, kind, n, labels...)
	}
	set(descStoreUp, prometheus.GaugeValue, truth(v.storeErr == nil))
	if v.storeErr == nil {
		for _, st := range bridge.MailStates {
			set(descMails, prometheus.GaugeValue, float64(v.counts.Mails[st]), string(st))
		}
		for _, st := range bridge.DeliveryStates {
			set(descDeliveries, prometheus.GaugeValue, float64(v.counts.Deliveries[st]), string(st))
		}
		set(descConversations, prometheus.GaugeValue, float64(v.counts.Conversations))
		set(descOldest, prometheus.GaugeValue, v.oldestDue().Seconds())
	}
	n := perKind(v.alarms)
	for _, kind := range alarmKinds {
		set(descAlarms, prometheus.GaugeValue, float64(n[kind]), kind)
	}
	for _, f := range v.folders {
		set(descConnected, prometheus.GaugeValue, truth(f.Connected), f.Mailbox, f.Folder)
		set(descBehind, prometheus.GaugeValue, float64(f.Behind), f.Mailbox, f.Folder)
		set(descLooked, prometheus.GaugeValue, unix(f.Woken), f.Mailbox, f.Folder)
		set(descSessions, prometheus.CounterValue, float64(f.Sessions), f.Mailbox, f.Folder)
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func unix(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
