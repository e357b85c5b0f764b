package guard

import (
	"net/http"
	"strings"
	"testing"

	"larder/e2e/harness"
	"larder/formats/formatstest"
	"larder/registry"
)

const warning = `{"block":[{"package":"PACKAGE","versions":"=2.0.0","action":"warn","reason":"use 3, see ä\nINC-15"}]}`

func TestAWarningIsToldWhereTheProtocolHasAPlaceForIt(t *testing.T) {
	places := map[string]string{registry.NPM: "Npm-Notice", registry.NuGet: "X-NuGet-Warning"}
	for _, w := range wires {
		header := places[w.format.Name]
		if header == "" {
			continue
		}
		t.Run(w.format.Name, func(t *testing.T) {
			s := newServer(t, w)
			s.rule(warning)
			for _, when := range []string{"first request", "cached", "remembered"} {
				a := s.Do(formatstest.Call{Path: s.file(fresh)})
				if got := a.Header.Get(header); a.Status != http.StatusOK || !strings.Contains(got, "has a warning: use 3, see ? INC-15") {
					t.Errorf("%s: %d, %s: %q", when, a.Status, header, got)
				}
				if got := s.Do(formatstest.Call{Path: s.file(settled)}).Header.Get(header); got != "" {
					t.Errorf("%s: of another version: %q", when, got)
				}
			}
			s.rule(`{}`)
			if got := s.Do(formatstest.Call{Path: s.file(fresh)}).Header.Get(header); got != "" {
				t.Errorf("without the rule: %q", got)
			}
		})
	}
}

func TestNPMPrintsAWarning(t *testing.T) {
	harness.EndToEnd(t)
	u := formatstest.NewUpstream(t)
	offerNPM(t, u, "lib", releases...)
	s := harness.Serve(t, "--external-connection", "public:npmjs="+u.URL+"/")
	s.Larder(t, nil, "guard", "block", "npm:lib", "--versions", "=1.2.0", "--warn", "--reason", "leave it by June")
	p := nodeUser(t, s, "npm")
	p.write("package.json", `{"name":"app","version":"1.0.0"}`)
	out := p.run("node", npmProgram(t, "npm11"), "install", "lib")
	if !strings.Contains(out, "version 1.2.0 of npm package lib has a warning: leave it by June") {
		t.Errorf("npm says nothing of it: %s", out)
	}
}
