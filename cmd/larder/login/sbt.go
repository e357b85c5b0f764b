package login

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// sbt reads one credential from a properties file, which a settings file of
// ours names for all builds and for the builds of builds. The realm is the
// server's challenge. (sbt's reference, "Publishing", Credentials; "Global
// Settings".)
var sbt = Tool{Name: "sbt", Format: "maven", Try: "sbt update", plan: func(m Machine, to Target) (*Plan, error) {
	// The usual file holds one credential: where it is for another host, ours
	// goes beside it.
	name, dir := ".credentials", filepath.Join(m.Home, ".sbt")
	if text, err := readSettings(filepath.Join(dir, name)); err != nil {
		return nil, err
	} else if host := propertyValue(text, "host"); host != "" && host != to.host() || propertyValue(text, "user") != "" && propertyValue(text, "user") != user {
		name = ".credentials-" + to.id()
	}
	p := sbtPlan(to)
	err := p.edit(filepath.Join(dir, name), func(before []byte) ([]byte, error) {
		return setProperties(before, []setting{{"realm", realm}, {"host", to.host()}, {"user", user}, {"password", to.Token}}), nil
	})
	if err != nil {
		return nil, err
	}
	return p, p.editSBT(m, to, fmt.Sprintf("Path.userHome / \".sbt\" / %q", name))
}, helper: func(m Machine, to Target) (*Plan, error) {
	p := sbtPlan(to)
	var command []string
	for _, word := range []string{to.Helper.Program, "helper", "keyring", "get", to.Endpoint, user} {
		command = append(command, strconv.Quote(word))
	}
	return p, p.editSBT(m, to, fmt.Sprintf("%q, %q, %q, scala.sys.process.Process(Seq(%s)).!!.trim", realm, to.host(), user, strings.Join(command, ", ")))
}}

// editSBT makes the settings file that gives all builds the credential. It is
// ours alone: whatever it held, it is this now.
func (p *Plan) editSBT(m Machine, to Target, credential string) error {
	text := "// Made by larder login sbt, and made anew by the next one. Remove it to undo that.\n" +
		"credentials += Credentials(" + credential + ")\n"
	return p.edit(filepath.Join(m.Home, ".sbt", "1.0", "larder-"+to.id()+".sbt"), func([]byte) ([]byte, error) { return []byte(text), nil })
}

func sbtPlan(to Target) *Plan {
	at, insecure := fmt.Sprintf("%q at %q", to.id(), to.Endpoint), ""
	if strings.HasPrefix(to.Endpoint, "http:") {
		at, insecure = "("+at+").withAllowInsecureProtocol(true)", ", allowInsecureProtocol"
	}
	return &Plan{KeyOnly: true, Project: []Snippet{
		{"in a build.sbt, or for all builds in ~/.sbt/1.0/global.sbt", "resolvers += " + at},
		{"in a build.sbt, for sbt publish", "publishTo := Some(" + at + ")\npublishMavenStyle := true\n" + fmt.Sprintf(sbtFinish, to.Endpoint)},
		{"or in ~/.sbt/repositories, to fetch everything and sbt itself through it with -Dsbt.override.build.repos=true and -Dsbt.boot.credentials=FILE",
			fmt.Sprintf("[repositories]\n  local\n  %s: %s%s", to.id(), to.Endpoint, insecure)},
	}}
}

// sbtFinish sends the metadata that sbt does not, after the files: without it
// nobody knows that a version's files are all there (spec 7.3).
const sbtFinish = `publish := {
  publish.value
  val m = CrossVersion(scalaVersion.value, scalaBinaryVersion.value)(projectID.value)
  val xml = s"<metadata><groupId>${m.organization}</groupId><artifactId>${m.name}</artifactId>" +
    s"<versioning><versions><version>${m.revision}</version></versions></versioning></metadata>"
  val url = new java.net.URI("%s" + s"${m.organization.replace('.', '/')}/${m.name}/maven-metadata.xml").toURL
  val key = Credentials.forHost(credentials.value, url.getHost).getOrElse(sys.error(s"no credentials for ${url.getHost}"))
  val to = url.openConnection.asInstanceOf[java.net.HttpURLConnection]
  to.setRequestMethod("PUT")
  to.setDoOutput(true)
  to.setRequestProperty("Authorization", "Basic " + java.util.Base64.getEncoder.encodeToString(s"${key.userName}:${key.passwd}".getBytes("UTF-8")))
  to.getOutputStream.write(xml.getBytes("UTF-8"))
  if (to.getResponseCode >= 300) sys.error(s"$url: ${to.getResponseCode}")
}`

// realm is what the server's challenge names (design.md section 2).
const realm = "larder"
