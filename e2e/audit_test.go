package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"larder/formats/formatstest"
)

// advisory is about every version of package old, in the words of both forms.
var advisory = manifest{
	"id": 1, "url": "https://upstream.test/advisories/1", "title": "old rots", "severity": "high",
	"vulnerable_versions": "<2.0.0", "cwe": []string{"CWE-1"}, "cvss": manifest{"score": 7.5, "vectorString": nil},
}

// offerAdvisories lets the registry know of one advisory, by each of the ways
// in which clients ask.
func offerAdvisories(u *formatstest.Upstream) {
	answer := func(v any) formatstest.Resource {
		return formatstest.Resource{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			json.NewEncoder(w).Encode(v) //nolint:errcheck // the client has gone
		})}
	}
	u.Serve("/-/npm/v1/security/advisories/bulk", answer(manifest{"old": []manifest{advisory}}))
	report := manifest{
		"actions": []any{}, "muted": []any{},
		"advisories": manifest{"1": manifest{
			"id": 1, "title": "old rots", "module_name": "old", "severity": "high", "vulnerable_versions": "<2.0.0", "patched_versions": "<0.0.0",
			"overview": "It rots.", "recommendation": "None.", "url": "https://upstream.test/advisories/1", "access": "public", "cves": []string{}, "cwe": "CWE-1",
			"created": released, "updated": released, "references": "", "found_by": manifest{"name": "somebody"}, "reported_by": manifest{"name": "somebody"},
			"findings": []manifest{{"version": "1.0.0", "paths": []string{"old"}, "dev": false, "optional": false, "bundled": false}},
			"metadata": manifest{"module_type": "", "exploitability": 1, "affected_components": ""},
		}},
		"metadata": manifest{
			"vulnerabilities": manifest{"info": 0, "low": 0, "moderate": 0, "high": 1, "critical": 0},
			"dependencies":    1, "devDependencies": 0, "optionalDependencies": 0, "totalDependencies": 1,
		},
	}
	u.Serve("/-/npm/v1/security/audits", answer(report))
	u.Serve("/-/npm/v1/security/audits/quick", answer(report))
}

// asked gives the body of a request in clear.
func asked(t *testing.T, r formatstest.Request) string {
	t.Helper()
	var body io.Reader = bytes.NewReader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(body)
		if err != nil {
			t.Fatal(err)
		}
		body = z
	}
	text, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
