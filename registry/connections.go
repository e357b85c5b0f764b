package registry

import (
	"context"
	"encoding/base64"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// PublicConnections are the external connections that the API knows by name
// (spec 1.6), with their formats. Where each leads is configuration.
var PublicConnections = map[string]string{
	"public:npmjs":               NPM,
	"public:pypi":                PyPI,
	"public:maven-central":       Maven,
	"public:maven-googleandroid": Maven,
	"public:maven-gradleplugins": Maven,
	"public:maven-commonsware":   Maven,
	"public:maven-clojars":       Maven,
	"public:nuget-org":           NuGet,
	"public:ruby-gems-org":       Ruby,
	"public:crates-io":           Cargo,
}

// Connections answers where external connections lead: as the configuration
// says, else as was kept. The zero URL leads nowhere.
type Connections struct {
	Metadata Metadata
	// Given are those of flag, environment and configuration file, by name. They
	// outrank what is kept, and are not kept themselves.
	Given map[string]Connection
	// Sealer keeps URLs from lying open in the metadata: a password may stand in
	// them. Nil: kept as they are.
	Sealer Sealer
}

// connectionPurpose is what connection URLs are sealed for.
const connectionPurpose = "connection"

// Find gives one connection; NotFound for a name that is neither public nor defined.
func (c *Connections) Find(ctx context.Context, name string) (Connection, error) {
	if given, ok := c.Given[name]; ok {
		return given, nil
	}
	var kept Connection
	err := c.Metadata.View(ctx, func(tx Tx) error {
		var err error
		kept, err = tx.Connection(name)
		return err
	})
	if IsNotFound(err) {
		if format, ok := PublicConnections[name]; ok {
			return Connection{Name: name, Format: format}, nil
		}
		return Connection{}, Errorf(NotFound, "there is no external connection %q; define it with: larder connection set %s FORMAT+URL", name, name).
			About(Resource{Type: ConnectionResource, Name: name})
	}
	if err != nil {
		return Connection{}, err
	}
	return c.unseal(kept)
}

// All gives every connection by name, the public ones that lead nowhere included.
func (c *Connections) All(ctx context.Context) ([]Connection, error) {
	var kept []Connection
	err := c.Metadata.View(ctx, func(tx Tx) error {
		var err error
		kept, err = tx.Connections()
		return err
	})
	if err != nil {
		return nil, err
	}
	byName := map[string]Connection{}
	for name, format := range PublicConnections {
		byName[name] = Connection{Name: name, Format: format}
	}
	for _, k := range kept {
		if byName[k.Name], err = c.unseal(k); err != nil {
			return nil, err
		}
	}
	for name, given := range c.Given {
		byName[name] = given
	}
	out := make([]Connection, 0, len(byName))
	for _, conn := range byName {
		out = append(out, conn)
	}
	slices.SortFunc(out, func(a, b Connection) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// Put keeps where a connection leads. Invalid for what cannot be; Conflict for
// one that the configuration gives, since keeping it would change nothing.
func (c *Connections) Put(ctx context.Context, conn Connection) error {
	if err := CheckConnection(&conn); err != nil {
		return err
	}
	if given, ok := c.Given[conn.Name]; ok {
		return Errorf(Conflict, "external connection %s is given by %s, which outranks what is set here; change it there", conn.Name, given.Source)
	}
	if c.Sealer != nil {
		conn.URL = sealedURL(c.Sealer, conn)
	}
	return c.Metadata.Update(ctx, func(tx Tx) error { return tx.PutConnection(conn) })
}

func (c *Connections) unseal(conn Connection) (Connection, error) {
	if c.Sealer == nil {
		return conn, nil
	}
	sealed, err := base64.StdEncoding.DecodeString(conn.URL)
	if err != nil {
		return Connection{}, Errorf(Internal, "the URL of external connection %s is no seal: %w", conn.Name, err)
	}
	plain, err := c.Sealer.Open(connectionPurpose, conn.Name, sealed)
	if err != nil {
		return Connection{}, Errorf(Internal, "the URL of external connection %s cannot be unsealed: %w", conn.Name, err)
	}
	conn.URL = string(plain)
	return conn, nil
}

// ResealConnections seals the URLs of all connections anew.
func ResealConnections(tx Tx, from, to Sealer) error {
	kept, err := tx.Connections()
	if err != nil {
		return err
	}
	for _, conn := range kept {
		conn, err := (&Connections{Sealer: from}).unseal(conn)
		if err != nil {
			return err
		}
		conn.URL = sealedURL(to, conn)
		if err := tx.PutConnection(conn); err != nil {
			return err
		}
	}
	return nil
}

func sealedURL(s Sealer, conn Connection) string {
	return base64.StdEncoding.EncodeToString(s.Seal(connectionPurpose, conn.Name, []byte(conn.URL)))
}

// formats gives the format of every connection.
func (c *Connections) formats(tx Tx) (map[string]string, error) {
	kept, err := tx.Connections()
	if err != nil {
		return nil, err
	}
	out := make(map[string]string, len(PublicConnections)+len(kept))
	for name, format := range PublicConnections {
		out[name] = format
	}
	for _, k := range kept {
		out[k.Name] = k.Format
	}
	for name, given := range c.Given {
		out[name] = given.Format
	}
	return out, nil
}

// connectionName is the API's constraint on names (spec 1.2).
var connectionName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]{1,99}$`)

// CheckConnection holds a connection to its limits and fills in the format of
// a public one. The error never repeats the URL.
func CheckConnection(c *Connection) error {
	if !connectionName.MatchString(c.Name) {
		return Errorf(Invalid, "%q cannot name an external connection: 2 to 100 letters, digits, and . _ : -", c.Name)
	}
	if format, ok := PublicConnections[c.Name]; ok {
		if c.Format != "" && c.Format != format {
			return Errorf(Invalid, "external connection %s is of format %s", c.Name, format)
		}
		c.Format = format
	}
	switch c.Format {
	case NPM, PyPI, Maven, NuGet, Ruby, Cargo:
	default:
		return Errorf(Invalid, "external connection %s needs a format: write FORMAT+URL, such as npm+https://packages.example.com/npm/, with npm, pypi, maven, nuget, ruby or cargo", c.Name)
	}
	u, err := url.Parse(c.URL)
	if c.URL != "" && (err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.Fragment != "") {
		return Errorf(Invalid, "external connection %s needs an http:// or https:// URL with a host and no fragment", c.Name)
	}
	return nil
}
