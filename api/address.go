package api

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// addressOf is the address of who asks, without its port: the peer's, or, when
// the peer is a proxy of the configuration, the last one in X-Forwarded-For that
// is none. What anybody else writes into that header is not believed.
func (s *Server) addressOf(r *http.Request) string {
	peer, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		peer = r.RemoteAddr
	}
	if len(s.cfg.Proxies) == 0 || !s.isProxy(peer) {
		return peer
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		hop = strings.TrimSpace(hop)
		if _, err := netip.ParseAddr(hop); err != nil {
			return peer // what stands left of it may be anybody's words
		}
		if !s.isProxy(hop) {
			return hop
		}
	}
	return peer
}

func (s *Server) isProxy(address string) bool {
	ip, err := netip.ParseAddr(address)
	return err == nil && slices.ContainsFunc(s.cfg.Proxies, func(p netip.Prefix) bool { return p.Contains(ip.Unmap().WithZone("")) })
}
