package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"gopkg.in/ini.v1"

	"larder/e2e/harness"
)

// Of three processes one carries events to targets, and another does when it
// dies, or NATS has been away: a stream that takes a rule's subject has each
// event that any of them acknowledged, and once.
func TestRulesOfThreeProcesses(t *testing.T) {
	harness.EndToEnd(t)
	w := newWorld(t, 3)
	file, err := ini.Load(filepath.Join(w.larders[0].Data, "credentials"))
	fatal(t, err)
	section := file.Section("default")
	identity := credentials.NewStaticCredentialsProvider(section.Key("aws_access_key_id").String(), section.Key("aws_secret_access_key").String(), "")
	var calls []*eventbridge.Client
	for _, l := range w.larders {
		calls = append(calls, eventbridge.New(eventbridge.Options{Region: "us-east-1", BaseEndpoint: aws.String(l.url), Credentials: identity, RetryMaxAttempts: 1}))
	}
	conn, err := nats.Connect(w.bus, nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	fatal(t, err)
	defer conn.Close()
	js, err := jetstream.New(conn)
	fatal(t, err)
	await(t, "a stream", func() bool { // the cluster may still choose a leader
		// A message that was stored while NATS died may be sent again much later.
		_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "CI", Subjects: []string{"ci.>"}, Replicas: 3, Duplicates: time.Hour})
		return err == nil
	})
	_, err = calls[1].PutRule(t.Context(), &eventbridge.PutRuleInput{Name: aws.String("ci"), EventPattern: aws.String(`{"source":["ci"]}`)})
	fatal(t, err)
	_, err = calls[2].PutTargets(t.Context(), &eventbridge.PutTargetsInput{
		Rule: aws.String("ci"), Targets: []types.Target{{Id: aws.String("bus"), Arn: aws.String("nats:ci.build")}},
	})
	fatal(t, err)

	put := map[string]bool{}
	events := func(n int) {
		t.Helper()
		for i := range n {
			c := calls[i%3]
			if w.larders[i%3].running == nil {
				c = calls[(i+1)%3]
			}
			out, err := c.PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{
				{Source: aws.String("ci"), DetailType: aws.String("T"), Detail: aws.String(fmt.Sprintf(`{"n":%d}`, i))},
			}})
			fatal(t, err)
			put[aws.ToString(out.Entries[0].EventId)] = true
		}
	}
	for _, l := range w.larders {
		events(15)
		l.kill(t)
		events(15)
		l.start(t)
	}
	w.nats.kill()
	events(15)
	w.nats.start(t)
	events(15)

	for _, stream := range []string{"CI", "LARDER_EVENTS"} {
		var c jetstream.Consumer
		await(t, "a consumer of "+stream, func() bool { // the cluster may still choose a leader
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			c, err = js.OrderedConsumer(ctx, stream, jetstream.OrderedConsumerConfig{})
			return err == nil
		})
		seen := map[string]bool{}
		for end := time.Now().Add(patience); len(seen) < len(put); {
			m, err := c.Next(jetstream.FetchMaxWait(5 * time.Second))
			if err != nil { // as above
				if time.Now().After(end) {
					t.Fatalf("%s: after %d of %d events: %v", stream, len(seen), len(put), err)
				}
				continue
			}
			e := bodyID(t, m)
			if seen[e] || !put[e] {
				t.Errorf("%s: event %s came again: %t, was acknowledged: %t", stream, e, seen[e], put[e])
			}
			seen[e] = true
		}
	}
}

func bodyID(t *testing.T, m jetstream.Msg) string {
	t.Helper()
	var e struct{ ID string }
	fatal(t, json.Unmarshal(m.Data(), &e))
	return e.ID
}
