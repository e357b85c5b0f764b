package main

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	eventsapi "larder/events/api"
	"larder/events/rules"
	"larder/policy"
	"larder/policy/audit"
	"larder/registry"
	"larder/registry/upstream"
)

// openRules starts what carries events to the targets of rules.
func (s *Server) openRules(context.Context) error {
	var control func(network, address string, c syscall.RawConn) error
	if !s.Config.PrivateTargets {
		control = upstream.Control
	}
	s.rules = rules.New(rules.Config{
		Metadata:  s.metadata,
		Sealer:    s.sealer,
		NATS:      s.sender(),
		Region:    s.Config.Region,
		Control:   control,
		UserAgent: "Larder/" + version(),
		Logger:    s.log,
		Poll:      s.relayPoll(),
	})
	s.oneOfAll("rules", s.rules.Run)
	return nil
}

// sender publishes to the subjects of rules: among the followers of the inner
// server, or on the external one.
func (s *Server) sender() rules.Sender {
	if s.inner != nil {
		return s.inner
	}
	return s.bus
}

// wake says that there are new events.
func (s *Server) wake() {
	s.relay.Wake()
	s.rules.Wake()
}

// subjects gives those of NATS to which rules of an account send.
func (s *Server) subjects(ctx context.Context, account string) ([]string, error) {
	var all []string
	err := s.metadata.View(ctx, func(tx registry.Tx) error {
		all = nil
		of, _, err := tx.Rules(account, "", registry.Page{})
		if err != nil {
			return err
		}
		for _, r := range of {
			rows, _, err := tx.Targets(account, r.Name, registry.Page{})
			if err != nil {
				return err
			}
			for _, row := range rows {
				v, err := rules.Open(s.sealer, row)
				if err != nil {
					return err
				}
				all = append(all, v.Target.Subjects()...)
			}
		}
		return nil
	})
	return all, err
}

// eventCalls answers EventBridge on POST /; control judges addresses.
func (s *Server) eventCalls(control func(network, address string, c syscall.RawConn) error) http.Handler {
	c := eventsapi.Config{
		Metadata: s.metadata,
		Sealer:   s.sealer,
		Region:   s.Config.Region,
		Sign:     s.identity.Signed("events"),
		Authorize: func(ctx context.Context, actor registry.Actor, action registry.Action, arn string, keys map[string]string) error {
			return s.policies.AuthorizeCall(ctx, policy.Call{
				Actor: actor, Action: action, ARN: arn, Account: actor.Account, Context: keys, Time: s.service.Clock(),
			})
		},
		Targets: rules.Policy{Private: control == nil, CheckHost: func(u *url.URL) error { return upstream.CheckLiteral(u) }},
		Router:  s.rules,
		Stream:  s.bus,
		Wake:    s.wake,
		Observe: func(ctx context.Context, o eventsapi.Observation) {
			s.audit.Call(ctx, audit.Call{Service: "events", Operation: o.Operation, Actor: o.Actor, Parameters: o.Parameters, Err: o.Err})
		},
	}
	if s.inner != nil {
		c.Widen = s.inner.Widen
	}
	return eventsapi.New(c)
}

// natsAddress is where followers reach the inner server; empty: nowhere.
func (s *Server) natsAddress() string {
	if s.inner == nil {
		return ""
	}
	a, ok := s.inner.Addr().(*net.TCPAddr)
	if !ok || a == nil {
		return ""
	}
	return strings.TrimPrefix(localURL(a, false), "http://")
}
