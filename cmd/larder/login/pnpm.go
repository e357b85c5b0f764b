package login

import (
	"path/filepath"
	"regexp"
	"strings"
)

// pnpm reads registries and tokens from the user's .npmrc, whatever else of
// its settings has moved to files of its own (since pnpm 11). The setting
// tokenHelper names a program without arguments, whose output is the value of
// the Authorization header; only the user's own .npmrc may have it. (pnpm's
// documentation, "Authentication Settings"; pnpm 9 and 12.)
var pnpm = Tool{Name: "pnpm", Format: "npm", Try: "pnpm install", plan: func(m Machine, to Target) (*Plan, error) {
	return planNpmrc(m, to)
}, helper: func(m Machine, to Target) (*Plan, error) {
	p := &Plan{}
	_, place, _ := strings.Cut(strings.TrimRight(to.Endpoint, "/"), "://")
	script, err := p.planScript(m, to, filepath.Join(m.larderFolder(), "helpers", "npm-"+notInNames.ReplaceAllString(place, "-")), "npm", to.Endpoint)
	if err != nil {
		return nil, err
	}
	rc, err := planNpmrc(m, to, setting{to.nerfed() + ":tokenHelper", script})
	if err != nil {
		return nil, err
	}
	p.Edits, p.Notes = append(p.Edits, rc.Edits...), append(p.Notes, rc.Notes...)
	return p, nil
}}

var notInNames = regexp.MustCompile(`[^A-Za-z0-9._-]+`)
