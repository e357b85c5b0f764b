package main

import (
	"cmp"
	"context"
	"math"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"larder/events"
	"larder/events/rules"
	"larder/internal/httpx"
	"larder/registry/upstream"
)

// metrics counts what the server does. Label values come from closed sets:
// formats, operations, connections; nothing that a client can invent.
type metrics struct {
	registry *prometheus.Registry

	answered  *prometheus.CounterVec   // format, operation, status
	bytes     *prometheus.CounterVec   // format, operation
	durations *prometheus.HistogramVec // format, operation

	cache   map[string][2]prometheus.Counter // kind to miss, hit
	lookups *prometheus.CounterVec

	asked   *prometheus.CounterVec   // connection, kind, outcome
	latency *prometheus.HistogramVec // connection, kind
	pulled  *prometheus.CounterVec   // connection
}

func newMetrics(relay *events.Relay, dispatcher *rules.Dispatcher) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		answered: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "larder_requests_total", Help: "Requests answered. One whose answer broke off counts with the status that it began with."}, []string{"format", "operation", "status"}),
		bytes:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "larder_response_bytes_total", Help: "Bytes of bodies sent."}, []string{"format", "operation"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "larder_request_duration_seconds", Help: "Time from the request's header to the end of the answer.",
			Buckets: []float64{.0001, .0005, .001, .005, .025, .1, .5, 2.5, 10, 60},
		}, []string{"format", "operation"}),
		lookups: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "larder_cache_lookups_total", Help: "Look-ups in a cache, by what was looked for and whether it was there."}, []string{"kind", "result"}),
		asked:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "larder_upstream_requests_total", Help: "What was asked of external connections, and how it ended."}, []string{"connection", "kind", "outcome"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "larder_upstream_duration_seconds", Help: "Time until the whole answer of an external connection was here.",
			Buckets: []float64{.01, .05, .1, .25, .5, 1, 2.5, 5, 15, 60},
		}, []string{"connection", "kind"}),
		pulled: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "larder_upstream_bytes_total", Help: "Bytes of assets that external connections sent."}, []string{"connection"}),
		cache:  map[string][2]prometheus.Counter{},
	}
	for _, kind := range []string{"document", "asset", "listing"} {
		m.cache[kind] = [2]prometheus.Counter{m.lookups.WithLabelValues(kind, "miss"), m.lookups.WithLabelValues(kind, "hit")}
	}
	m.registry.MustRegister(m.answered, m.bytes, m.durations, m.lookups, m.asked, m.latency, m.pulled,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "larder_build_info", Help: "Always 1.", ConstLabels: prometheus.Labels{"version": version()}}, func() float64 { return 1 }),
		gauge("larder_outbox_depth", "Events that wait to be put on the bus.", func() int64 { return relay.Stats().Depth }),
		counter("larder_events_published_total", "Events put on the bus.", func() int64 { return relay.Stats().Published }),
		counter("larder_deliveries_total", "Events delivered to targets of rules.", func() int64 { return dispatcher.Stats().Delivered }),
		counter("larder_deliveries_failed_total", "Attempts to deliver to a target of a rule that failed.", func() int64 { return dispatcher.Stats().Failed }),
		counter("larder_deliveries_dead_total", "Events given up for a target of a rule.", func() int64 { return dispatcher.Stats().Dead }),
		counter("larder_events_failures_total", "Passes of the event relay that failed.", func() int64 { return relay.Stats().Failures }),
	)
	return m
}

// watch adds what /-/ready says, how much is still to be imported, and how many
// steps the database's schema is newer than this build.
func (m *metrics) watch(ops *operations, schemaAhead int) {
	for part, word := range map[string]func(readiness) string{
		"storage": func(r readiness) string { return r.Storage },
		"bus":     func(r readiness) string { return r.Bus },
	} {
		opts := prometheus.GaugeOpts{Name: "larder_ready", Help: "Whether a part answers, as /-/ready says.", ConstLabels: prometheus.Labels{"part": part}}
		m.registry.MustRegister(prometheus.NewGaugeFunc(opts, func() float64 {
			if word(ops.readiness(context.Background())) == "ok" {
				return 1
			}
			return 0
		}))
	}
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "larder_imports_waiting", Help: "Versions of which files are still to be brought in that nobody asked for.",
	}, func() float64 {
		n, err := ops.importsWaiting(context.Background())
		if err != nil {
			return math.NaN()
		}
		return float64(n)
	}))
	m.registry.MustRegister(gauge("larder_schema_ahead", "Steps of the database's schema that this build does not know.", func() int64 { return int64(schemaAhead) }))
}

func gauge(name, help string, read func() int64) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(read()) })
}

func counter(name, help string, read func() int64) prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(read()) })
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

// requests gives the function that counts the answers of one endpoint, its
// handles resolved: it is called once per endpoint, at start.
func (m *metrics) requests(format, operation string) func(status int, bytes int64, d time.Duration) {
	var (
		byStatus [600]atomic.Pointer[prometheus.Counter]
		bytes    = m.bytes.WithLabelValues(format, operation)
		duration = m.durations.WithLabelValues(format, operation)
	)
	return func(status int, n int64, d time.Duration) {
		if status < 0 || status >= len(byStatus) {
			status = 0
		}
		c := byStatus[status].Load()
		if c == nil {
			made := m.answered.WithLabelValues(format, operation, strconv.Itoa(status))
			c = &made
			byStatus[status].Store(c)
		}
		(*c).Inc()
		bytes.Add(float64(n))
		duration.Observe(d.Seconds())
	}
}

// control counts the control plane by operation: only names of operations that
// there are get into a request's record.
func (m *metrics) control(next http.Handler) http.Handler {
	var operations sync.Map // to what counts their answers
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		log := httpx.RecordOf(r.Context())
		log.Observe = func(status int, bytes int64, d time.Duration) {
			operation := cmp.Or(log.Op, "unknown")
			observe, ok := operations.Load(operation)
			if !ok {
				observe, _ = operations.LoadOrStore(operation, m.requests("control", operation))
			}
			observe.(func(int, int64, time.Duration))(status, bytes, d)
		}
		next.ServeHTTP(w, r)
	})
}

func (m *metrics) cacheUse(kind string, hit bool) {
	c, ok := m.cache[kind]
	switch {
	case ok && hit:
		c[1].Inc()
	case ok:
		c[0].Inc()
	case hit:
		m.lookups.WithLabelValues(kind, "hit").Inc()
	default:
		m.lookups.WithLabelValues(kind, "miss").Inc()
	}
}

func (m *metrics) upstream(o upstream.Observation) {
	kept := o.Outcome == upstream.Fresh || o.Outcome == upstream.Stale
	if o.Kind == upstream.KindListing {
		m.cacheUse("listing", kept)
	}
	if kept {
		return
	}
	m.asked.WithLabelValues(o.Connection, string(o.Kind), string(o.Outcome)).Inc()
	m.latency.WithLabelValues(o.Connection, string(o.Kind)).Observe(o.Duration.Seconds())
	if o.Bytes > 0 {
		m.pulled.WithLabelValues(o.Connection).Add(float64(o.Bytes))
	}
}
