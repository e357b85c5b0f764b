package discover

import (
	"archive/zip"
	"context"
	"encoding/xml"
	"io"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const central = "public:maven-central"

// askMaven reads where Maven looks for the repository with the id "central":
// a mirror or an active profile in settings.xml (the user's, then the
// installation's), else the super POM within Maven. Maven is not run: it takes
// seconds to start.
func askMaven(_ context.Context, m Machine) (Answer, error) {
	home := mavenHome(m)
	files := []string{filepath.Join(m.Home, ".m2", "settings.xml")}
	if home != "" {
		files = append(files, filepath.Join(home, "conf", "settings.xml"))
	}
	for _, name := range files {
		text, err := readFile(name)
		if err != nil {
			continue
		}
		if u := centralOfSettings(text, m.Getenv); u != "" {
			return Answer{Connection: central, URL: u, Source: "Maven settings"}, nil
		}
	}
	if home == "" {
		return Answer{}, errNothing
	}
	jars, _ := filepath.Glob(filepath.Join(home, "lib", "maven-*.jar"))
	for _, jar := range jars {
		if u := centralOfJar(jar); u != "" {
			return Answer{Connection: central, URL: u, Source: "Maven default"}, nil
		}
	}
	return Answer{}, errNothing
}

// mavenHome is the folder of the installation, empty where there is none.
func mavenHome(m Machine) string {
	homes := []string{m.Getenv("MAVEN_HOME"), m.Getenv("M2_HOME")}
	if mvn, err := m.LookPath("mvn"); err == nil {
		if real, err := filepath.EvalSymlinks(mvn); err == nil {
			mvn = real
		}
		up := filepath.Dir(filepath.Dir(mvn))
		homes = append(homes, up, filepath.Join(up, "libexec"), filepath.Join(up, "share", "maven"))
	}
	for _, h := range homes {
		if h == "" {
			continue
		}
		if found, _ := filepath.Glob(filepath.Join(h, "lib", "maven-*.jar")); len(found) > 0 {
			return h
		}
	}
	return ""
}

// mavenSettings is the part of settings.xml that moves "central" (Maven
// Settings Reference, 1.0.0 to 1.2.0).
type mavenSettings struct {
	Mirrors []struct {
		ID       string `xml:"id"`
		MirrorOf string `xml:"mirrorOf"`
		URL      string `xml:"url"`
	} `xml:"mirrors>mirror"`
	Servers []struct {
		ID       string `xml:"id"`
		Username string `xml:"username"`
		Password string `xml:"password"`
	} `xml:"servers>server"`
	ActiveProfiles []string `xml:"activeProfiles>activeProfile"`
	Profiles       []struct {
		ID              string `xml:"id"`
		ActiveByDefault bool   `xml:"activation>activeByDefault"`
		Repositories    []struct {
			ID  string `xml:"id"`
			URL string `xml:"url"`
		} `xml:"repositories>repository"`
	} `xml:"profiles>profile"`
}

// centralOfSettings gives the URL, with the server's credentials where they
// stand there unencrypted; empty where the settings leave "central" alone.
func centralOfSettings(text []byte, getenv func(string) string) string {
	var s mavenSettings
	if xml.Unmarshal(text, &s) != nil {
		return ""
	}
	id, url := "", ""
	for _, p := range s.Profiles {
		for _, r := range p.Repositories {
			if trim(r.ID) == "central" && (p.ActiveByDefault || slices.Contains(s.ActiveProfiles, p.ID)) {
				id, url = "central", trim(r.URL)
			}
		}
	}
	for _, mirror := range s.Mirrors {
		if mirrorsCentral(mirror.MirrorOf) {
			id, url = trim(mirror.ID), trim(mirror.URL)
			break
		}
	}
	url = mavenVariables(url, getenv)
	if url == "" || strings.Contains(url, "${") {
		return ""
	}
	for _, server := range s.Servers {
		password := mavenVariables(trim(server.Password), getenv)
		encrypted := strings.HasPrefix(password, "{") && strings.HasSuffix(password, "}")
		if trim(server.ID) == id && !encrypted && !strings.Contains(password, "${") {
			return withUser(url, mavenVariables(trim(server.Username), getenv), password)
		}
	}
	return url
}

// mirrorsCentral reads mirrorOf: a list of ids, "*", "external:*" and
// exclusions with "!" (Maven, Guide to Mirror Settings).
func mirrorsCentral(of string) bool {
	matches := false
	for _, p := range strings.Split(of, ",") {
		switch trim(p) {
		case "!central":
			return false
		case "central", "*", "external:*":
			matches = true
		}
	}
	return matches
}

var mavenEnv = regexp.MustCompile(`\$\{env\.([A-Za-z0-9_]+)\}`)

// mavenVariables puts in ${env.NAME} where the variable is set.
func mavenVariables(s string, getenv func(string) string) string {
	return mavenEnv.ReplaceAllStringFunc(s, func(v string) string {
		if value := getenv(mavenEnv.FindStringSubmatch(v)[1]); value != "" {
			return value
		}
		return v
	})
}

// centralOfJar reads the super POM of Maven 2 to 4 out of a jar; empty where
// the jar has none.
func centralOfJar(name string) string {
	jar, err := zip.OpenReader(name)
	if err != nil {
		return ""
	}
	defer jar.Close()
	for _, f := range jar.File {
		if ok, _ := path.Match("org/apache/maven/*/pom-4*.xml", f.Name); !ok {
			continue
		}
		if u := centralOfSuperPOM(f); u != "" {
			return u
		}
	}
	return ""
}

func centralOfSuperPOM(f *zip.File) string {
	r, err := f.Open()
	if err != nil {
		return ""
	}
	defer r.Close()
	var pom struct {
		Repositories []struct {
			ID  string `xml:"id"`
			URL string `xml:"url"`
		} `xml:"repositories>repository"`
	}
	if xml.NewDecoder(io.LimitReader(r, maxAnswer)).Decode(&pom) != nil {
		return ""
	}
	for _, repo := range pom.Repositories {
		if trim(repo.ID) == "central" {
			return trim(repo.URL)
		}
	}
	return ""
}

func trim(s string) string { return strings.TrimSpace(s) }
