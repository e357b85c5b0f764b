package main

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"larder/events"
	"larder/internal/httpx"
	"larder/registry"
)

// Config is everything that `larder serve` can be told. Each field is a flag,
// an environment variable and a key of the YAML file named by --config; the
// flag outranks the environment, and the environment the file.
type Config struct {
	Data      string
	Listen    string
	TLSCert   string
	TLSKey    string
	PublicURL string
	Trusted   []string // addresses or CIDR ranges
	Region    string

	Metadata  string // empty: SQLite in Data
	Blobs     string // empty: files in Data
	MasterKey string // a file; empty: one in Data

	EncryptBlobs bool   // files of new bytes are sealed
	KeyCommand   string // seals data keys in place of the master key

	NATS       string // empty: the server inside the process
	NATSListen string
	Stream     events.StreamConfig
	AuditNATS  bool // audit records go onto NATS, too

	MetricsListen  string // empty: /-/metrics of Listen
	AnonymousReads bool
	PrivateTargets bool

	SnapshotBuilds    int  // of a Maven snapshot that stay; 0: all
	UpstreamSnapshots bool // Maven snapshots come through connections, too
	AskedFilesOnly    bool // of versions that come through connections

	Advisories []string // NAME=URL of dumps
	TrustRoot  string   // a trusted_root.json; empty: nobody is trusted to attest

	Quotas quotas

	// Connections are settings of --external-connection by connection name.
	Connections map[string]registry.Connection

	// NATSAsked is set where somebody said NATSListen: then a taken port is a
	// failed start, and else a warning.
	NATSAsked bool
	// MasterKeyInEnvironment is set where MasterKey is LARDER_MASTER_KEY: then it
	// may be the key itself instead of a file.
	MasterKeyInEnvironment bool
}

const (
	defaultData       = "larder-data"
	defaultListen     = "127.0.0.1:8484"
	defaultNATSListen = "127.0.0.1:8485"
	defaultRegion     = "us-east-1"
	// minRetention is for how long the outbox may send events again.
	minRetention = 72 * time.Hour
)

