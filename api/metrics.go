package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"lieciba"
)

// Stats is what the parts of the server tell for /metrics at one moment.
type Stats struct {
	Cameras      []CameraStats
	SpoolBytes   int64         // in the spool of this node
	SpoolFree    int64         // bytes free on the spool's disk
	SpoolFiles   int           // segments that are not verified in the media store
	UploadLag    time.Duration // age of the oldest of those; 0: none waits
	Playbacks    int           // archive viewers
	LiveViewers  int           // live viewers of all cameras
	OpenGaps     int
	NodeSessions int // exam sessions that this node records now
	// ReadinessFailed counts the cameras of sessions that begin within the hour whose
	// newest check failed.
	ReadinessFailed int
	Evidence        EvidenceStats
}

// EvidenceStats is the part of Stats that tells how evidence and retention do.
type EvidenceStats struct {
	LogSize         int64         // leaves in the hash log
	StagedLeaves    int           // that wait for their place
	OldestStaged    time.Duration // age of the oldest of those; 0: none waits
	LogFailing      time.Duration // since when the hash log cannot be continued; 0: it can
	StampFailing    time.Duration // since when no time stamp is got; 0: they are, or none is asked for
	ExportsOpen     int           // packages that are asked for and not built
	RetentionDue    int           // recordings that may be deleted now
	RetentionAlarms int           // recordings that a person must look at
	DiskPressure    int           // 0: none, 1: low, no package is built; 2: critical
}

// CameraStats is one camera's part of Stats.
type CameraStats struct {
	CameraID lieciba.CameraID
	Name     string
	lieciba.CameraStatus
}

// statsCollector turns Stats into metrics at each scrape.
type statsCollector struct {
	stats func() Stats

	cameraUp, recording, bitrate, fps, lost, frameAge, durableAge, gapOpen, viewers *prometheus.Desc
	spoolBytes, spoolFree, spoolFiles, uploadLag, playbacks, live, gaps, sessions   *prometheus.Desc
	readinessFailed                                                                 *prometheus.Desc

	logSize, staged, oldestStaged, logFailing, stampFailing, exportsOpen, retentionDue, retentionAlarms, diskPressure *prometheus.Desc
}

func newStatsCollector(stats func() Stats) *statsCollector {
	camera := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("lieciba_camera_"+name, help, []string{"camera_id", "camera"}, nil)
	}
	node := func(name, help string) *prometheus.Desc { return prometheus.NewDesc("lieciba_"+name, help, nil, nil) }
	return &statsCollector{
		stats:      stats,
		cameraUp:   camera("connected", "1 while the camera's stream is connected."),
		recording:  camera("recording", "1 while the camera is recorded."),
		bitrate:    camera("bitrate_bits_per_second", "Measured bit rate of the main stream."),
		fps:        camera("frames_per_second", "Measured frame rate of the main stream."),
		lost:       camera("lost_packets_total", "RTP packets lost since the connection began."),
		frameAge:   camera("last_frame_age_seconds", "Age of the newest frame; absent before the first."),
		durableAge: camera("last_durable_age_seconds", "Age of the newest frame on disk; absent while nothing is recorded."),
		gapOpen:    camera("gap_open", "1 while a gap is open."),
		viewers:    camera("viewers", "Live viewers of the camera."),
		spoolBytes: node("spool_bytes", "Bytes in the spool."),
		spoolFree:  node("spool_free_bytes", "Bytes free on the disk of the spool."),
		spoolFiles: node("spool_segments", "Segments that wait for the media store."),
		uploadLag:  node("upload_lag_seconds", "Age of the oldest segment that waits for the media store."),
		playbacks:  node("archive_viewers", "Archive playbacks under way."),
		live:       node("live_viewers", "Live viewers of all cameras."),
		gaps:       node("open_gaps", "Gaps that are open."),
		sessions:   node("recorded_sessions", "Exam sessions that this node records now."),

		readinessFailed: node("readiness_failed", "Cameras of sessions that begin within the hour whose newest readiness check failed."),

		logSize:         node("evidence_log_size", "Leaves in the hash log."),
		staged:          node("evidence_staged_leaves", "Leaves that wait for their place in the hash log."),
		oldestStaged:    node("evidence_oldest_staged_seconds", "Age of the oldest leaf that waits; 0 if none does."),
		logFailing:      node("evidence_log_failing_seconds", "Since when the hash log cannot be continued; 0 while it can."),
		stampFailing:    node("evidence_stamp_failing_seconds", "Since when no time stamp is got; 0 while they are, or none is asked for."),
		exportsOpen:     node("exports_open", "Evidence packages that are asked for and not built."),
		retentionDue:    node("retention_due", "Recordings that may be deleted now."),
		retentionAlarms: node("retention_alarms", "Recordings whose retention a person must look at."),
		diskPressure:    node("disk_pressure_level", "0: none; 1: low, no package is built; 2: critical."),
	}
}

