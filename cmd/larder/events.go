package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"

	"larder/events"
	"larder/events/pattern"
)

func newEventsCommand() *cobra.Command {
	return nounCommand("events", "Follow events, and send past ones again",
		`Every change of a package version is an event. They stay in a stream of NATS for
a while: see what happens with tail, and let rules see it again with replay.`,
		newEventsTailCommand(), newEventsReplayCommand(), newEventsPutCommand())
}

func newEventsTailCommand() *cobra.Command {
	var patternText, at string
	var since time.Duration
	cmd := &cobra.Command{
		Use:   "tail",
		Short: "Show events as they come",
		Long: `Show events as they come, from the server's stream on NATS, until it is ended.
With --since, those before come first. Each event is shown once.

Who follows needs an access key and the action events:Subscribe. The NATS
server inside Larder is looked for on the port 8485 of the server's host, unless
the server runs with a data folder of this machine, or --nats names another.`,
		Example: `  larder events tail
  larder events tail --since 1h --pattern '{"detail":{"packageFormat":["npm"]}}' --output json`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringVar(&patternText, "pattern", "", "show only what this event `pattern` matches: JSON, @FILE, or - for standard input")
	cmd.Flags().DurationVar(&since, "since", 0, "begin so `long` ago, such as 1h")
	cmd.Flags().StringVar(&at, "nats", "", "`URL` of the NATS server")
	return apiCommand(cmd, long, func(ctx context.Context, s *session, _ []string) error {
		var p *pattern.Pattern
		if patternText != "" {
			text, err := s.given(patternText)
			if err != nil {
				return err
			}
			if p, err = pattern.Compile(text); err != nil {
				return err
			}
		}
		nc, err := s.connect(ctx, at)
		if err != nil {
			return err
		}
		defer nc.Close()
		return s.tail(ctx, nc, since, p)
	})
}

// connect reaches the NATS server as a follower.
func (s *session) connect(ctx context.Context, at string) (*nats.Conn, error) {
	if at == "" {
		var err error
		if at, err = s.natsURL(); err != nil {
			return nil, err
		}
	}
	servers, opts, err := events.ConnectOptions(at)
	if err != nil {
		return nil, err
	}
	if u, err := url.Parse(strings.SplitN(servers, ",", 2)[0]); err == nil && u.User == nil && len(opts) == 0 {
		key, err := s.Credentials.Retrieve(ctx)
		if err != nil {
			return nil, fmt.Errorf("there are no credentials: %w", err)
		}
		if key.SessionToken != "" {
			return nil, errors.New("events are followed with the access key of a user, not with temporary credentials")
		}
		opts = append(opts, nats.UserInfo(key.AccessKeyID, key.SecretAccessKey))
	}
	nc, err := nats.Connect(servers, append(opts, nats.Name("larder events tail"), nats.MaxReconnects(-1), nats.ReconnectWait(200*time.Millisecond))...)
	if errors.Is(err, nats.ErrAuthorization) {
		return nil, errors.New("the NATS server refuses the access key; it needs the action events:Subscribe")
	}
	if err != nil {
		return nil, fmt.Errorf("no NATS server answers at %s: %w; name it with --nats", maskNATS(servers), err)
	}
	return nc, nil
}

// natsURL is where the server that the API is asked of listens for followers.
func (s *session) natsURL() (string, error) {
	dir, _ := s.cmd.Flags().GetString("data")
	if r, err := dataFolder(firstOf(dir, os.Getenv(envName("data")), defaultData)).running(); err == nil && r.URL == s.URL {
		if r.NATS == "" {
			return "", errors.New("this server lets nobody follow: start it with --nats-listen ADDRESS, or name its external NATS server with --nats")
		}
		return "nats://" + r.NATS, nil
	}
	u, err := url.Parse(s.URL)
	if err != nil || u.Hostname() == "" {
		return "", errors.New("name the NATS server with --nats")
	}
	_, port, err := net.SplitHostPort(defaultNATSListen)
	return "nats://" + net.JoinHostPort(u.Hostname(), port), err
}

// tail shows events until ctx is done.
func (s *session) tail(ctx context.Context, nc *nats.Conn, since time.Duration, p *pattern.Pattern) error {
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	config := jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverNewPolicy}
	if since > 0 {
		start := time.Now().Add(-since)
		config.DeliverPolicy, config.OptStartTime = jetstream.DeliverByStartTimePolicy, &start
	}
	c, err := js.OrderedConsumer(ctx, events.StreamName, config)
	if err != nil {
		return fmt.Errorf("the event stream cannot be read: %w", err)
	}
	messages, err := c.Messages()
	if err != nil {
		return err
	}
	defer messages.Stop()
	defer context.AfterFunc(ctx, messages.Stop)()
	for {
		m, err := messages.Next()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the event stream cannot be read: %w", err)
		}
		if p != nil {
			e, err := pattern.ParseEvent(m.Data())
			if err != nil || !p.Matches(e) {
				continue
			}
		}
		if err := s.showEvent(m.Data()); err != nil {
			return err
		}
	}
}

