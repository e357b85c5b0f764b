package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"larder/events"
	"larder/events/rules"
)

const deployFolder = "../../deploy"

func deployed(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(deployFolder, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// metricLabels are all metrics, those without a value yet too, with their labels.
func metricLabels(t *testing.T) map[string][]string {
	t.Helper()
	m := newMetrics(&events.Relay{}, &rules.Dispatcher{})
	m.watch(&operations{}, 0)
	all := make(chan *prometheus.Desc)
	go func() { m.registry.Describe(all); close(all) }()
	parts := regexp.MustCompile(`fqName: "([^"]+)", help: .*, constLabels: \{([^}]*)\}, variableLabels: \{([^}]*)\}`)
	labels := map[string][]string{"up": nil}
	for d := range all {
		p := parts.FindStringSubmatch(d.String())
		if p == nil {
			t.Fatalf("what is %s?", d)
		}
		var names []string
		for _, l := range strings.FieldsFunc(p[2]+","+p[3], func(r rune) bool { return r == ',' }) {
			name, _, _ := strings.Cut(l, "=")
			names = append(names, name)
		}
		labels[p[1]] = names
	}
	return labels
}

// A rule on a metric that there is not never fires, and nobody notices.
func TestAlertsAreAboutMetricsThatThereAre(t *testing.T) {
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert       string
				Expr        string
				Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal([]byte(deployed(t, "alerts.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	var (
		known    = metricLabels(t)
		metric   = regexp.MustCompile(`\b((?:larder|process|go)_[a-z_]+|up)\b(\{[^}]*\})?`)
		matcher  = regexp.MustCompile(`([a-z_]+)(?:=|!=|=~|!~)"`)
		grouping = regexp.MustCompile(`by \(([a-z_, ]+)\)`)
		checked  int
	)
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			if rule.Alert == "" || rule.Annotations["summary"] == "" || rule.Annotations["description"] == "" {
				t.Errorf("%s lacks a name, a summary or a description", rule.Alert)
			}
			labels := []string{"job", "instance", "le"}
			for _, m := range metric.FindAllStringSubmatch(rule.Expr, -1) {
				checked++
				name := m[1]
				if _, ok := known[name]; !ok {
					name = strings.TrimSuffix(name, "_bucket") // of a histogram
				}
				if _, ok := known[name]; !ok {
					t.Errorf("%s: there is no metric %s", rule.Alert, m[1])
				}
				labels = append(labels, known[name]...)
				for _, l := range matcher.FindAllStringSubmatch(m[2], -1) {
					if !slices.Contains(labels, l[1]) {
						t.Errorf("%s: %s has no label %s", rule.Alert, m[1], l[1])
					}
				}
			}
			for _, by := range grouping.FindAllStringSubmatch(rule.Expr, -1) {
				for _, l := range strings.FieldsFunc(by[1], func(r rune) bool { return r == ',' || r == ' ' }) {
					if !slices.Contains(labels, l) {
						t.Errorf("%s: nothing there has a label %s", rule.Alert, l)
					}
				}
			}
		}
	}
	if checked < len(file.Groups) || checked == 0 {
		t.Errorf("%d metrics were found in the rules", checked)
	}
}

// What is set for a process is a setting that there is.
func TestDeploymentsSetWhatThereIs(t *testing.T) {
	known := map[string]bool{}
	configFlags(&Config{}).VisitAll(func(f *pflag.Flag) { known[envName(f.Name)] = true })
	setting := regexp.MustCompile(`\bLARDER_[A-Z_]+\b`)
	for _, name := range []string{"compose.yaml", "kubernetes/config.yaml", "kubernetes/statefulset.yaml", "larder.service"} {
		for line := range strings.Lines(deployed(t, name)) {
			line, _, _ = strings.Cut(line, "#")
			for _, s := range setting.FindAllString(line, -1) {
				if !known[s] {
					t.Errorf("%s: larder serve has no setting %s", name, s)
				}
			}
		}
	}
	_, text, _ := strings.Cut(deployed(t, "secrets.sh"), "keep larder.yaml <<EOF\n")
	text, _, found := strings.Cut(text, "\nEOF\n")
	var file map[string]string
	if err := yaml.Unmarshal([]byte(text), &file); err != nil || !found || len(file) == 0 {
		t.Fatalf("the configuration that secrets.sh writes: %v, %q", err, text)
	}
	for key := range file {
		if !known[envName(key)] {
			t.Errorf("secrets.sh: larder serve has no setting %s", key)
		}
	}
}

// Whoever ends a process waits until it has finished.
func TestDeploymentsLetRequestsFinish(t *testing.T) {
	seconds := func(name, pattern string) time.Duration {
		t.Helper()
		m := regexp.MustCompile(pattern).FindStringSubmatch(deployed(t, name))
		if m == nil {
			t.Fatalf("%s has no %s", name, pattern)
		}
		n, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		return time.Duration(n) * time.Second
	}
	const least = drainTime + flushTime
	before := seconds("kubernetes/statefulset.yaml", `(?s)preStop:\s+sleep:\s+seconds: (\d+)`)
	for what, got := range map[string]time.Duration{
		"compose.yaml":   seconds("compose.yaml", `(?s)x-larder:.*?stop_grace_period: (\d+)s`),
		"larder.service": seconds("larder.service", `TimeoutStopSec=(\d+)`),
		"kubernetes":     seconds("kubernetes/statefulset.yaml", `terminationGracePeriodSeconds: (\d+)`) - before,
	} {
		if got <= least {
			t.Errorf("%s gives %s, and %s are needed", what, got, least)
		}
	}
}

func TestTheUnitIsUnderstoodAndHardened(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd is not on this machine")
	}
	unit := filepath.Join(t.TempDir(), "larder.service")
	// It is verified that the program is there.
	text := strings.Replace(deployed(t, "larder.service"), "ExecStart=/usr/local/bin/larder ", "ExecStart=/bin/true ", 1)
	if err := os.WriteFile(unit, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"verify", unit}, {"security", "--offline=true", "--threshold=20", "--no-pager", unit}} {
		out, err := exec.Command(analyze, args...).CombinedOutput()
		if err != nil || args[0] == "verify" && len(out) > 0 {
			t.Errorf("systemd-analyze %s: %v\n%s", args[0], err, out)
		}
	}
}