// configFlags are the flags of `larder serve`: the only list of its settings.
func configFlags(c *Config) *pflag.FlagSet {
	f := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	f.SortFlags = false
	f.String("config", "", "YAML `file` with these settings, keys as the flags")
	f.StringVar(&c.Data, "data", defaultData, "`folder` of database, blobs, keys, event stream and credentials")
	f.StringVar(&c.Listen, "listen", defaultListen, "`address` to listen on; port 0 picks one")
	f.StringVar(&c.TLSCert, "tls-cert", "", "certificate `file` (PEM); needs --tls-key")
	f.StringVar(&c.TLSKey, "tls-key", "", "private key `file` (PEM) of --tls-cert")
	f.StringVar(&c.PublicURL, "public-url", "", "`URL` that clients are told (default: from the request's Host)")
	f.StringArrayVar(&c.Trusted, "trusted-proxy", nil, "address or `CIDR` of a proxy whose X-Forwarded-* headers count; repeatable")
	f.StringVar(&c.Region, "region", defaultRegion, "`name` of the region in ARNs")
	f.StringVar(&c.Metadata, "metadata", "", "`URL` of the database, postgres://… (default: SQLite in the data folder)")
	f.StringVar(&c.Blobs, "blobs", "", "`URL` of the blob store, s3://BUCKET/PREFIX?endpoint=… (default: files in the data folder)")
	f.StringVar(&c.NATS, "nats", "", "`URL` of an external NATS server with JetStream, or several with commas between (default: one inside this process)")
	f.StringVar(&c.NATSListen, "nats-listen", defaultNATSListen, "`address` where the inner NATS server listens for followers, or off")
	f.BoolVar(&c.AuditNATS, "audit-nats", false, "audit records go onto NATS too, as the stream LARDER_AUDIT")
	f.IntVar(&c.Stream.Replicas, "event-replicas", 0, "`number` of copies of the event stream within a NATS cluster (default: 3 for a new stream there)")
	f.DurationVar(&c.Stream.MaxAge, "event-retention", 0, "`time` that events stay in the stream, 72h and longer (default: 720h for a new stream)")
	f.Int64Var(&c.Stream.MaxBytes, "event-limit", 0, "`bytes` of the event stream at most, the oldest go first (default: 1 GiB for a new stream)")
	f.StringArray("external-connection", nil, "`NAME=URL` where a connection leads, NAME=FORMAT+URL for a custom one; repeatable")
	f.BoolVar(&c.AnonymousReads, "allow-anonymous-reads", false, "requests without a credential may read where a policy grants Principal \"*\"")
	f.BoolVar(&c.PrivateTargets, "allow-private-targets", false, "web hooks and connections may lead to loopback and private addresses")
	f.IntVar(&c.SnapshotBuilds, "snapshot-builds", 0, "how many builds of a Maven snapshot stay when a newer one is deployed (default: all)")
	f.BoolVar(&c.UpstreamSnapshots, "upstream-snapshots", false, "Maven snapshots come through external connections, too")
	f.BoolVar(&c.AskedFilesOnly, "asked-files-only", false, "of a version that comes through a connection only those files are kept that somebody asked for, and not all of them")
	f.StringArrayVar(&c.Advisories, "advisories", nil, "`NAME=URL` of a dump of advisories (OSV, zip) that is fetched every six hours; repeatable")
	f.StringVar(&c.TrustRoot, "trust-root", "", "`file` with the trusted_root.json of a Sigstore instance, by which attestations are verified")
	f.StringVar(&c.MasterKey, "master-key", "", "`file` with the key that seals secrets (default: one in the data folder)")
	f.BoolVar(&c.EncryptBlobs, "encrypt-blobs", false, "bytes of packages are encrypted on disk, with a key for each domain")
	f.StringVar(&c.KeyCommand, "key-command", "", "`program` that seals and unseals the domains' keys, in place of the master key")
	f.Var(&c.Quotas, "quota", quotaHelp)
	f.StringVar(&c.MetricsListen, "metrics-listen", "", "own `address` for /-/metrics")
	return f
}

// envName is the environment variable of a flag.
func envName(flag string) string {
	return "LARDER_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// complete fills what the command line left open from the environment and the
// file, and checks the whole. The FlagSet has been parsed.
func (c *Config) complete(f *pflag.FlagSet, getenv func(string) string) error {
	said := map[string]origin{}
	f.Visit(func(fl *pflag.Flag) { said[fl.Name] = fromFlag })

	asked, _ := f.GetStringArray("external-connection")
	if err := c.addConnections(asked, fromFlag); err != nil {
		return fmt.Errorf("--external-connection: %w", err)
	}

	var err error
	f.VisitAll(func(fl *pflag.Flag) {
		value := getenv(envName(fl.Name))
		if value == "" || err != nil {
			return
		}
		if fl.Name == "external-connection" {
			err = c.addConnections(splitList(value), fromEnvironment)
		} else if said[fl.Name] == "" {
			said[fl.Name] = fromEnvironment
			err = setFlag(fl, splitIfList(fl, value))
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", envName(fl.Name), err)
		}
	})
	if err != nil {
		return err
	}

	file, _ := f.GetString("config")
	if file != "" {
		if err := c.readFile(file, f, said); err != nil {
			return err
		}
	}
	c.NATSAsked = said["nats-listen"] != ""
	c.MasterKeyInEnvironment = said["master-key"] == fromEnvironment
	return c.check()
}

// readFile takes settings that nobody has said yet from a YAML file.
func (c *Config) readFile(name string, f *pflag.FlagSet, said map[string]origin) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("--config: %w", err)
	}
	var doc map[string]yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return fmt.Errorf("--config: %s is not a YAML mapping of settings: %w", name, err)
	}
	for key, node := range doc {
		at := fmt.Sprintf("--config: %s:%d: %s", name, node.Line, key)
		fl := f.Lookup(key)
		if fl == nil || key == "config" {
			return fmt.Errorf("%s: no such setting; keys are the flags of `larder serve --help` without the dashes", at)
		}
		values, err := nodeValues(&node)
		if err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
		switch {
		case key == "external-connection":
			err = c.addConnections(values, fromConfig)
		case said[key] == "":
			said[key] = fromConfig
			err = setFlag(fl, values)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
	}
	return nil
}

