package sealed_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"larder/registry"
	"larder/storage/sealed"
)

// asCommand makes this test's binary the key command: a cipher that is none, and
// ways to fail.
const asCommand = "LIKE_A_KEY_SERVICE"

func TestMain(m *testing.M) {
	if way := os.Getenv(asCommand); way != "" {
		os.Exit(command(way, os.Args[len(os.Args)-1]))
	}
	os.Exit(m.Run())
}

func command(way, verb string) int {
	in, err := io.ReadAll(os.Stdin)
	if err != nil {
		return 2
	}
	for _, v := range os.Environ() {
		if strings.HasPrefix(v, "LARDER_") && !strings.HasPrefix(v, "LARDER_KEY_CONTEXT=") && !strings.HasPrefix(v, "LARDER_DOMAIN_KEY=") {
			fmt.Fprintln(os.Stderr, "knows too much")
			return 2
		}
	}
	for i := range in {
		in[i] ^= way[0]
	}
	told := os.Getenv("LARDER_KEY_CONTEXT") + " " + os.Getenv("LARDER_DOMAIN_KEY")
	sealed := append([]byte(told+"\n"), in...)
	switch {
	case way == "away":
		fmt.Fprintln(os.Stderr, "the service does not answer")
		return 1
	case way == "much":
		os.Stdout.Write(make([]byte, 1<<20))
		return 0
	case way == "silent":
		return 0
	case verb == "seal":
		os.Stdout.Write(sealed)
		return 0
	}
	for i := range in {
		in[i] ^= way[0] // the context is in clear
	}
	context, key, _ := bytes.Cut(in, []byte("\n"))
	if string(context) != told {
		fmt.Fprintln(os.Stderr, "another context")
		return 1
	}
	for i := range key {
		key[i] ^= way[0]
	}
	os.Stdout.Write(key)
	return 0
}

// service gives a vault whose command is this binary in that way.
func service(t *testing.T, way string) *sealed.Vault {
	t.Helper()
	t.Setenv(asCommand, way)
	t.Setenv("LARDER_MASTER_KEY", "not for others")
	c, err := sealed.ParseCommand(" " + os.Args[0] + "  -flag ")
	if err != nil {
		t.Fatal(err)
	}
	return &sealed.Vault{Master: master(1).Master, Command: c}
}

func TestACommandSealsDataKeys(t *testing.T) {
	w := newWorld(t)
	w.put(w.open(sealed.Every, master(1)), globex, []byte("by the master key"))
	w.check(master(1).Confirm(t.Context(), w.rows))
	vault := service(t, "x")
	w.check(vault.Confirm(t.Context(), w.rows))
	w.put(w.open(sealed.Every, vault), acme, []byte("by the command"))
	started := w.open(sealed.Every, vault)
	w.want(started, acme, []byte("by the command"))
	w.want(started, globex, []byte("by the master key"))
	keys, err := sealed.Metadata{Metadata: w.rows}.Keys(t.Context(), acme)
	w.check(err)
	if got := sealed.SealedBy(keys[0]); got != "key command" || !bytes.Contains(keys[0].Sealed, []byte("arn:key/acme")) {
		t.Errorf("sealed by %q: %q", got, keys[0].Sealed)
	}

	for name, other := range map[string]*sealed.Vault{"no command": master(1), "another key": service(t, "y"), "away": service(t, "away")} {
		t.Run(name, func(t *testing.T) {
			if way := map[string]string{"another key": "y", "away": "away"}[name]; way != "" {
				t.Setenv(asCommand, way)
			}
			if err := other.Confirm(t.Context(), w.rows); err == nil {
				t.Error("the start is confirmed")
			}
			b := w.open(sealed.Every, other)
			if _, err := b.Open(t.Context(), acme, digestOf([]byte("by the command"))); err == nil {
				t.Error("opened")
			}
			w.want(started, acme, []byte("by the command")) // the key is in memory
		})
	}

	t.Setenv(asCommand, "x")
	back, err := sealed.Rekey(t.Context(), w.rows, []registry.DomainID{acme, globex}, vault, master(2))
	w.check(err)
	w.check(w.rows.Update(t.Context(), back.Put))
	w.check(master(2).Confirm(t.Context(), w.rows))
	w.want(w.open(sealed.Every, master(2)), acme, []byte("by the command"))
}

func TestACommandThatFailsIsToldWithItsWords(t *testing.T) {
	for way, want := range map[string]string{
		"away": "the service does not answer", "much": "more than", "silent": "nothing",
	} {
		w := newWorld(t)
		_, err := w.open(sealed.Every, service(t, way)).Create(t.Context(), acme)
		if registry.CodeOf(err) != registry.Unavailable || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), filepath.Base(os.Args[0])) {
			t.Errorf("%s: %v", way, err)
		}
		if keys, err := (sealed.Metadata{Metadata: w.rows}).Keys(t.Context(), acme); err != nil || len(keys) != 0 {
			t.Errorf("%s: %d keys are kept, %v", way, len(keys), err)
		}
	}
	if _, err := sealed.ParseCommand("  "); err == nil {
		t.Error("a command of no words")
	}
}
