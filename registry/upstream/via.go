package upstream

import (
	"context"
	"net/http"
	"strings"
)

// Servers can be connected in a ring, through other names and proxies, so that
// a request comes back to where it started and waits for itself. Each request
// to upstream therefore carries the marks of all servers of this kind that it
// has passed (RFC 9110, 7.6.3), and formats.Mount refuses one with its own.

// maxHops is how many servers of this kind a request may pass. Longer chains
// are rings of which a member does not know its own mark.
const maxHops = 8

type viaKey struct{}

func mark(serverID string) string { return "larder-" + serverID }

// CarryVia lets requests to upstream that are made for a request carry its
// marks on. It wraps everything that may lead to an upstream, and answers 508
// to a request that has passed more servers than a chain has.
func CarryVia(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.Header["Via"]) == 0 {
			next.ServeHTTP(w, r)
			return
		}
		marks := marksOf(r.Header["Via"])
		if len(marks) > maxHops {
			http.Error(w, "this request has passed too many servers: external connections lead in a circle; see: larder connection list", http.StatusLoopDetected)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), viaKey{}, marks)))
	})
}

// marksOf picks the marks of servers of this kind; what other proxies say does
// not matter here.
func marksOf(headers []string) []string {
	var marks []string
	for _, h := range headers {
		for entry := range strings.SplitSeq(h, ",") {
			f := strings.Fields(entry) // protocol, received-by, comment
			if len(f) >= 2 && strings.HasPrefix(f[1], "larder-") && len(f[1]) <= 100 && len(marks) <= maxHops {
				marks = append(marks, f[1])
			}
		}
	}
	return marks
}

// via is the header of a request to upstream.
func (p *Puller) via(ctx context.Context) string {
	marks, _ := ctx.Value(viaKey{}).([]string)
	var b strings.Builder
	for _, m := range marks {
		b.WriteString("1.1 " + m + ", ")
	}
	b.WriteString("1.1 " + mark(p.cfg.ServerID))
	return b.String()
}
