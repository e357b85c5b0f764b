package login

import (
	"fmt"
	"path/filepath"
)

// maven reads the credential from a server entry of ~/.m2/settings.xml, whose
// id is that of a repository or mirror. (Maven's settings reference.) The token is
// encrypted for who has Maven encrypt passwords.
var maven = Tool{Name: "maven", Format: "maven", Try: "mvn package", plan: func(m Machine, to Target) (*Plan, error) {
	p := &Plan{KeyOnly: true, Project: []Snippet{
		{"in the <mirrors> of the same file, to fetch everything through it", fmt.Sprintf(
			"<mirror>\n  <id>%s</id>\n  <mirrorOf>*</mirrorOf>\n  <url>%s</url>\n</mirror>", to.id(), to.Endpoint)},
		{"or in the <repositories> of a pom.xml, to fetch from it too", fmt.Sprintf(
			"<repository>\n  <id>%s</id>\n  <url>%s</url>\n</repository>", to.id(), to.Endpoint)},
		{"in the <distributionManagement> of a pom.xml, for mvn deploy", fmt.Sprintf(
			"<repository>\n  <id>%s</id>\n  <url>%s</url>\n</repository>\n<snapshotRepository>\n  <id>%s</id>\n  <url>%s</url>\n</snapshotRepository>",
			to.id(), to.Endpoint, to.id(), to.Endpoint)},
	}}
	if to.plainHTTP() {
		p.Notes = append(p.Notes, "Maven 3.8.1 and later fetch by plain http only from a mirror, or from this machine: use the mirror, or give the server a certificate")
	}
	master, err := mavenMaster(m)
	if err != nil {
		return nil, err
	}
	password := to.Token
	if master != "" {
		if password, err = mavenEncrypt(to.Token, master); err != nil {
			return nil, err
		}
		p.Notes = append(p.Notes, "the token is encrypted with the master password of settings-security.xml")
	}
	return p, p.edit(filepath.Join(m.Home, ".m2", "settings.xml"), func(before []byte) ([]byte, error) {
		return setMavenServer(before, to, password)
	})
}}

const emptySettings = `<?xml version="1.0" encoding="UTF-8"?>
<settings>
</settings>
`

func setMavenServer(before []byte, to Target, password string) ([]byte, error) {
	if len(before) == 0 {
		before = []byte(emptySettings)
	}
	root, err := parseXML(before)
	if err != nil {
		return nil, err
	}
	if root.name != "settings" {
		return nil, fmt.Errorf("has <%s> where Maven expects <settings>, mend it first", root.name)
	}
	ours := func(e *xmlElement) bool { return e.name == "server" && e.value("id") == to.id() }
	after, err := putXML(before, "servers", ours, []string{
		"<server>",
		xmlStep + "<id>" + to.id() + "</id>",
		xmlStep + "<username>" + user + "</username>",
		xmlStep + "<password>" + password + "</password>",
		"</server>",
	})
	if err != nil {
		return nil, err
	}
	if root, err := parseXML(after); err == nil {
		if servers := root.child("servers", nil); servers != nil {
			if s := servers.child("server", ours); s != nil && s.value("password") == password {
				return after, nil
			}
		}
	}
	return nil, errOddXML
}
