package login

import (
	"fmt"
	"path/filepath"
	"strings"
)

// sbt reads one credential from a properties file that a build names. The
// realm is the server's challenge. (sbt's reference, "Publishing", Credentials.)
var sbt = Tool{Name: "sbt", Format: "maven", Try: "sbt update", plan: func(m Machine, to Target) (*Plan, error) {
	// The usual file holds one credential: where it is for another host, ours
	// goes beside it.
	name, dir := ".credentials", filepath.Join(m.Home, ".sbt")
	if text, err := readSettings(filepath.Join(dir, name)); err != nil {
		return nil, err
	} else if host := propertyValue(text, "host"); host != "" && host != to.host() || propertyValue(text, "user") != "" && propertyValue(text, "user") != user {
		name = ".credentials-" + to.id()
	}
	at := fmt.Sprintf("%q at %q", to.id(), to.Endpoint)
	if strings.HasPrefix(to.Endpoint, "http:") {
		at = "(" + at + ").withAllowInsecureProtocol(true)"
	}
	p := &Plan{KeyOnly: true, Project: []Snippet{
		{"in a build.sbt, or for all builds in ~/.sbt/1.0/global.sbt", fmt.Sprintf(
			"credentials += Credentials(Path.userHome / \".sbt\" / %q)\nresolvers += %s", name, at)},
		{"in a build.sbt, for sbt publish", "publishTo := Some(" + at + ")\npublishMavenStyle := true"},
	}}
	return p, p.edit(filepath.Join(dir, name), func(before []byte) ([]byte, error) {
		return setProperties(before, []setting{{"realm", realm}, {"host", to.host()}, {"user", user}, {"password", to.Token}}), nil
	})
}}

// realm is what the server's challenge names (design.md section 2).
const realm = "larder"
