package npm

import (
	"bytes"
	"encoding/json"
	"strings"

	"larder/registry"
)

// manifest is a version as it is stored: package.json as published or as the
// upstream registry gave it, taken apart so that every document is put
// together from the pieces without looking into them. Name, version, tarball
// URL and the URL of attestations are not in it: they are written when a
// document is rendered, for the repository that was asked.
type manifest struct {
	install      []byte // object: the members that the abbreviated form has
	more         []byte // object: the others of package.json
	dist         []byte // object: dist without tarball and attestations
	attestations []byte // object: dist.attestations without url; nil: it has none
	readme       []byte // string
	file         string // the upstream's name for the tarball, where it is not the conventional one
	bundles      []byte // array: the answer's attestations for a version published here with provenance
}

// installMembers are the members of a version in the abbreviated form, besides
// name, version and dist (npm "package metadata", "Abbreviated version
// object"; pitfall N14).
var installMembers = map[string]bool{
	"acceptDependencies":   true,
	"bin":                  true,
	"bundleDependencies":   true,
	"cpu":                  true,
	"dependencies":         true,
	"deprecated":           true,
	"devDependencies":      true,
	"directories":          true,
	"engines":              true,
	"funding":              true,
	"hasInstallScript":     true,
	"_hasShrinkwrap":       true,
	"libc":                 true,
	"optionalDependencies": true,
	"os":                   true,
	"peerDependencies":     true,
	"peerDependenciesMeta": true,
}

// takeApart splits a version object, which is valid JSON, and gives the
// tarball's URL beside it.
func takeApart(raw []byte) (m manifest, tarball string) {
	var install, more, dist, attestations object
	members(raw, func(key string, value []byte) {
		switch {
		case key == "name", key == "version", key == "_id", key == "_rev", key == "_attachments", key == "__proto__":
		case key == "dist":
			dist = object{}
			members(value, func(k string, v []byte) { dist.set(k, v) })
		case key == "readme":
			m.readme = nil
			if len(value) > 2 && value[0] == '"' {
				m.readme = value
			}
		case key == "deprecated" && !deprecates(value):
			delete(install.values, key) // published again without it
			install.keys = without(install.keys, key)
		case installMembers[key]:
			install.set(key, value)
		default:
			more.set(key, value)
		}
	})
	tarball = unquote(dist.values["tarball"])
	members(dist.values["attestations"], func(k string, v []byte) {
		if k != "url" {
			attestations.set(k, v)
		}
	})
	if dist.values["attestations"] != nil {
		if m.attestations = attestations.bytes(); m.attestations == nil {
			m.attestations = []byte("{}")
		}
	}
	delete(dist.values, "tarball")
	delete(dist.values, "attestations")
	dist.keys = without(without(dist.keys, "tarball"), "attestations")
	if bundled := more.values["bundledDependencies"]; bundled != nil && install.values["bundleDependencies"] == nil {
		install.set("bundleDependencies", bundled)
	}
	if install.values["hasInstallScript"] == nil && installs(more.values["scripts"]) {
		install.set("hasInstallScript", []byte("true"))
	}
	m.install, m.more, m.dist = install.bytes(), more.bytes(), dist.bytes()
	return m, tarball
}

// deprecates reports whether a value of "deprecated" says so: a message, and
// not the empty one by which clients take it back.
func deprecates(value []byte) bool {
	switch string(value) {
	case `""`, "null", "false":
		return false
	}
	return true
}

// installs reports whether scripts run something at install.
func installs(scripts []byte) bool {
	found := false
	members(scripts, func(key string, value []byte) {
		if (key == "preinstall" || key == "install" || key == "postinstall") && len(value) > 2 && value[0] == '"' {
			found = true
		}
	})
	return found
}

func without(list []string, s string) []string {
	out := list[:0]
	for _, e := range list {
		if e != s {
			out = append(out, e)
		}
	}
	return out
}