// Describe implements prometheus.Collector.
func (s *statsCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{s.cameraUp, s.recording, s.bitrate, s.fps, s.lost, s.frameAge, s.durableAge, s.gapOpen,
		s.viewers, s.spoolBytes, s.spoolFree, s.spoolFiles, s.uploadLag, s.playbacks, s.live, s.gaps, s.sessions, s.readinessFailed,
		s.logSize, s.staged, s.oldestStaged, s.logFailing, s.stampFailing, s.exportsOpen, s.retentionDue, s.retentionAlarms, s.diskPressure} {
		ch <- d
	}
}

func asNumber(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// Collect implements prometheus.Collector.
func (s *statsCollector) Collect(ch chan<- prometheus.Metric) {
	st := s.stats()
	send := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	send(s.spoolBytes, float64(st.SpoolBytes))
	send(s.spoolFree, float64(st.SpoolFree))
	send(s.spoolFiles, float64(st.SpoolFiles))
	send(s.uploadLag, st.UploadLag.Seconds())
	send(s.playbacks, float64(st.Playbacks))
	send(s.live, float64(st.LiveViewers))
	send(s.gaps, float64(st.OpenGaps))
	send(s.sessions, float64(st.NodeSessions))
	send(s.readinessFailed, float64(st.ReadinessFailed))
	s.collectEvidence(st.Evidence, func(d *prometheus.Desc, v float64) { send(d, v) })
	for _, c := range st.Cameras {
		id, name := string(c.CameraID), c.Name
		send(s.cameraUp, asNumber(c.Connected), id, name)
		send(s.recording, asNumber(c.Recording), id, name)
		send(s.bitrate, float64(c.Bitrate), id, name)
		send(s.fps, c.FPS, id, name)
		send(s.gapOpen, asNumber(!c.GapOpenSince.IsZero()), id, name)
		send(s.viewers, float64(c.Viewers), id, name)
		if c.LastFrameAge >= 0 {
			send(s.frameAge, c.LastFrameAge.Seconds(), id, name)
		}
		if c.LastDurableAge >= 0 {
			send(s.durableAge, c.LastDurableAge.Seconds(), id, name)
		}
		ch <- prometheus.MustNewConstMetric(s.lost, prometheus.CounterValue, float64(c.LostPackets), id, name)
	}
}

func (s *statsCollector) collectEvidence(e EvidenceStats, send func(*prometheus.Desc, float64)) {
	send(s.logSize, float64(e.LogSize))
	send(s.staged, float64(e.StagedLeaves))
	send(s.oldestStaged, e.OldestStaged.Seconds())
	send(s.logFailing, e.LogFailing.Seconds())
	send(s.stampFailing, e.StampFailing.Seconds())
	send(s.exportsOpen, float64(e.ExportsOpen))
	send(s.retentionDue, float64(e.RetentionDue))
	send(s.retentionAlarms, float64(e.RetentionAlarms))
	send(s.diskPressure, float64(e.DiskPressure))
}

// requestMetrics counts the requests of the API by route, so that the number of
// series is that of the route table.
type requestMetrics struct{ took *prometheus.HistogramVec }

func newRequestMetrics() *requestMetrics {
	return &requestMetrics{prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "lieciba_http_request_seconds", Help: "Time to answer a request.",
		Buckets: []float64{.005, .02, .1, .5, 2, 10},
	}, []string{"method", "route", "status"})}
}

func (m *requestMetrics) observe(method, route string, status int, took time.Duration) {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
	default:
		method = "other" // callers make up methods
	}
	m.took.WithLabelValues(method, route, strconv.Itoa(status)).Observe(took.Seconds())
}

// newMetricsPage makes the handler of /metrics.
func newMetricsPage(cfg Config, requests *requestMetrics) (http.Handler, error) {
	own := prometheus.NewRegistry()
	for _, c := range []prometheus.Collector{newStatsCollector(cfg.Stats), requests.took} {
		if err := own.Register(c); err != nil {
			return nil, err
		}
	}
	gather := prometheus.Gatherers{own}
	if cfg.Gatherer != nil {
		gather = append(gather, cfg.Gatherer)
	}
	return promhttp.HandlerFor(gather, promhttp.HandlerOpts{MaxRequestsInFlight: 2, Timeout: cfg.RequestTimeout}), nil
}
