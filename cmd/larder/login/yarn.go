package login

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Yarn 1 reads the user's .npmrc and sends a token for unscoped packages only
// with always-auth; Yarn 2 and later read ~/.yarnrc.yml and nothing of
// .npmrc. Which of them a project runs is the project's choice, so both are set up.
var yarn = Tool{Name: "yarn", Format: "npm", Try: "yarn install", plan: func(m Machine, to Target) (*Plan, error) {
	p, err := planNpmrc(m, to, setting{to.nerfed() + ":always-auth", "true"})
	if err != nil {
		return nil, err
	}
	name := yarnFile(m)
	before, err := readSettings(name)
	if err != nil {
		return nil, err
	}
	after, err := setYarnrc(before, to)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	p.Edits = append(p.Edits, Edit{File: name, Before: before, After: after})
	return p, nil
}, helper: planYarnHelper}

// yarnPlugin answers Yarn's hook getNpmAuthenticationHeader, which comes before
// tokens in settings. (Yarn's plugin-npm, Hooks; since Yarn 3.)
//
//go:embed yarn-larder.cjs
var yarnPlugin string

// planYarnHelper sets up Yarn 3 and later alone: older ones ask nobody.
func planYarnHelper(m Machine, to Target) (*Plan, error) {
	p := &Plan{Notes: []string{"Yarn 1 and 2 ask no other program for a token: they need larder login yarn without --helper"}}
	program, err := json.Marshal(to.Helper.Program)
	if err != nil {
		return nil, err
	}
	plugin := filepath.Join(m.larderFolder(), "yarn-larder.cjs")
	text := strings.Replace(yarnPlugin, `"larder"`, string(program), 1)
	if err := p.edit(plugin, func([]byte) ([]byte, error) { return []byte(text), nil }); err != nil {
		return nil, err
	}
	return p, p.edit(yarnFile(m), func(before []byte) ([]byte, error) { return setYarnHelper(before, to, filepath.ToSlash(plugin)) })
}

// yarnFile is the user's settings of Yarn 2 and later.
func yarnFile(m Machine) string {
	return filepath.Join(m.Home, cmp.Or(m.Getenv("YARN_RC_FILENAME"), ".yarnrc.yml"))
}

// setYarnrc leads Yarn 2 and later to the target: npmRegistryServer, or
// npmScopes for scopes, and the token under npmRegistries. Yarn refuses plain
// http unless its host is in unsafeHttpWhitelist. Comments and all other
// settings stay. (Yarn 4's documentation of .yarnrc.yml.)
func setYarnrc(text []byte, to Target) ([]byte, error) {
	return editYarnrc(text, to, func(_, registry *yaml.Node) error {
		setScalar(registry, "npmAuthToken", to.Token)
		return nil
	})
}

// setYarnHelper leads it there with the plugin in place of a token.
func setYarnHelper(text []byte, to Target, plugin string) ([]byte, error) {
	return editYarnrc(text, to, func(top, registry *yaml.Node) error {
		drop(registry, "npmAuthToken")
		drop(registry, "npmAuthIdent")
		return addItem(top, "plugins", plugin)
	})
}

// editYarnrc changes what both have in common, and then the whole document and
// the settings of the registry.
func editYarnrc(text []byte, to Target, change func(top, registry *yaml.Node) error) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("is not readable as YAML, mend it first: %w", err)
	}
	if doc.Kind == 0 {
		doc = yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{{Kind: yaml.MappingNode}}, HeadComment: strings.TrimSpace(string(text))}
	}
	top := doc.Content[0]
	if top.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("is not a YAML mapping of settings")
	}
	if len(to.Scopes) == 0 {
		setScalar(top, "npmRegistryServer", to.Endpoint)
	}
	for _, s := range to.Scopes {
		of, err := mapping(top, "npmScopes", strings.TrimPrefix(s, "@"))
		if err != nil {
			return nil, err
		}
		setScalar(of, "npmRegistryServer", to.Endpoint)
	}
	// Yarn looks the entry up without the trailing slash.
	of, err := mapping(top, "npmRegistries", strings.TrimRight(to.nerfed(), "/"))
	if err != nil {
		return nil, err
	}
	setScalar(of, "npmAlwaysAuth", "true")
	if err := change(top, of); err != nil {
		return nil, err
	}
	if u, err := url.Parse(to.Endpoint); err == nil && u.Scheme == "http" {
		if err := addItem(top, "unsafeHttpWhitelist", u.Hostname()); err != nil {
			return nil, err
		}
	}
	return encode(&doc)
}

// drop takes a key out of a mapping.
func drop(m *yaml.Node, key string) {
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			m.Content = slices.Delete(m.Content, i, i+2)
			return
		}
	}
}

var errOddYAML = errors.New("holds YAML that cannot be written back safely, simplify it first")

// encode writes a document and makes sure that it reads back: the library
// writes, or panics at, some odd documents that it has read.
func encode(doc *yaml.Node) (text []byte, err error) {
	defer func() {
		if recover() != nil {
			text, err = nil, errOddYAML
		}
	}()
	var want, got any
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(doc); err != nil {
		return nil, errOddYAML
	}
	if err := enc.Close(); err != nil {
		return nil, errOddYAML
	}
	if doc.Decode(&want) != nil || yaml.Unmarshal(out.Bytes(), &got) != nil || !reflect.DeepEqual(want, got) {
		return nil, errOddYAML
	}
	return out.Bytes(), nil
}

// child gives the value of a key in a mapping, or nil.
func child(m *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			return m.Content[i+1]
		}
	}
	return nil
}

// add appends a key with its value.
func add(m *yaml.Node, key string, value *yaml.Node) {
	k := &yaml.Node{Kind: yaml.ScalarNode, Value: key}
	if strings.ContainsAny(key, "/:@") {
		k.Style = yaml.DoubleQuotedStyle
	}
	m.Content = append(m.Content, k, value)
}

func setScalar(m *yaml.Node, key, value string) {
	style := yaml.DoubleQuotedStyle
	if value == "true" {
		style = 0
	}
	if n := child(m, key); n != nil {
		n.Kind, n.Tag, n.Value, n.Style, n.Content, n.Alias = yaml.ScalarNode, "", value, style, nil, nil
		return
	}
	add(m, key, &yaml.Node{Kind: yaml.ScalarNode, Value: value, Style: style})
}

// mapping gives the mapping under a path of keys, made where it is missing.
func mapping(m *yaml.Node, path ...string) (*yaml.Node, error) {
	for _, key := range path {
		n := child(m, key)
		switch {
		case n == nil:
			n = &yaml.Node{Kind: yaml.MappingNode}
			add(m, key, n)
		case n.Kind == yaml.ScalarNode && n.Tag == "!!null":
			n.Kind, n.Tag, n.Value = yaml.MappingNode, "", ""
		case n.Kind != yaml.MappingNode:
			return nil, fmt.Errorf("%s is not a mapping, mend it first", key)
		}
		m = n
	}
	return m, nil
}

// addItem puts an item into a list, once.
func addItem(m *yaml.Node, key, item string) error {
	n := child(m, key)
	if n == nil {
		n = &yaml.Node{Kind: yaml.SequenceNode}
		add(m, key, n)
	}
	if n.Kind != yaml.SequenceNode {
		return fmt.Errorf("%s is not a list, mend it first", key)
	}
	if slices.ContainsFunc(n.Content, func(c *yaml.Node) bool { return c.Value == item }) {
		return nil
	}
	n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: item, Style: yaml.DoubleQuotedStyle})
	return nil
}