// nodeValues reads a scalar, a list of scalars, or a mapping as NAME=VALUE pairs.
func nodeValues(n *yaml.Node) ([]string, error) {
	var (
		one  string
		many []string
		pair map[string]string
	)
	switch n.Kind {
	case yaml.ScalarNode:
		err := n.Decode(&one)
		return []string{one}, err
	case yaml.SequenceNode:
		err := n.Decode(&many)
		return many, err
	case yaml.MappingNode:
		if err := n.Decode(&pair); err != nil {
			return nil, err
		}
		for k, v := range pair {
			many = append(many, k+"="+v)
		}
		return many, nil
	}
	return nil, errors.New("expected a value or a list of values")
}

// setFlag gives a flag its values; only list flags take other than one.
func setFlag(f *pflag.Flag, values []string) error {
	if l, ok := f.Value.(pflag.SliceValue); ok {
		return l.Replace(values)
	}
	if len(values) != 1 {
		return errors.New("takes one value")
	}
	err := f.Value.Set(values[0])
	if malformed := (*strconv.NumError)(nil); errors.As(err, &malformed) {
		kind := "a number"
		if f.Value.Type() == "bool" {
			kind = "true or false"
		}
		return fmt.Errorf("%q is not %s", values[0], kind)
	}
	return err
}

func splitIfList(f *pflag.Flag, value string) []string {
	if _, ok := f.Value.(pflag.SliceValue); ok {
		return splitList(value)
	}
	return []string{value}
}

// splitList reads a list from one environment variable: items parted by white
// space or commas. A comma within a URL is written %2C.
func splitList(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool {
		return r == ',' || r == ' ' || r == '\n' || r == '\t' || r == '\r'
	})
}

// regionName is what can stand in an ARN and in a signature's scope.
var regionName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// check finds what cannot work before anything is opened.
func (c *Config) check() error {
	if c.Data == "" {
		return errors.New("--data: name a folder")
	}
	var err error
	if c.Data, err = absolute(c.Data); err != nil {
		return fmt.Errorf("--data: %w", err)
	}
	if _, err := parseFeeds(c.Advisories); err != nil {
		return err
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return errors.New("--tls-cert and --tls-key go together: name both files")
	}
	if c.PublicURL != "" {
		u, err := url.Parse(c.PublicURL)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			return fmt.Errorf("--public-url: %q is not an http or https URL such as https://packages.example.com", maskURL(c.PublicURL))
		}
		c.PublicURL = strings.TrimRight(c.PublicURL, "/")
	}
	if _, err := httpx.ParseProxies(c.Trusted); err != nil {
		return fmt.Errorf("--trusted-proxy: %w", err)
	}
	if _, _, err := net.SplitHostPort(c.NATSListen); err != nil && c.NATSListen != "off" {
		return fmt.Errorf("--nats-listen: %q is neither an address such as 127.0.0.1:8485 nor off", c.NATSListen)
	}
	if _, err := c.keyCommand(); err != nil {
		return err
	}
	if c.SnapshotBuilds < 0 {
		return fmt.Errorf("--snapshot-builds: %d is no number of builds; 0 keeps them all", c.SnapshotBuilds)
	}
	if c.Stream.Replicas < 0 || c.Stream.Replicas > 5 {
		return errors.New("--event-replicas: a NATS stream has 1 to 5 copies")
	}
	if c.Stream.Replicas > 1 && c.NATS == "" {
		return errors.New("--event-replicas: copies need a NATS cluster, named with --nats")
	}
	if age := c.Stream.MaxAge; age != 0 && age < minRetention {
		return fmt.Errorf("--event-retention: events have to stay at least %s, as long as they are sent again from the database", minRetention)
	}
	if c.Stream.MaxBytes < 0 {
		return errors.New("--event-limit: give a number of bytes")
	}
	if !regionName.MatchString(c.Region) {
		return fmt.Errorf("--region: %q cannot stand in an ARN; take a name such as %s", c.Region, defaultRegion)
	}
	return nil
}

