package main

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"larder/registry"
)

// origin says by which way a setting came; it stands as Source with a
// connection that `larder connection list` shows.
type origin string

const (
	fromFlag        origin = "flag"
	fromEnvironment origin = "environment"
	fromConfig      origin = "config"
)

// ConnectionSetting is where the administrator wants a connection to lead.
type ConnectionSetting struct {
	Format string
	URL    string // may carry user and password
	Source string
}

// publicConnections are the names of CodeArtifact's external connections and
// their formats (spec 1.6). Where each leads is never written here: it comes
// from settings or from the package tools of the machine.
var publicConnections = []struct{ name, format string }{
	{"public:npmjs", registry.NPM},
	{"public:pypi", registry.PyPI},
	{"public:maven-central", registry.Maven},
	{"public:maven-googleandroid", registry.Maven},
	{"public:maven-gradleplugins", registry.Maven},
	{"public:maven-commonsware", registry.Maven},
	{"public:maven-clojars", registry.Maven},
	{"public:nuget-org", registry.NuGet},
	{"public:ruby-gems-org", registry.Ruby},
	{"public:crates-io", registry.Cargo},
}

func publicConnectionFormat(name string) (string, bool) {
	for _, c := range publicConnections {
		if c.name == name {
			return c.format, true
		}
	}
	return "", false
}

// connectionFormats are the formats that have registries to lead to.
var connectionFormats = []string{registry.NPM, registry.PyPI, registry.Maven, registry.NuGet, registry.Ruby, registry.Cargo}

// connectionName is what a custom name may look like: as the public ones.
var connectionName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$`)

// addConnections reads NAME=URL and NAME=FORMAT+URL settings of one origin.
// A name that an earlier, higher ranking origin has set stays as it is.
func (c *Config) addConnections(settings []string, from origin) error {
	if c.Connections == nil {
		c.Connections = map[string]ConnectionSetting{}
	}
	for _, s := range settings {
		name, set, err := parseConnection(s)
		if err != nil {
			return err
		}
		set.Source = string(from)
		if have, ok := c.Connections[name]; ok && have.Source != string(from) {
			continue
		}
		c.Connections[name] = set
	}
	return nil
}

// parseConnection reads one setting. The errors never repeat the URL: a
// password may stand in it.
func parseConnection(s string) (string, ConnectionSetting, error) {
	name, target, ok := strings.Cut(s, "=")
	name = strings.TrimSpace(name)
	if !ok || !connectionName.MatchString(name) {
		return "", ConnectionSetting{}, fmt.Errorf("a setting reads NAME=URL, such as public:npmjs=https://packages.example.com/npm/, or NAME=FORMAT+URL for a name of your own")
	}
	format, known := publicConnectionFormat(name)
	target = strings.TrimSpace(target)
	for _, f := range connectionFormats {
		rest, cut := strings.CutPrefix(target, f+"+")
		if !cut {
			continue
		}
		if known && f != format {
			return "", ConnectionSetting{}, fmt.Errorf("%s has format %s, not %s", name, format, f)
		}
		format, target = f, rest
	}
	if format == "" {
		return "", ConnectionSetting{}, fmt.Errorf("%s is no public connection, so its format is needed: %s=FORMAT+URL with one of %s", name, name, strings.Join(connectionFormats, ", "))
	}
	if err := checkConnectionURL(target); err != nil {
		return "", ConnectionSetting{}, fmt.Errorf("%s: %w", name, err)
	}
	return name, ConnectionSetting{Format: format, URL: target}, nil
}

func checkConnectionURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.Fragment != "" {
		return fmt.Errorf("the URL must be http or https with a host, without a fragment; user and password in it are percent-encoded")
	}
	return nil
}