// encode gives the manifest as it is stored.
func (m manifest) encode() json.RawMessage {
	b := make([]byte, 0, len(m.install)+len(m.more)+len(m.dist)+len(m.attestations)+len(m.readme)+len(m.bundles)+96)
	b = append(b, '{')
	add := func(key string, value []byte) {
		if value != nil {
			b = appendMember(b, key, value)
		}
	}
	add("install", m.install)
	add("more", m.more)
	add("dist", m.dist)
	add("attestations", m.attestations)
	add("readme", m.readme)
	if m.file != "" {
		add("file", appendString(nil, m.file))
	}
	add("bundles", m.bundles)
	return append(b, '}')
}

// decode reads a stored manifest. The pieces are parts of b.
func decode(b json.RawMessage) manifest {
	var m manifest
	members(b, func(key string, value []byte) {
		switch key {
		case "install":
			m.install = value
		case "more":
			m.more = value
		case "dist":
			m.dist = value
		case "attestations":
			m.attestations = value
		case "readme":
			m.readme = value
		case "file":
			m.file = unquote(value)
		case "bundles":
			m.bundles = value
		}
	})
	return m
}

// deprecation gives the manifest's message as JSON, nil where there is none.
func (m manifest) deprecation() []byte {
	var out []byte
	members(m.install, func(key string, value []byte) {
		if key == "deprecated" {
			out = value
		}
	})
	return out
}

// deprecate gives the manifest with another message; nil takes it away.
func (m manifest) deprecate(message []byte) manifest {
	var install object
	members(m.install, func(key string, value []byte) {
		if key != "deprecated" {
			install.set(key, value)
		}
	})
	if message != nil {
		install.set("deprecated", message)
	}
	m.install = install.bytes()
	return m
}

// noReadme is what npm publishes as the readme of a package that has none
// (read-package-json of npm 6 to 11).
const noReadme = "ERROR: No README data found!"

// describe gives the neutral fields of a stored manifest.
func describe(b json.RawMessage) registry.Description {
	m := decode(b)
	var d registry.Description
	if d.Readme = unquote(m.readme); d.Readme == noReadme {
		d.Readme = ""
	}
	each := func(key string, value []byte) {
		switch key {
		case "description":
			d.Summary = unquote(value)
		case "homepage":
			d.HomePage = unquote(value)
		case "repository":
			d.SourceCode = sourceCode(value)
		case "license", "licenses":
			d.Licenses = append(d.Licenses, licenses(value)...)
		case "dependencies":
			d.Dependencies = append(d.Dependencies, dependencies("regular", value)...)
		case "devDependencies":
			d.Dependencies = append(d.Dependencies, dependencies("dev", value)...)
		case "peerDependencies":
			d.Dependencies = append(d.Dependencies, dependencies("peer", value)...)
		case "optionalDependencies":
			d.Dependencies = append(d.Dependencies, dependencies("optional", value)...)
		}
	}
	members(m.more, each)
	members(m.install, each)
	return d
}

// sourceCode reads "repository": a URL, or an object with one.
func sourceCode(value []byte) string {
	url := unquote(value)
	members(value, func(key string, v []byte) {
		if key == "url" {
			url = unquote(v)
		}
	})
	return strings.TrimPrefix(url, "git+")
}

// licenses reads "license" and the older "licenses": a name, {type, url}, or
// a list of such.
func licenses(value []byte) []registry.License {
	if name := unquote(value); name != "" {
		return []registry.License{{Name: name}}
	}
	if !bytes.HasPrefix(value, []byte("[")) {
		var l registry.License
		members(value, func(key string, v []byte) {
			switch key {
			case "type", "name":
				l.Name = unquote(v)
			case "url":
				l.URL = unquote(v)
			}
		})
		if l == (registry.License{}) {
			return nil
		}
		return []registry.License{l}
	}
	var list []json.RawMessage
	if json.Unmarshal(value, &list) != nil {
		return nil
	}
	var out []registry.License
	for _, v := range list {
		if !bytes.HasPrefix(v, []byte("[")) {
			out = append(out, licenses(v)...)
		}
	}
	return out
}

// dependencies reads a map of names to ranges. The types are those of the API
// (PackageDependency).
func dependencies(kind string, value []byte) []registry.Dependency {
	var out []registry.Dependency
	members(value, func(key string, v []byte) {
		p := parseName(key)
		out = append(out, registry.Dependency{Namespace: p.Namespace, Package: p.Name, Type: kind, Requirement: unquote(v)})
	})
	return out
}
