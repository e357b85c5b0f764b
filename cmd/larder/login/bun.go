package login

import (
	"cmp"
	"path/filepath"
	"regexp"
)

// bun reads the user's .npmrc since 1.1.18; a registry in a bunfig.toml
// outranks it.
var bun = Tool{Name: "bun", Format: "npm", Try: "bun install", plan: func(m Machine, to Target) (*Plan, error) {
	p, err := planNpmrc(m, to)
	if err != nil {
		return nil, err
	}
	global := filepath.Join(cmp.Or(m.Getenv("XDG_CONFIG_HOME"), m.Home), ".bunfig.toml")
	for _, name := range []string{global, filepath.Join(m.Dir, "bunfig.toml")} {
		if text, err := readSettings(name); err == nil && bunRegistry.Match(text) {
			p.Notes = append(p.Notes, name+" sets a registry too and outranks .npmrc: remove it there")
		}
	}
	return p, nil
}}

// bunRegistry finds install.registry in a bunfig.toml, in either spelling.
var bunRegistry = regexp.MustCompile(`(?ms)^\s*\[install\]\s*$[^\[]*^\s*registry\s*=|^\s*install\.registry\s*=`)
