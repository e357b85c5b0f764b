package discover

import (
	"context"
	"encoding/xml"
	"path/filepath"
	"strings"
)

// askNuGet reads the package sources of NuGet.Config, the user's before the
// machine's (NuGet, "Common NuGet configurations"). NuGet has no default
// outside that file, which its clients write when they first run.
func askNuGet(_ context.Context, m Machine) (Answer, error) {
	var files []string
	if appData := m.Getenv("APPDATA"); appData != "" {
		files = append(files, filepath.Join(appData, "NuGet", "NuGet.Config"))
	}
	files = append(files,
		filepath.Join(m.Home, ".nuget", "NuGet", "NuGet.Config"),
		filepath.Join(m.Home, ".config", "NuGet", "NuGet.Config"),
	)
	common := m.Getenv("NUGET_COMMON_APPLICATION_DATA")
	if common == "" {
		common = "/etc/opt"
	}
	shared, _ := filepath.Glob(filepath.Join(common, "NuGet", "Config", "*.[Cc]onfig"))
	for _, name := range append(files, shared...) {
		text, err := readFile(name)
		if err != nil {
			continue
		}
		if u := sourceOfNuGetConfig(text); u != "" {
			return Answer{Connection: "public:nuget-org", URL: u, Source: "NuGet.Config"}, nil
		}
	}
	return Answer{}, errNothing
}

type nugetAdd struct {
	XMLName  xml.Name
	Key      string `xml:"key,attr"`
	Value    string `xml:"value,attr"`
	Protocol string `xml:"protocolVersion,attr"`
}

type nugetConfig struct {
	Sources struct {
		Entries []nugetAdd `xml:",any"`
	} `xml:"packageSources"`
	Disabled    []nugetAdd `xml:"disabledPackageSources>add"`
	Credentials struct {
		Sources []struct {
			XMLName xml.Name
			Adds    []nugetAdd `xml:"add"`
		} `xml:",any"`
	} `xml:"packageSourceCredentials"`
}

// sourceOfNuGetConfig gives the first enabled source that is a V3 service
// index, with its clear-text credentials: the one that NuGet writes itself, as
// long as nobody put another before it.
func sourceOfNuGetConfig(text []byte) string {
	var c nugetConfig
	if xml.Unmarshal(text, &c) != nil {
		return ""
	}
	var best nugetAdd
	for _, e := range c.Sources.Entries {
		switch {
		case e.XMLName.Local == "clear":
			best = nugetAdd{}
		case e.XMLName.Local != "add" || c.disabled(e.Key) || checkURL(e.Value) != nil:
		case e.Protocol != "3" && !strings.HasSuffix(strings.ToLower(e.Value), "/index.json"):
		case best.Value == "":
			best = e
		}
	}
	user, password := c.credentials(best.Key)
	return withUser(best.Value, user, password)
}

func (c *nugetConfig) disabled(key string) bool {
	for _, d := range c.Disabled {
		if strings.EqualFold(d.Key, key) && strings.EqualFold(d.Value, "true") {
			return true
		}
	}
	return false
}

func (c *nugetConfig) credentials(key string) (user, password string) {
	for _, s := range c.Credentials.Sources {
		if !strings.EqualFold(strings.ReplaceAll(s.XMLName.Local, "_x0020_", " "), key) {
			continue
		}
		for _, a := range s.Adds {
			switch strings.ToLower(a.Key) {
			case "username":
				user = a.Value
			case "cleartextpassword":
				password = a.Value
			}
		}
	}
	if password == "" {
		return "", "" // kept encrypted, for that user of that machine alone
	}
	return user, password
}
