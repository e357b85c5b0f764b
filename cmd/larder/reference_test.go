package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

//go:generate go test -count=1 -run ^TestTheReferenceIsThatOfTheCommand$ . -update

var update = flag.Bool("update", false, "write docs/cli.md anew")

const referenceFile = "../../docs/cli.md"

// reference renders every command, those of a group together.
func reference(t *testing.T) []byte {
	t.Helper()
	head, err := os.ReadFile(filepath.Join("testdata", "cli-head.md"))
	if err != nil {
		t.Fatal(err)
	}
	b := bytes.NewBuffer(head)
	root := newRootCommand()
	var index, text bytes.Buffer
	for _, g := range root.Groups() {
		for _, c := range root.Commands() {
			if c.GroupID == g.ID {
				describe(&index, &text, c)
			}
		}
	}
	for _, c := range root.Commands() {
		if c.GroupID == "" {
			describe(&index, &text, c)
		}
	}
	fmt.Fprintf(b, "%s\n%s", &index, strings.TrimRight(text.String(), "\n")+"\n")
	return b.Bytes()
}

func describe(index, b *bytes.Buffer, c *cobra.Command) {
	if c.HasSubCommands() {
		fmt.Fprintf(b, "## %s\n\n```text\n%s\n```\n\n", c.CommandPath(), about(c))
		for _, sub := range c.Commands() {
			describe(index, b, sub)
		}
		return
	}
	anchor := strings.ReplaceAll(c.CommandPath(), " ", "-")
	fmt.Fprintf(index, "- [%s](#%s): %s\n", c.CommandPath(), anchor, c.Short)
	fmt.Fprintf(b, "## %s\n\n```text\n%s\n\n%s\n\n%s```\n\n", c.CommandPath(), about(c), c.UseLine(), c.LocalFlags().FlagUsagesWrapped(120))
	if c.Example != "" {
		fmt.Fprintf(b, "```sh\n%s\n```\n\n", strings.ReplaceAll(strings.TrimPrefix(c.Example, "  "), "\n  ", "\n"))
	}
}

func about(c *cobra.Command) string { return firstOf(c.Long, c.Short) }

func TestTheReferenceIsThatOfTheCommand(t *testing.T) {
	want := reference(t)
	if *update {
		if err := os.WriteFile(referenceFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(referenceFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), strings.ReplaceAll(string(got), "\r\n", "\n")); diff != "" {
		t.Errorf("docs/cli.md is out of date; make it anew with: make docs\n%s", diff)
	}
}

// Each command shows how it is used, and every example is one that it takes.
func TestEveryExampleParses(t *testing.T) {
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		if !c.HasSubCommands() && c.Example == "" && c.Name() != "version" {
			t.Errorf("%s has no example", c.CommandPath())
		}
		for line := range strings.Lines(c.Example) {
			parses(t, strings.TrimSpace(line))
		}
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(newRootCommand())
}

// What administers has an answer that scripts read.
func TestEveryAdministrativeCommandHasOutput(t *testing.T) {
	root := newRootCommand()
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		if !c.HasSubCommands() && c.Flags().Lookup("output") == nil {
			t.Errorf("%s has no --output", c.CommandPath())
		}
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	for _, noun := range []string{
		"account", "connection", "domain", "events", "group", "guard", "package", "policy", "repository", "retention", "role", "rule", "user",
	} {
		c, _, err := root.Find([]string{noun})
		if err != nil {
			t.Fatal(err)
		}
		visit(c)
	}
}

func TestEveryCommandOfTheDocumentsParses(t *testing.T) {
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, file := range append(files, "../../README.md") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range blocks(string(text), "sh") {
			for line := range strings.Lines(strings.ReplaceAll(block, "\\\n", " ")) {
				if line = strings.TrimSpace(line); larderWords.MatchString(line) {
					n++
					parses(t, line)
				}
			}
		}
	}
	if n < 100 {
		t.Errorf("only %d commands were found", n)
	}
}

var larderWords = regexp.MustCompile(`(?:^|\| |\$\()larder ([^|)]*)`)

// parses checks each larder command in a line of shell.
func parses(t *testing.T, line string) {
	t.Helper()
	for _, m := range larderWords.FindAllStringSubmatch(line, -1) {
		args := words(m[1])
		if i := indexAny(args, ">", "<", "&&", "|"); i >= 0 {
			args = args[:i]
		}
		cmd, rest, err := newRootCommand().Find(args)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if err := cmd.ParseFlags(rest); err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if err := cmd.ValidateArgs(cmd.Flags().Args()); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		if err := cmd.ValidateRequiredFlags(); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
}

func indexAny(words []string, any ...string) int {
	for i, w := range words {
		for _, a := range any {
			if w == a {
				return i
			}
		}
	}
	return -1
}

var shellVariable = regexp.MustCompile(`^\$\w+$`)

var shellWords = regexp.MustCompile(`'[^']*'|"[^"]*"|[^\s'"]+`)

// words takes a line apart as a shell does, as far as our examples go: quotes
// around whole words, comments.
func words(line string) []string {
	line, _, _ = strings.Cut(line, " #")
	var all []string
	for _, w := range shellWords.FindAllString(line, -1) {
		if w == "…" || shellVariable.MatchString(w) { // words of the reader's stand there
			continue
		}
		all = append(all, strings.Trim(w, `'"`))
	}
	return all
}

// blocks gives the fenced blocks of a language.
func blocks(markdown, language string) []string {
	var all []string
	for _, part := range strings.Split(markdown, "```"+language+"\n")[1:] {
		block, _, _ := strings.Cut(part, "```")
		all = append(all, block)
	}
	return all
}

// What the walk-through says works as it says it.
func TestTheWalkThroughWorks(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "cli-head.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, walk, _ := strings.Cut(string(text), "\n## A first walk\n")
	walk, _, _ = strings.Cut(walk, "\n## ")
	t.Chdir(t.TempDir())
	start(t, defaultData)
	for name, content := range map[string]string{"read.json": blocks(walk, "json")[0], "site.tar.gz": "not really"} {
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_CODEARTIFACT", "LARDER_DATA", "AWS_PROFILE"} {
		t.Setenv(name, "")
	}
	ran := 0
	for _, block := range blocks(walk, "sh") {
		for line := range strings.Lines(block) {
			args := words(line)
			if len(args) == 0 || args[0] != "larder" {
				t.Fatalf("%q is no command", line)
			}
			out, err := command(args[1:]...)
			if err != nil {
				t.Fatalf("%s: %v\n%s", line, err, out)
			}
			ran++
		}
	}
	if ran < 15 {
		t.Errorf("only %d commands were found", ran)
	}
}
