package edge

import (
	"fmt"
	"time"

	"github.com/edged/edged/cluster"
	"github.com/edged/edged/node"
)

// status is what /v1/admin/release shows.
func (e *Edge) status() any { return e.node.Status() }

// member is a live node as /v1/admin/cluster shows it.
type member struct {
	Name string `json:"name"`
	Boot uint64 `json:"boot"`
	Addr string `json:"addr"`
	Zone string `json:"zone,omitempty"`
	Self bool   `json:"self"`
}

// membership is what /v1/admin/cluster shows.
type membership struct {
	Gossip    bool     `json:"gossip"`    // this node takes part in it
	Listening bool     `json:"listening"` // false: it works alone, for want of an address to listen on
	Members   []member `json:"members"`
	Facts     int      `json:"facts"`   // held
	Waiting   int      `json:"waiting"` // messages to be sent
	Refused   uint64   `json:"refused"` // packets, streams and facts
}

func (e *Edge) members() any {
	if e.gossip == nil {
		return membership{Members: []member{{Name: e.cfg.Name, Boot: e.boot, Self: true}}}
	}
	s := e.gossip.Stats()
	m := membership{Gossip: true, Listening: s.Listening, Facts: s.Facts, Waiting: s.Waiting, Refused: s.RefusedTotal()}
	for _, one := range e.gossip.Members() {
		m.Members = append(m.Members, member(one))
	}
	return m
}

// measure adds the figures of the parts to those of the server.
func (e *Edge) measure() {
	gauge := func(name string, f func() float64) { e.set.NewGauge(name, f) }
	if e.log != nil {
		gauge("edged_event_log_events", func() float64 { return float64(e.log.Stats().Events) })
	}
	gauge("edged_trend_cells", func() float64 { return float64(e.trends.Stats().Cells) })
	gauge("edged_trend_remote_cells", func() float64 { return float64(e.trends.Stats().Remote) })
	gauge("edged_trend_items", func() float64 { return float64(e.trends.Stats().Items) })
	gauge("edged_trend_hidden", func() float64 { return float64(e.trends.Stats().Hidden) })
	gauge("edged_overlay_entries", func() float64 { return float64(e.overlay.needs()) })
	gauge("edged_overlay_refused", func() float64 { return float64(e.overlay.refused.Load()) })
	gauge("edged_cluster_members", func() float64 {
		if e.gossip == nil {
			return 1
		}
		return float64(len(e.gossip.Members()))
	})
	if e.cfg.Gossip.on() {
		for _, r := range cluster.Reasons() {
			gauge(fmt.Sprintf("edged_cluster_refused{reason=%q}", r), func() float64 { return float64(e.gossip.Stats().Refused[r]) })
		}
	}
	gauge("edged_rules_refused", func() float64 { return number(e.rules.refuses()) })
	if e.node == nil {
		return
	}
	gauge("edged_release_swaps", func() float64 { return float64(e.node.Status().Swaps) })
	for _, reason := range node.Reasons() {
		gauge(fmt.Sprintf("edged_release_refusals{reason=%q}", reason), func() float64 { return float64(e.node.Status().Refusals[reason]) })
	}
	for _, name := range node.Alarms() {
		gauge(fmt.Sprintf("edged_alarm{name=%q}", name), func() float64 { s := e.node.Status(); return number(s.Alarmed(name)) })
	}
	gauge("edged_root_expires_seconds", func() float64 {
		return e.node.Status().RootExpires.Sub(e.cfg.Clock()).Round(time.Second).Seconds()
	})
	gauge("edged_rollout_canary", func() float64 { return number(e.node.Status().Canary) })
	gauge("edged_rollout_version", func() float64 { return float64(e.node.Status().Rollout) })
	gauge("edged_rollout_expires_seconds", func() float64 {
		s := e.node.Status()
		if s.Expires.IsZero() {
			return 0
		}
		return s.Expires.Sub(e.cfg.Clock()).Round(time.Second).Seconds()
	})
}

func number(on bool) float64 {
	if on {
		return 1
	}
	return 0
}
