package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"larder/registry"
)

// configure reads a command line, an environment and a file as serve does.
func configure(t *testing.T, args []string, env map[string]string, file string) (Config, error) {
	t.Helper()
	if file != "" {
		name := filepath.Join(t.TempDir(), "larder.yaml")
		if err := os.WriteFile(name, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config", name)
	}
	var c Config
	f := configFlags(&c)
	if err := f.Parse(args); err != nil {
		return c, err
	}
	return c, c.complete(f, func(k string) string { return env[k] })
}

func TestFlagOutranksEnvironmentOutranksFile(t *testing.T) {
	c, err := configure(t,
		[]string{"--region", "flag-1"},
		map[string]string{"LARDER_REGION": "env-1", "LARDER_LISTEN": "env:1", "LARDER_ALLOW_PRIVATE_TARGETS": "true"},
		"region: file-1\nlisten: file:1\npublic-url: https://file.upstream.test/\nallow-private-targets: false\n")
	if err != nil {
		t.Fatal(err)
	}
	if c.Region != "flag-1" || c.Listen != "env:1" || c.PublicURL != "https://file.upstream.test" || !c.PrivateTargets {
		t.Errorf("got %+v", c)
	}
}

func TestDefaultsAreThoseOfTheContract(t *testing.T) {
	c, err := configure(t, nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Base(c.Data) != "larder-data" || !filepath.IsAbs(c.Data) || c.Listen != "127.0.0.1:8484" || c.NATSListen != "127.0.0.1:8485" ||
		c.NATSAsked || c.Region != "us-east-1" || c.AnonymousReads || c.PrivateTargets || c.MetricsListen != "" {
		t.Errorf("got %+v", c)
	}
}

func TestEverySettingIsAFlag(t *testing.T) {
	f := configFlags(&Config{})
	for _, name := range []string{
		"data", "listen", "tls-cert", "tls-key", "public-url", "trusted-proxy", "region", "metadata", "blobs", "nats", "nats-listen",
		"external-connection", "allow-anonymous-reads", "allow-private-targets", "master-key", "metrics-listen", "config", "quota", "audit-nats", "encrypt-blobs", "key-command",
	} {
		if f.Lookup(name) == nil {
			t.Errorf("--%s is missing", name)
		}
	}
}

func TestConnectionsOfAllWaysAreJoinedByName(t *testing.T) {
	c, err := configure(t,
		[]string{"--external-connection", "public:npmjs=https://flag.upstream.test/"},
		map[string]string{"LARDER_EXTERNAL_CONNECTION": "public:npmjs=https://env.upstream.test/, public:pypi=https://env.upstream.test/simple"},
		"external-connection:\n  public:pypi: https://file.upstream.test/simple\n  team:npm: npm+https://u:p@file.upstream.test/npm\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []registry.Connection{
		{Name: "public:npmjs", Format: "npm", URL: "https://flag.upstream.test/", Source: "flag"},
		{Name: "public:pypi", Format: "pypi", URL: "https://env.upstream.test/simple", Source: "environment"},
		{Name: "team:npm", Format: "npm", URL: "https://u:p@file.upstream.test/npm", Source: "config"},
	} {
		if got := c.Connections[want.Name]; got != want {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

func TestAListInTheFile(t *testing.T) {
	c, err := configure(t, nil, nil, "trusted-proxy: [10.0.0.0/8, 127.0.0.1]\nexternal-connection: public:npmjs=https://upstream.test/\n")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Join(c.Trusted, " ") != "10.0.0.0/8 127.0.0.1" || c.Connections["public:npmjs"].URL != "https://upstream.test/" {
		t.Errorf("got %+v", c)
	}
}

func TestAskedNATSAddressMustBeHad(t *testing.T) {
	c, err := configure(t, nil, map[string]string{"LARDER_NATS_LISTEN": "127.0.0.1:8485"}, "")
	if err != nil || !c.NATSAsked {
		t.Errorf("asked %v, %v", c.NATSAsked, err)
	}
}

func TestWrongSettingsSayWhatToDo(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		env  map[string]string
		file string
		want string
	}{
		{"unknown key", nil, nil, "listn: x\n", "listn: no such setting"},
		{"a key that is no mapping", nil, nil, "- a\n", "not a YAML mapping"},
		{"the file in the file", nil, nil, "config: x\n", "no such setting"},
		{"a key twice", nil, nil, "listen: a\nlisten: b\n", "already defined"},
		{"a list for one value", nil, nil, "listen: [a, b]\n", "takes one value"},
		{"a nested value", nil, nil, "trusted-proxy:\n  - [a]\n", "cannot unmarshal"},
		{"a missing file", []string{"--config", "missing.yaml"}, nil, "", "missing.yaml"},
		{"not a truth value", nil, map[string]string{"LARDER_ALLOW_ANONYMOUS_READS": "maybe"}, "", `LARDER_ALLOW_ANONYMOUS_READS: "maybe" is not true or false`},
		{"not a number", nil, map[string]string{"LARDER_SNAPSHOT_BUILDS": "few"}, "", `LARDER_SNAPSHOT_BUILDS: "few" is not a number`},
		{"certificate without key", []string{"--tls-cert", "x"}, nil, "", "go together"},
		{"public URL without scheme", []string{"--public-url", "packages"}, nil, "", "--public-url"},
		{"trusted proxy", []string{"--trusted-proxy", "proxy"}, nil, "", "--trusted-proxy"},
		{"region", []string{"--region", "a:b"}, nil, "", "--region"},
		{"connection without name", []string{"--external-connection", "https://upstream.test/"}, nil, "", "NAME=URL"},
		{"custom connection without format", []string{"--external-connection", "team=https://upstream.test/"}, nil, "", "needs a format"},
		{"connection of another format", []string{"--external-connection", "public:npmjs=pypi+https://upstream.test/"}, nil, "", "format npm"},
		{"connection to nowhere", []string{"--external-connection", "public:npmjs="}, nil, "", "needs a URL"},
		{"connection by file", []string{"--external-connection", "public:npmjs=file:///etc"}, nil, "", "http"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := configure(t, c.args, c.env, c.file)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestConfigurationIsShownWithoutSecrets(t *testing.T) {
	c, err := configure(t, []string{
		"--metadata", "postgres://me:PW1@db/larder?password=PW2", "--blobs", "s3://bucket/x?endpoint=http://s3&secret=PW3",
		"--nats", "nats://me:PW4@bus,nats://PW8@second, tls://me:PW9@third?credentials=PW10", "--external-connection", "public:npmjs=https://me:PW5@upstream.test/?token=PW6",
	}, map[string]string{"LARDER_MASTER_KEY": "PW7"}, "")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	slog.New(slog.NewJSONHandler(&b, nil)).Info("starting", "config", &c)
	if strings.Contains(b.String(), "PW") {
		t.Errorf("a secret is shown: %s", b.String())
	}
	if !strings.Contains(b.String(), "upstream.test") || !strings.Contains(b.String(), "bucket") {
		t.Errorf("too little is shown: %s", b.String())
	}
}

func TestErrorsNeverRepeatAConnectionsPassword(t *testing.T) {
	for _, s := range []string{"bad name=https://me:PW@upstream.test/", "team=https://me:PW@upstream.test/", "public:npmjs=ftp://me:PW@upstream.test", "public:npmjs=https://me:PW@%zz"} {
		_, err := configure(t, []string{"--external-connection", s}, nil, "")
		if err == nil || strings.Contains(err.Error(), "PW") {
			t.Errorf("%s: %v", s, err)
		}
	}
}

func FuzzConfigFile(f *testing.F) {
	f.Add("listen: 127.0.0.1:0\ntrusted-proxy: [10.0.0.0/8]\n")
	f.Add("external-connection:\n  public:npmjs: https://upstream.test/\n")
	f.Add("a: &a [*a]\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := configure(t, nil, nil, text)
		if err == nil && !filepath.IsAbs(c.Data) {
			t.Fatalf("%q gave %+v", text, c)
		}
	})
}