// LogValue is the configuration as it is shown at the start: without secrets.
func (c *Config) LogValue() slog.Value {
	var connections []any
	for _, name := range slices.Sorted(maps.Keys(c.Connections)) {
		connections = append(connections, slog.String(name, maskURL(c.Connections[name].URL)))
	}
	return slog.GroupValue(
		slog.String("data", c.Data),
		slog.String("listen", c.Listen),
		slog.Bool("tls", c.TLSCert != ""),
		slog.String("public-url", c.PublicURL),
		slog.String("trusted-proxy", strings.Join(c.Trusted, ",")),
		slog.String("region", c.Region),
		slog.String("metadata", cmp.Or(maskURL(c.Metadata), "SQLite in the data folder")),
		slog.String("blobs", cmp.Or(maskURL(c.Blobs), "files in the data folder")),
		slog.Bool("encrypt-blobs", c.EncryptBlobs),
		slog.Bool("key-command", c.KeyCommand != ""),
		slog.String("nats", cmp.Or(maskNATS(c.NATS), "inside this process")),
		slog.String("nats-listen", c.NATSListen),
		slog.Int("event-replicas", c.Stream.Replicas),
		slog.Duration("event-retention", c.Stream.MaxAge),
		slog.Int64("event-limit", c.Stream.MaxBytes),
		slog.Bool("audit-nats", c.AuditNATS),
		slog.String("metrics-listen", c.MetricsListen),
		slog.Bool("allow-anonymous-reads", c.AnonymousReads),
		slog.Bool("allow-private-targets", c.PrivateTargets),
		slog.Int("snapshot-builds", c.SnapshotBuilds),
		slog.Bool("upstream-snapshots", c.UpstreamSnapshots),
		slog.Int("advisories", len(c.Advisories)),
		slog.String("quota", c.Quotas.String()),
		slog.Group("external-connection", connections...),
	)
}

// absolute is filepath.Abs; with links followed where the path exists.
func absolute(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		return real, nil
	}
	return abs, nil
}

// maskNATS is maskURL for NATS URLs, of which there may be several with commas
// between, and in which a token stands in the place of the user.
func maskNATS(s string) string {
	var all []string
	for one := range strings.SplitSeq(s, ",") {
		u, err := url.Parse(strings.TrimSpace(one))
		if err == nil && u.User != nil {
			if _, hasPassword := u.User.Password(); !hasPassword {
				u.User = url.User("xxxxx")
				one = u.String()
			}
		}
		all = append(all, maskURL(strings.TrimSpace(one)))
	}
	return strings.Join(all, ",")
}

// maskURL hides the password of a URL and what stands in its query; an
// unreadable URL is hidden whole.
func maskURL(s string) string {
	if s == "" {
		return ""
	}
	u, err := url.Parse(s)
	if err != nil {
		return "(unreadable URL)"
	}
	if u.RawQuery != "" {
		q := u.Query()
		for k := range q {
			if k != "endpoint" && k != "region" && k != "sslmode" {
				q.Set(k, "xxxxx")
			}
		}
		u.RawQuery = q.Encode()
	}
	return u.Redacted()
}