// Every reference within the manifests leads somewhere.
func TestManifestsFitTogether(t *testing.T) {
	var kustomization struct{ Resources []string }
	if err := yaml.Unmarshal([]byte(deployed(t, "kubernetes/kustomization.yaml")), &kustomization); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(deployFolder, "kubernetes", "*.yaml"))
	if err != nil || len(files) != len(kustomization.Resources)+1 {
		t.Errorf("the kustomization has %d files of %d, %v", len(kustomization.Resources), len(files)-1, err)
	}
	type object struct {
		Kind     string
		Metadata struct {
			Name   string
			Labels map[string]string
		}
		Spec yaml.Node
	}
	named := map[string]object{}
	for _, name := range kustomization.Resources {
		documents := yaml.NewDecoder(strings.NewReader(deployed(t, "kubernetes/"+name)))
		for {
			var o object
			err := documents.Decode(&o)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			named[o.Kind+" "+o.Metadata.Name] = o
		}
	}
	type selector struct {
		MatchLabels map[string]string `yaml:"matchLabels"`
	}
	var set struct {
		ServiceName string `yaml:"serviceName"`
		Selector    selector
		Template    struct {
			Metadata struct{ Labels map[string]string }
			Spec     struct {
				ServiceAccountName string `yaml:"serviceAccountName"`
				Containers         []struct {
					Ports []struct{ Name string }
					From  []struct {
						ConfigMapRef struct{ Name string } `yaml:"configMapRef"`
					} `yaml:"envFrom"`
				}
			}
		}
	}
	pods := named["StatefulSet larder"]
	if err := pods.Spec.Decode(&set); err != nil || len(set.Template.Spec.Containers) != 1 {
		t.Fatal(err)
	}
	label := set.Template.Metadata.Labels["app.kubernetes.io/name"]
	if label == "" || set.Selector.MatchLabels["app.kubernetes.io/name"] != label {
		t.Errorf("the stateful set selects %v, its pods are %q", set.Selector, label)
	}
	container := set.Template.Spec.Containers[0]
	var ports []string
	for _, p := range container.Ports {
		ports = append(ports, p.Name)
	}
	for _, want := range []string{"Service " + set.ServiceName, "ServiceAccount " + set.Template.Spec.ServiceAccountName, "ConfigMap " + container.From[0].ConfigMapRef.Name, "PodDisruptionBudget larder"} {
		if _, ok := named[want]; !ok {
			t.Errorf("there is no %s", want)
		}
	}
	for name, o := range named {
		switch o.Kind {
		case "Service":
			var s struct {
				Selector map[string]string
				Ports    []struct {
					TargetPort string `yaml:"targetPort"`
				}
			}
			if err := o.Spec.Decode(&s); err != nil || s.Selector["app.kubernetes.io/name"] != label {
				t.Errorf("%s selects %v, %v", name, s.Selector, err)
			}
			for _, p := range s.Ports {
				if !slices.Contains(ports, p.TargetPort) {
					t.Errorf("%s leads to a port %q, there are %q", name, p.TargetPort, ports)
				}
			}
		case "PodDisruptionBudget":
			var b struct{ Selector selector }
			if err := o.Spec.Decode(&b); err != nil || b.Selector.MatchLabels["app.kubernetes.io/name"] != label {
				t.Errorf("%s selects %v, %v", name, b.Selector, err)
			}
		}
	}
	for _, probe := range regexp.MustCompile(`path: (/-/\S+)\n\s+port: (\S+)`).FindAllStringSubmatch(deployed(t, "kubernetes/statefulset.yaml"), -1) {
		if (probe[1] != "/-/ready" && probe[1] != "/-/health") || probe[2] != "http" {
			t.Errorf("a probe asks %s of port %s", probe[1], probe[2])
		}
	}
}
