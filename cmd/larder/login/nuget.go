package login

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
)

// nuget is nuget.exe, also under Mono, where it has a file of its own. (NuGet's
// documentation, "Common NuGet configurations" and "nuget.config reference".)
var nuget = Tool{Name: "nuget", Format: "nuget", plan: planNuGetExe, helper: planNuGetExe}

func planNuGetExe(m Machine, to Target) (*Plan, error) {
	name := filepath.Join(m.Home, ".config", "NuGet", "NuGet.Config")
	if m.OS == "windows" {
		name = filepath.Join(m.appData(), "NuGet", "NuGet.Config")
	}
	p := &Plan{Try: "nuget restore", Project: []Snippet{{"to publish with NuGet", "nuget push PACKAGE.nupkg -Source " + sourceName(to)}}}
	if to.Helper != nil {
		if err := p.planNuGetPlugin(m, to); err != nil {
			return nil, err
		}
	}
	return p, p.planNuGet(name, to)
}

// planNuGetPlugin makes the plugin of nuget.exe 4.8 and later under Mono, where
// those of the user lie. (NuGet's documentation, "NuGet cross platform plugins".)
func (p *Plan) planNuGetPlugin(m Machine, to Target) error {
	if m.OS == "windows" {
		return errors.New("nuget.exe on Windows starts only signed plugins: use dotnet, or larder login nuget without --helper")
	}
	const name = "CredentialProvider.Larder"
	plugin, err := p.planScript(m, to, filepath.Join(m.Home, ".nuget", "plugins", "netfx", name, name+".exe"), "nuget")
	p.Notes = append(p.Notes, "nuget.exe finds it by itself where msbuild is installed, else by NUGET_NETFX_PLUGIN_PATHS="+plugin)
	return err
}

// sourceName is what aws codeartifact login calls a source.
func sourceName(to Target) string { return to.Domain + "/" + to.Repository }

func (p *Plan) planNuGet(name string, to Target) error {
	return p.edit(name, func(before []byte) ([]byte, error) {
		after, others, err := setNuGetSource(before, to)
		if len(others) > 0 {
			p.Notes = append(p.Notes, "other package sources stay: "+strings.Join(others, ", ")+"; NuGet takes a package from whichever answers first, so remove those that are not meant")
		}
		return after, err
	})
}

// setNuGetSource adds or changes the source with its credential, and names the
// other sources.
func setNuGetSource(before []byte, to Target) (after []byte, others []string, err error) {
	if len(before) == 0 {
		before = []byte("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<configuration>\n</configuration>\n")
	}
	root, err := parseXML(before)
	if err != nil {
		return nil, nil, err
	}
	if root.name != "configuration" {
		return nil, nil, fmt.Errorf("has <%s> where NuGet expects <configuration>, mend it first", root.name)
	}
	name := sourceName(to)
	ours := func(e *xmlElement) bool { return e.name == "add" && strings.EqualFold(e.attr("key"), name) }
	if sources := root.child("packageSources", nil); sources != nil {
		for _, s := range sources.children {
			if s.name == "add" && !ours(s) {
				others = append(others, s.attr("key"))
			}
		}
	}
	add := fmt.Sprintf(`<add key="%s" value="%sv3/index.json" protocolVersion="3" />`, name, to.Endpoint)
	if strings.HasPrefix(to.Endpoint, "http:") { // NuGet 6.12 and later refuse plain http otherwise
		add = strings.Replace(add, " />", ` allowInsecureConnections="true" />`, 1)
	}
	if after, err = putXML(before, "packageSources", ours, []string{add}); err != nil {
		return nil, nil, err
	}
	element := elementName(name)
	credential := func(e *xmlElement) bool { return strings.EqualFold(e.name, element) }
	if to.Helper != nil {
		if after, err = dropXML(after, "packageSourceCredentials", credential); err != nil {
			return nil, nil, err
		}
		if !hasNuGetSource(after, ours, to) || hasNuGetCredential(after, credential, nil) {
			return nil, nil, errOddXML
		}
		return after, others, nil
	}
	after, err = putXML(after, "packageSourceCredentials", credential, []string{
		"<" + element + ">",
		xmlStep + `<add key="Username" value="` + user + `" />`,
		xmlStep + `<add key="ClearTextPassword" value="` + to.Token + `" />`,
		"</" + element + ">",
	})
	if err != nil {
		return nil, nil, err
	}
	password := func(e *xmlElement) bool { return e.attr("key") == "ClearTextPassword" && e.attr("value") == to.Token }
	if !hasNuGetSource(after, ours, to) || !hasNuGetCredential(after, credential, password) {
		return nil, nil, errOddXML
	}
	return after, others, nil
}

// hasNuGetSource says whether the text leads to the target.
func hasNuGetSource(text []byte, source func(*xmlElement) bool, to Target) bool {
	root, err := parseXML(text)
	if err != nil {
		return false
	}
	sources := root.child("packageSources", nil)
	if sources == nil {
		return false
	}
	s := sources.child("add", source)
	return s != nil && s.attr("value") == to.Endpoint+"v3/index.json"
}

// hasNuGetCredential says whether the text has that credential, with a setting
// that fits where one is wanted.
func hasNuGetCredential(text []byte, credential, setting func(*xmlElement) bool) bool {
	root, err := parseXML(text)
	if err != nil {
		return false
	}
	credentials := root.child("packageSourceCredentials", nil)
	if credentials == nil {
		return false
	}
	for _, c := range credentials.children {
		if credential(c) {
			return setting == nil || c.child("add", setting) != nil
		}
	}
	return false
}

var xmlEscapeLike = regexp.MustCompile(`_x[0-9A-Fa-f]{4}_`)

// elementName spells a source's name as an element's, as .NET's
// XmlConvert.EncodeLocalName does for the characters that names here can have.
func elementName(source string) string {
	source = xmlEscapeLike.ReplaceAllStringFunc(source, func(s string) string { return "_x005F_" + s[1:] })
	return strings.ReplaceAll(source, "/", "_x002F_")
}
