package events

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"

	"larder/registry"
)

// outside runs a NATS server with JetStream whose options are changed.
func outside(t *testing.T, change func(*server.Options)) string {
	t.Helper()
	o := &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true}
	change(o)
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("not ready")
	}
	u, err := url.Parse(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

func keep(t *testing.T, name string, text []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// certified makes an authority and certificates of it for both ends.
func certified(t *testing.T) (authority string, ours *tls.Config, cert, key string) {
	t.Helper()
	root := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der := must[[]byte](t)(x509.CreateCertificate(rand.Reader, template, template, &root.PublicKey, root))
	ca := must[*x509.Certificate](t)(x509.ParseCertificate(der))
	issue := func(serial int64) (certPEM, keyPEM []byte) {
		key := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
		der := must[[]byte](t)(x509.CreateCertificate(rand.Reader, &x509.Certificate{
			SerialNumber: big.NewInt(serial), NotBefore: ca.NotBefore, NotAfter: ca.NotAfter, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		}, ca, &key.PublicKey, root))
		plain := must[[]byte](t)(x509.MarshalECPrivateKey(key))
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: plain})
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca)
	c, k := issue(2)
	pair := must[tls.Certificate](t)(tls.X509KeyPair(c, k))
	ours = &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}
	c, k = issue(3)
	return keep(t, "ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Raw})), ours, keep(t, "cert.pem", c), keep(t, "key.pem", k)
}

func TestEveryWayToAnExternalServer(t *testing.T) {
	ways := map[string]func(t *testing.T) (good, bad string){
		"user and password": func(t *testing.T) (string, string) {
			host := outside(t, func(o *server.Options) { o.Username, o.Password = "larder", "p@ss" })
			return "nats://larder:p%40ss@" + host, "nats://larder:wrong@" + host
		},
		"token": func(t *testing.T) (string, string) {
			host := outside(t, func(o *server.Options) { o.Authorization = "hush" })
			return "nats://hush@" + host, "nats://wrong@" + host
		},
		"nkey": func(t *testing.T) (string, string) {
			user, stranger := must[nkeys.KeyPair](t)(nkeys.CreateUser()), must[nkeys.KeyPair](t)(nkeys.CreateUser())
			public := must[string](t)(user.PublicKey())
			host := outside(t, func(o *server.Options) { o.Nkeys = []*server.NkeyUser{{Nkey: public}} })
			file := func(k nkeys.KeyPair) string { return keep(t, "seed", must[[]byte](t)(k.Seed())) }
			return "nats://" + host + "?nkey=" + file(user), "nats://" + host + "?nkey=" + file(stranger)
		},
		"credentials file": func(t *testing.T) (string, string) {
			operator, account, system := must[nkeys.KeyPair](t)(nkeys.CreateOperator()), must[nkeys.KeyPair](t)(nkeys.CreateAccount()), must[nkeys.KeyPair](t)(nkeys.CreateAccount())
			accountID, systemID := must[string](t)(account.PublicKey()), must[string](t)(system.PublicKey())
			resolver := &server.MemAccResolver{}
			for _, id := range []string{accountID, systemID} {
				claims := jwt.NewAccountClaims(id)
				if id == accountID {
					claims.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: -1, DiskStorage: -1, Streams: -1, Consumer: -1}
				}
				if err := resolver.Store(id, must[string](t)(claims.Encode(operator))); err != nil {
					t.Fatal(err)
				}
			}
			host := outside(t, func(o *server.Options) {
				o.TrustedKeys, o.AccountResolver, o.SystemAccount = []string{must[string](t)(operator.PublicKey())}, resolver, systemID
			})
			file := func(signer nkeys.KeyPair) string {
				user := must[nkeys.KeyPair](t)(nkeys.CreateUser())
				claims := jwt.NewUserClaims(must[string](t)(user.PublicKey()))
				text := must[[]byte](t)(jwt.FormatUserConfig(must[string](t)(claims.Encode(signer)), must[[]byte](t)(user.Seed())))
				return keep(t, "user.creds", text)
			}
			return "nats://" + host + "?credentials=" + file(account), "nats://" + host + "?credentials=" + file(must[nkeys.KeyPair](t)(nkeys.CreateAccount()))
		},
		"certificates": func(t *testing.T) (string, string) {
			ca, config, cert, key := certified(t)
			host := outside(t, func(o *server.Options) { o.TLSConfig, o.TLSVerify = config, true })
			return "tls://" + host + "?ca=" + ca + "&cert=" + cert + "&key=" + key, "tls://" + host + "?ca=" + ca
		},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			good, bad := way(t)
			b := dial(t, good, StreamConfig{MaxAge: 96 * time.Hour, MaxBytes: 10 << 20})
			lastIs(t, b, "")
			publish(t, b, event(accountA, 1))
			lastIs(t, b, event(accountA, 1).ID)
			s, err := b.js.Stream(t.Context(), StreamName)
			if err != nil {
				t.Fatal(err)
			}
			if c := s.CachedInfo().Config; c.MaxAge != 96*time.Hour || c.MaxBytes != 10<<20 || c.Replicas != 1 {
				t.Errorf("stream %+v", c)
			}
			stranger, err := Dial(bad, BusConfig{Region: "us-east-1", Logger: quiet()})
			if err != nil {
				if strings.Contains(err.Error(), "wrong") {
					t.Errorf("the error tells a secret: %v", err)
				}
				return // it is refused at once
			}
			defer stranger.Close()
			if err := stranger.Ready(); registry.CodeOf(err) != registry.Unavailable {
				t.Errorf("a stranger is %v", err)
			}
		})
	}
	for _, bad := range []string{"nats://h?nkey=/missing", "nats://h?cert=/c", "nats://h?key=/k", "nats://h?nkey=" + keep(t, "seed", []byte("x"))} {
		if _, err := Dial(bad, BusConfig{Logger: quiet()}); registry.CodeOf(err) != registry.Invalid {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// What the server does not take is no reason to hold up what comes after it.
func TestAnEventThatIsTooLargeForTheServer(t *testing.T) {
	host := outside(t, func(o *server.Options) { o.MaxPayload = 16 << 10 })
	b := dial(t, "nats://"+host, StreamConfig{})
	lastIs(t, b, "")
	large := registry.Event{ID: "large", Account: accountA, Own: &registry.OwnEvent{Source: "ci", DetailType: "T", Detail: `{"a":"` + strings.Repeat("x", 20<<10) + `"}`}}
	publish(t, b, large, event(accountA, 1))
	lastIs(t, b, event(accountA, 1).ID)
	s, err := b.js.Stream(t.Context(), StreamName)
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.GetMsg(t.Context(), 1)
	if err != nil || !strings.HasSuffix(string(m.Data), `"detail":{}}`) {
		t.Errorf("%.200s, %v", m.Data, err)
	}
}
