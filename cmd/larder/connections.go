package main

import (
	"errors"
	"fmt"
	"slices"
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

// addConnections reads NAME=URL and NAME=FORMAT+URL settings of one origin.
// A name that an earlier, higher ranking origin has set stays as it is.
func (c *Config) addConnections(settings []string, from origin) error {
	if c.Connections == nil {
		c.Connections = map[string]registry.Connection{}
	}
	for _, s := range settings {
		name, target, ok := strings.Cut(s, "=")
		if !ok {
			return errors.New("a setting reads NAME=URL, such as public:npmjs=https://packages.example.com/npm/, or NAME=FORMAT+URL for a name of your own")
		}
		conn := parseConnection(strings.TrimSpace(name), strings.TrimSpace(target))
		conn.Source = string(from)
		if err := registry.CheckConnection(&conn); err != nil {
			return err
		}
		if conn.URL == "" {
			return fmt.Errorf("external connection %s needs a URL", conn.Name)
		}
		if have, ok := c.Connections[conn.Name]; ok && have.Source != conn.Source {
			continue
		}
		c.Connections[conn.Name] = conn
	}
	return nil
}

// schemeFormats are the formats that may stand before a URL with a "+".
var schemeFormats = []string{registry.NPM, registry.PyPI, registry.Maven, registry.NuGet, registry.Ruby, registry.Cargo}

// parseConnection takes a FORMAT+URL apart; the format of a public name need not stand there.
func parseConnection(name, target string) registry.Connection {
	c := registry.Connection{Name: name, URL: target}
	if format, rest, ok := strings.Cut(target, "+"); ok && slices.Contains(schemeFormats, format) {
		c.Format, c.URL = format, rest
	}
	return c
}
