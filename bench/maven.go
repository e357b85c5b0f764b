package main

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// What Maven's warm reads, and a build of many artefacts, should reach.
const (
	mavenGoal     = 0.5 // Larder's part of what nginx does
	buildGoal     = 1.1 // times what the build takes with nginx
	buildRounds   = 5
	artefacts     = 400
	artefactSize  = 30 << 10
	mavenVersions = 300
)

// mavenCases are what clients ask for most.
var mavenCases = []struct {
	name, path string
	header     map[string]string
}{
	{"jar of 100 KB", "org/bench/large/1.0/large-1.0.jar", nil},
	{"its SHA-1", "org/bench/large/1.0/large-1.0.jar.sha1", nil},
	{"metadata of 300 versions", "org/bench/many/maven-metadata.xml", nil},
	{"the same, gzip", "org/bench/many/maven-metadata.xml.gz", map[string]string{"Accept-Encoding": "gzip"}},
	{"its SHA-1", "org/bench/many/maven-metadata.xml.sha1", nil},
}

// maven measures warm reads beside nginx with the same bytes, and a build that
// fetches many artefacts beside the same build from a folder that nginx serves.
// That folder is also the upstream from which Larder has them.
func (b *bench) maven() (err error) {
	folder := filepath.Join(b.folder, "maven")
	files := filepath.Join(folder, "files")
	if err := makeRepository(files); err != nil {
		return err
	}
	nginx, err := startNginx(folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, nginx.stop()) }()
	s, err := b.serve("maven/larder", "--external-connection", "public:maven-central="+nginx.url)
	if err != nil {
		return err
	}
	larder := &contender{name: "Larder", pids: []int{s.PID}, stop: s.Stop, requests: map[string]request{}}
	defer func() { err = errors.Join(err, larder.stop()) }()
	repository := s.Running.URL + "/maven/d/local-000000000000/main/"

	nginx.requests = map[string]request{}
	for _, c := range mavenCases {
		header := map[string]string{"Authorization": s.header["Authorization"]}
		for k, v := range c.header {
			header[k] = v
		}
		larder.requests[c.path] = request{repository + strings.TrimSuffix(c.path, ".gz"), header}
		nginx.requests[c.path] = request{nginx.url + "answers/" + c.path, header}
		file := filepath.Join(files, "answers", filepath.FromSlash(c.path))
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), larder.requests[c.path].save(file)); err != nil {
			return err
		}
	}
	rows := make([]row, 0, len(mavenCases))
	for _, of := range mavenCases {
		rows = append(rows, row{of.name, of.path, mavenGoal})
	}
	if err := b.besideNginx("Maven, warm", nginx, larder, rows); err != nil {
		return err
	}
	token, _ := strings.CutPrefix(s.header["Authorization"], "Bearer ")
	return b.mavenBuilds(folder, [2]string{nginx.url, repository}, token)
}

// makeRepository writes a Maven repository as a folder.
func makeRepository(files string) error {
	var versions strings.Builder
	for i := range mavenVersions {
		fmt.Fprintf(&versions, "<version>%d.%d</version>", i/10, i%10)
	}
	write := func(path string, body []byte) error {
		file := filepath.Join(files, filepath.FromSlash(path))
		sum := sha1.Sum(body)
		return errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, body, 0o600),
			os.WriteFile(file+".sha1", []byte(hex.EncodeToString(sum[:])), 0o600))
	}
	err := write("org/bench/many/maven-metadata.xml", []byte("<metadata><groupId>org.bench</groupId><artifactId>many</artifactId><versioning><versions>"+
		versions.String()+"</versions><lastUpdated>20260102030405</lastUpdated></versioning></metadata>"))
	jar := func(name string, seed uint64, size int64) error {
		// The compiler opens what stands on its path: an archive without files, and
		// a remark behind it that fills it up.
		remark, err := io.ReadAll(noise(seed, min(size, 65_000)))
		if err != nil {
			return err
		}
		end := append([]byte("PK\x05\x06"), make([]byte, 16)...)
		end = append(end, byte(len(remark)), byte(len(remark)>>8))
		front, err := io.ReadAll(noise(seed+1, size-int64(len(remark))))
		if err != nil {
			return err
		}
		pom := fmt.Sprintf("<project><modelVersion>4.0.0</modelVersion><groupId>org.bench</groupId><artifactId>%s</artifactId><version>1.0</version></project>", name)
		at := "org/bench/" + name + "/1.0/" + name + "-1.0"
		return errors.Join(write(at+".jar", append(append(front, end...), remark...)), write(at+".pom", []byte(pom)))
	}
	err = errors.Join(err, jar("large", 0, 100<<10))
	for i := range artefacts {
		err = errors.Join(err, jar(fmt.Sprintf("lib-%d", i), uint64(i), artefactSize))
	}
	return err
}

