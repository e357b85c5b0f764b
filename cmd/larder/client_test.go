package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// command runs one command line in this process.
func command(args ...string) (string, error) {
	var out bytes.Buffer
	root := newRootCommand()
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(&out)
	err := root.ExecuteContext(context.Background())
	return out.String(), err
}

// certificate makes a key pair whose certificate names no address of this machine.
func certificate(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"packages.upstream.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, b []byte) string {
		name = filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	return write("cert.pem", "CERTIFICATE", cert), write("key.pem", "PRIVATE KEY", der)
}

func TestCommandsReachAServerWithTLSByItsDataFolder(t *testing.T) {
	dir := t.TempDir()
	s, _ := start(t, dir, func(s *Server) { s.Config.TLSCert, s.Config.TLSKey = certificate(t) })
	if !strings.HasPrefix(s.URL(), "https://127.0.0.1:") {
		t.Errorf("URL %s", s.URL())
	}
	for _, args := range [][]string{{"health"}, {"token"}, {"connection", "list"}} {
		if out, err := command(append(args, "--data", dir)...); err != nil {
			t.Errorf("%v: %v %s", args, err, out)
		}
	}
	// Another server that took the address has another certificate.
	r, err := s.folder.running()
	if err != nil {
		t.Fatal(err)
	}
	r.Certificate = strings.Repeat("0", 64)
	if err := s.folder.announce(r); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"health"}, {"token"}, {"connection", "list"}} {
		if out, err := command(append(args, "--data", dir)...); err == nil || !strings.Contains(err.Error(), "another certificate") {
			t.Errorf("%v: %v %s", args, err, out)
		}
	}
}

func TestACertificateThatNobodyTrustsIsSaid(t *testing.T) {
	s, _ := start(t, t.TempDir(), func(s *Server) { s.Config.TLSCert, s.Config.TLSKey = certificate(t) })
	t.Setenv("AWS_ENDPOINT_URL", s.URL())
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", s.folder.credentials())
	for _, args := range [][]string{{"token"}, {"domain", "list"}, {"connection", "list"}} {
		_, err := command(args...)
		if err == nil || !strings.HasPrefix(err.Error(), "the certificate of "+s.URL()+" is not good here (x509: ") || !strings.Contains(err.Error(), "AWS_CA_BUNDLE") {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestAProfileMayNameTheServer(t *testing.T) {
	s, _ := start(t, t.TempDir())
	config := filepath.Join(t.TempDir(), "config")
	text := "[profile larder]\nregion = eu-test-1\nendpoint_url = " + s.URL() + "\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	t.Setenv("AWS_CONFIG_FILE", config)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", s.folder.credentials())
	t.Setenv("AWS_PROFILE", "larder")
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_ENDPOINT_URL", "")
	t.Setenv("LARDER_DATA", "")
	if _, err := command("token"); err == nil || !strings.Contains(err.Error(), "no credentials") {
		t.Errorf("a profile without a key: %v", err)
	}
	credentials, err := os.ReadFile(s.folder.credentials())
	if err != nil {
		t.Fatal(err)
	}
	named := bytes.Replace(credentials, []byte("[default]"), []byte("[larder]"), 1)
	if err := os.WriteFile(s.folder.credentials(), named, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := command("env")
	if err != nil || !strings.Contains(out, "AWS_ENDPOINT_URL="+s.URL()+"\n") || !strings.Contains(out, "AWS_REGION=eu-test-1\n") {
		t.Errorf("%v %s", err, out)
	}
	if out, err := command("token"); err != nil || !strings.HasPrefix(out, "eyJ") {
		t.Errorf("%v %s", err, out)
	}
}
