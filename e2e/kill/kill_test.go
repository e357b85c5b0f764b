package kill

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"gopkg.in/ini.v1"

	"larder/bench/process"
	"larder/formats/formatstest"
)

const (
	rounds      = 50
	shortRounds = 4
	// A round lives at most this long after the server is ready.
	longestRound = 700 * time.Millisecond
)

// TestKilledServer: whatever moment a server dies at, what it has acknowledged
// stands, and nothing else does.
func TestKilledServer(t *testing.T) {
	n := number(t, "LARDER_KILL_ROUNDS", rounds)
	if testing.Short() {
		n = shortRounds
	}
	seed := uint64(number(t, "LARDER_KILL_SEED", int(time.Now().UnixNano()&0xffffff)))
	t.Logf("LARDER_KILL_SEED=%d LARDER_KILL_ROUNDS=%d", seed, n)

	dir := t.TempDir()
	binary, err := process.Build(dir)
	if err != nil {
		t.Fatal(err)
	}
	nats, err := process.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	up := formatstest.NewUpstream(t)
	server := process.Server{
		Binary: binary, Data: filepath.Join(dir, "data"), NATS: nats,
		Args: []string{"--external-connection", "public:npmjs=" + up.URL + "/", "--allow-private-targets"},
	}
	w := newWorld(seed)
	hooks := []*hook{newHook(t, false), newHook(t, true)}
	var token string
	for round := range n {
		s, err := server.Start()
		if err != nil {
			t.Fatalf("start after %d kills: %v", round, err)
		}
		if token == "" {
			if token, err = server.Token(); err != nil {
				t.Fatal(err)
			}
		}
		w.begin(round)
		c := newClients(t, w, up, server, s, token)
		if round == 0 {
			c.attach(t, hooks...)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); c.run(ctx) }()
		alive := time.NewTimer(time.Duration(w.intN(int(longestRound))))
		select {
		case <-alive.C:
		case <-ended: // before it was killed: nothing can be right any more
		}
		// Sent first, so that a client which gets no answer is not asked why.
		err = s.Kill()
		cancel()
		<-ended
		c.http.CloseIdleConnections()
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		for _, err := range c.broken {
			t.Errorf("round %d: %v", round, err)
		}
		if t.Failed() {
			t.FailNow()
		}
	}

	s, err := server.Start()
	if err != nil {
		t.Fatal(err)
	}
	i := inspection{T: t, clients: newClients(t, w, up, server, s, token), data: server.Data, kills: n, hooks: hooks}
	i.run(nats)
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}

func newClients(t *testing.T, w *world, up *formatstest.Upstream, server process.Server, s *process.Running, token string) *clients {
	key, secret := accessKey(t, server.Data)
	identity := credentials.NewStaticCredentialsProvider(key, secret, "")
	return &clients{
		world: w, upstream: up, token: token,
		url: s.URL + "/npm/d/local-000000000000/" + repository + "/",
		control: codeartifact.New(codeartifact.Options{
			Region: "us-east-1", BaseEndpoint: aws.String(s.URL), RetryMaxAttempts: 1,
			Credentials: identity,
		}),
		events: eventbridge.New(eventbridge.Options{Region: "us-east-1", BaseEndpoint: aws.String(s.URL), RetryMaxAttempts: 1, Credentials: identity}),
		http:   &http.Client{Transport: &http.Transport{}},
	}
}

// accessKey reads the credentials of the first start.
func accessKey(t *testing.T, data string) (key, secret string) {
	t.Helper()
	file, err := ini.Load(filepath.Join(data, "credentials"))
	if err != nil {
		t.Fatal(err)
	}
	s := file.Section("default")
	return s.Key("aws_access_key_id").String(), s.Key("aws_secret_access_key").String()
}

func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}