// mavenBuilds compares how long a build takes with an empty local repository
// but for the plugins, which come from where the machine's mvn gets them.
func (b *bench) mavenBuilds(folder string, repositories [2]string, token string) error {
	var dependencies strings.Builder
	for i := range artefacts {
		fmt.Fprintf(&dependencies, "<dependency><groupId>org.bench</groupId><artifactId>lib-%d</artifactId><version>1.0</version></dependency>\n", i)
	}
	project := func(name, dependencies string) (string, error) {
		dir := filepath.Join(folder, name)
		pom := "<project><modelVersion>4.0.0</modelVersion><groupId>org.bench</groupId><artifactId>build</artifactId><version>1</version>" +
			"<properties><maven.compiler.source>11</maven.compiler.source><maven.compiler.target>11</maven.compiler.target></properties>" +
			"<dependencies>" + dependencies + "</dependencies></project>"
		source := filepath.Join(dir, "src", "main", "java")
		return dir, errors.Join(os.MkdirAll(source, 0o700), os.WriteFile(filepath.Join(dir, "pom.xml"), []byte(pom), 0o600),
			os.WriteFile(filepath.Join(source, "A.java"), []byte("class A {}\n"), 0o600))
	}
	plain, err := project("plain", "")
	if err != nil {
		return err
	}
	large, err := project("large", dependencies.String())
	if err != nil {
		return err
	}
	plugins := filepath.Join(folder, "plugins")
	if _, err := mvn(plain, plugins); err != nil {
		return err
	}
	// Maven 3.8 asks for everything twice, first without its credential, unless
	// it is told otherwise.
	const preemptive = "<configuration><httpConfiguration><all><usePreemptive>true</usePreemptive></all></httpConfiguration></configuration>"
	var settings [2]string
	for i, url := range repositories {
		settings[i] = filepath.Join(folder, fmt.Sprintf("settings-%d.xml", i))
		text := "<settings><mirrors><mirror><id>it</id><mirrorOf>*</mirrorOf><url>" + url + "</url></mirror></mirrors>" +
			"<servers><server><id>it</id><username>aws</username><password>" + token + "</password>" + preemptive + "</server></servers></settings>"
		if err := os.WriteFile(settings[i], []byte(text), 0o600); err != nil {
			return err
		}
	}
	var took [2][]time.Duration
	var cold time.Duration
	for round := range buildRounds + 1 { // the first one is Larder's cold one
		for i := range repositories {
			local := filepath.Join(folder, "local")
			if err := errors.Join(os.RemoveAll(local), os.CopyFS(local, os.DirFS(plugins)), forgetOrigins(local)); err != nil {
				return err
			}
			d, err := mvn(large, local, "-s", settings[i])
			switch {
			case err != nil:
				return err
			case round > 0:
				took[i] = append(took[i], d)
			case i == 1:
				cold = d
			}
		}
	}
	first, second := median(took[0]), median(took[1])
	fmt.Printf("\nmvn compile with %d artefacts to fetch, the median of %d runs in turn: %v from a folder that nginx serves, %v from Larder: **%.2f** times (goal %.2f). "+
		"Larder's first one, fetching them from that nginx: %v.\n", artefacts, buildRounds, first.Round(10*time.Millisecond), second.Round(10*time.Millisecond),
		float64(second)/float64(first), buildGoal, cold.Round(10*time.Millisecond))
	return nil
}

// mvn builds a project and says how long that took.
func mvn(dir, local string, args ...string) (time.Duration, error) {
	cmd := exec.Command("mvn", append([]string{"-B", "-q", "-Dmaven.repo.local=" + local, "compile"}, args...)...)
	cmd.Dir = dir
	if err := os.RemoveAll(filepath.Join(dir, "target")); err != nil {
		return 0, err
	}
	began := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("mvn: %w: %s", err, bytes.TrimSpace(out))
	}
	return time.Since(began), nil
}

// forgetOrigins removes what a local repository remembers of where files came
// from: it would ask for them again elsewhere.
func forgetOrigins(local string) error {
	return filepath.WalkDir(local, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == "_remote.repositories" {
			err = os.Remove(path)
		}
		return err
	})
}