// showEvent prints an event: one line of JSON, or what matters of it.
func (s *session) showEvent(body []byte) error {
	if s.out.json() {
		_, err := s.cmd.OutOrStdout().Write(append(bytes.TrimSpace(body), '\n'))
		return err
	}
	var e struct {
		Time, Source string
		Type         string `json:"detail-type"`
		Detail       struct {
			OperationType, DomainName, RepositoryName, PackageFormat, PackageNamespace, PackageName, PackageVersion, PackageVersionState string
		}
	}
	if err := json.Unmarshal(body, &e); err != nil {
		return fmt.Errorf("the stream holds something that is no event: %w", err)
	}
	line := fmt.Sprintf("%s  %s  %s", e.Time, e.Source, e.Type)
	if d := e.Detail; e.Source == "aws.codeartifact" {
		line = fmt.Sprintf("%s  %-7s  %s/%s  %s/%s  %s  %s", e.Time, d.OperationType, d.DomainName, d.RepositoryName,
			d.PackageFormat, strings.TrimPrefix(d.PackageNamespace+"/"+d.PackageName, "/"), d.PackageVersion, d.PackageVersionState)
	}
	_, err := fmt.Fprintln(s.cmd.OutOrStdout(), printable(line))
	return err
}

func newEventsReplayCommand() *cobra.Command {
	var rules []string
	var from, to, name string
	cmd := &cobra.Command{
		Use:   "replay",
		Short: "Send past events to the targets of rules again",
		Long: `Send the events of a time that rules match to their targets again. Each bears
the name of the replay as "replay-name".`,
		Example: `  larder events replay --rule left-pad --from 1h
  larder events replay --rule left-pad --from 2026-03-01T00:00:00Z --to 2026-03-02T00:00:00Z --name march`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringArrayVar(&rules, "rule", nil, "`rule` whose targets get them; repeatable (default: all that are enabled)")
	cmd.Flags().StringVar(&from, "from", "", "`time` of the first event: RFC 3339, or how long ago")
	cmd.Flags().StringVar(&to, "to", "", "`time` that the last event is before (default: now)")
	cmd.Flags().StringVar(&name, "name", "", "`name` that the events bear (default: made of the time)")
	_ = cmd.MarkFlagRequired("from")
	_ = cmd.RegisterFlagCompletionFunc("rule", completeRule)
	return apiCommand(cmd, long, func(ctx context.Context, s *session, _ []string) error {
		now := time.Now()
		start, err := moment("--from", from, now)
		if err != nil {
			return err
		}
		end, err := moment("--to", firstOf(to, "0s"), now)
		if err != nil {
			return err
		}
		account, err := s.myAccount(ctx)
		if err != nil {
			return err
		}
		bus, err := s.events().DescribeEventBus(ctx, &eventbridge.DescribeEventBusInput{})
		if err != nil {
			return err
		}
		region := strings.Split(aws.ToString(bus.Arn)+":::", ":")[3] // the server's, whatever that of the client is
		arn := func(resource string) string { return "arn:aws:events:" + region + ":" + account + ":" + resource }
		in := &eventbridge.StartReplayInput{
			ReplayName: aws.String(firstOf(name, "replay-"+now.UTC().Format("20060102T150405Z"))), EventSourceArn: aws.String(arn("archive/larder-events")),
			EventStartTime: &start, EventEndTime: &end, Destination: &types.ReplayDestination{Arn: bus.Arn},
		}
		for _, r := range rules {
			in.Destination.FilterArns = append(in.Destination.FilterArns, arn("rule/"+r))
		}
		out, err := s.events().StartReplay(ctx, in)
		if err != nil {
			return err
		}
		return s.done(out, "%s, as %s", aws.ToString(out.StateReason), *in.ReplayName)
	})
}

// moment reads a time, or how long ago it was.
func moment(flag, s string, now time.Time) (time.Time, error) {
	if ago, err := time.ParseDuration(s); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return t, usagef("%s: %q is neither a time such as 2026-03-01T12:00:00Z nor how long ago it was, such as 1h", flag, s)
	}
	return t, nil
}

func newEventsPutCommand() *cobra.Command {
	var source, kind, detail string
	cmd := &cobra.Command{
		Use:     "put",
		Short:   "Put an event of your own on the bus",
		Long:    "Put an event of your own on the account's bus, for its rules and followers.",
		Example: `  larder events put --source ci --type "Build finished" --detail '{"ok":true}'`,
		Args:    cobra.NoArgs,
	}
	cmd.Flags().StringVar(&source, "source", "", "`who` tells; not aws.…")
	cmd.Flags().StringVar(&kind, "type", "", "`what` happened")
	cmd.Flags().StringVar(&detail, "detail", "{}", "JSON `object`, @FILE, or - for standard input")
	_ = cmd.MarkFlagRequired("source")
	_ = cmd.MarkFlagRequired("type")
	return apiCommand(cmd, 0, func(ctx context.Context, s *session, _ []string) error {
		text, err := s.given(detail)
		if err != nil {
			return err
		}
		out, err := s.events().PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{{Source: &source, DetailType: &kind, Detail: &text}}})
		if err != nil {
			return err
		}
		if len(out.Entries) != 1 {
			return errors.New("the server gave no answer about the event")
		}
		if e := out.Entries[0]; e.ErrorCode != nil {
			return fmt.Errorf("%s (%s)", strings.TrimRight(aws.ToString(e.ErrorMessage), "."), *e.ErrorCode)
		}
		return s.done(out, "put event %s", aws.ToString(out.Entries[0].EventId))
	})
}
