package login

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"
)

// gradle reads credentials from the user's gradle.properties, by the name of
// the repository, which an init script adds to every build. (Gradle's user
// manual, "Initialization scripts" and "Handling credentials".)
var gradle = Tool{Name: "gradle", Format: "maven", Try: "gradle build", plan: func(m Machine, to Target) (*Plan, error) {
	dir := cmp.Or(m.Getenv("GRADLE_USER_HOME"), filepath.Join(m.Home, ".gradle"))
	p := &Plan{Project: []Snippet{{"in a build.gradle, for gradle publish", fmt.Sprintf(
		"publishing {\n  repositories {\n    maven {\n      name = '%s'\n      url = uri('%s')\n%s      credentials(PasswordCredentials)\n    }\n  }\n}",
		gradleName, to.Endpoint, gradleInsecure(to, "      "))}}}
	err := p.edit(filepath.Join(dir, "gradle.properties"), func(before []byte) ([]byte, error) {
		return setProperties(before, []setting{{gradleName + "Username", user}, {gradleName + "Password", to.Token}}), nil
	})
	if err != nil {
		return nil, err
	}
	// A file of ours alone: whatever it held, it is this now.
	script := fmt.Sprintf(gradleScript, gradleName, to.Endpoint, gradleInsecure(to, "        "))
	return p, p.edit(gradleInit(dir), func([]byte) ([]byte, error) { return []byte(script), nil })
}, helper: func(m Machine, to Target) (*Plan, error) {
	dir := cmp.Or(m.Getenv("GRADLE_USER_HOME"), filepath.Join(m.Home, ".gradle"))
	p := &Plan{Project: []Snippet{{"in a build.gradle, for gradle publish", fmt.Sprintf(
		"publishing {\n  repositories {\n    maven {\n      name = '%s'\n      url = uri('%s')\n%s    }\n  }\n}",
		gradleName, to.Endpoint, gradleInsecure(to, "      "))}}}
	var command []string
	for _, word := range []string{to.Helper.Program, "helper", "keyring", "get", to.Endpoint, user} {
		command = append(command, groovy(word))
	}
	script := fmt.Sprintf(gradleHelperScript, strings.Join(command, ", "), gradleName, to.Endpoint, gradleInsecure(to, "        "))
	return p, p.edit(gradleInit(dir), func([]byte) ([]byte, error) { return []byte(script), nil })
}}

func gradleInit(dir string) string { return filepath.Join(dir, "init.d", "larder.init.gradle") }

// groovy is a word as a string of Groovy without interpolation.
func groovy(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}

// gradleName names the repository in builds. Gradle looks for the properties
// larderUsername and larderPassword.
const gradleName = "larder"

// gradleScript puts the repository first where a build looks for dependencies:
// in its settings, and in each project that has repositories of its own, since
// such a project does not look at those of the settings. Before Gradle 6.8 there
// are none, and the script would end every build.
const gradleScript = `// Made by larder login gradle, and made anew by the next one. Remove it to undo that.
if (org.gradle.util.GradleVersion.current() < org.gradle.util.GradleVersion.version('7.0')) {
    logger.warn('The repository of larder login needs Gradle 7.0 or later; this build does without it.')
    return
}
def larder = { handler ->
    def ours = handler.maven {
        name = '%s'
        url = uri('%s')
%s        credentials(PasswordCredentials)
    }
    handler.remove(ours)
    handler.addFirst(ours)
}
settingsEvaluated { settings -> larder(settings.dependencyResolutionManagement.repositories) }
afterProject { project ->
    if (!project.repositories.isEmpty()) {
        larder(project.repositories)
    }
}
`

// gradleHelperScript is the same with a token that larder is asked for in each
// build: by Gradle's own way to run programs, which its configuration cache knows.
// Repositories of this URL to which a project publishes get the token, too.
const gradleHelperScript = `// Made by larder login gradle --helper, and made anew by the next one. Remove it to undo that.
if (org.gradle.util.GradleVersion.current() < org.gradle.util.GradleVersion.version('7.5')) {
    logger.warn('The repository of larder login --helper needs Gradle 7.5 or later; this build does without it.')
    return
}
def token = null
def larder = { handler ->
    def ours = handler.maven {
        credentials {
            username = 'aws'
            password = token.get().trim()
        }
        name = '%[2]s'
        url = uri('%[3]s')
%[4]s    }
    handler.remove(ours)
    handler.addFirst(ours)
}
settingsEvaluated { settings ->
    token = settings.providers.exec { commandLine(%[1]s) }.standardOutput.asText
    larder(settings.dependencyResolutionManagement.repositories)
}
afterProject { project ->
    if (!project.repositories.isEmpty()) {
        larder(project.repositories)
    }
    def publishing = project.extensions.findByName('publishing')
    publishing?.repositories?.withType(MavenArtifactRepository)?.matching { it.url == uri('%[3]s') }?.each {
        it.credentials {
            username = 'aws'
            password = token.get().trim()
        }
    }
}
`

// gradleInsecure is what Gradle wants said of plain http, also on this machine.
func gradleInsecure(to Target, indent string) string {
	if strings.HasPrefix(to.Endpoint, "http:") {
		return indent + "allowInsecureProtocol = true\n"
	}
	return ""
}
