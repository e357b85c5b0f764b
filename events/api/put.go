package api

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"larder/events/rules"
	"larder/internal/awswire"
	"larder/registry"
)

const (
	maxEvents = 10
	// maxEventBytes bounds the events of one call (API reference, "PutEvents").
	maxEventBytes = 256 << 10
	maxSource     = 256 // characters, of a source and of a detail type
)

type putEvent struct {
	Source, DetailType, Detail, EventBusName string
	Resources                                []string
	Time                                     *stamp
}

// size is what an entry counts (User Guide, "Calculating event sizes").
func (e *putEvent) size() int {
	n := len(e.Source) + len(e.DetailType) + len(e.Detail)
	if e.Time != nil {
		n += 14
	}
	for _, r := range e.Resources {
		n += len(r)
	}
	return n
}

type putResult struct {
	EventId      string `json:",omitempty"`
	ErrorCode    string `json:",omitempty"`
	ErrorMessage string `json:",omitempty"`
}

// putEvents puts the account's own events on its bus: those that are right,
// even where others of the call are not.
func (c *call) putEvents() (any, error) {
	var in struct {
		Entries    []putEvent
		EndpointId string
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if len(in.Entries) == 0 || len(in.Entries) > maxEvents {
		return nil, invalid("1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have length between 1 and %d", maxEvents)
	}
	size := 0
	for i := range in.Entries {
		e := &in.Entries[i]
		size += e.size()
		if err := c.allow(c.busARN(), map[string]string{"events:source": e.Source, "events:detail-type": e.DetailType}); err != nil {
			return nil, err
		}
	}
	switch {
	case in.EndpointId != "":
		return nil, invalid("EndpointId is not supported here: there are no global endpoints")
	case size > maxEventBytes:
		return nil, invalid("Total size of the entries in the request is over the limit.")
	}
	answer := struct {
		FailedEntryCount int
		Entries          []putResult
	}{}
	err := c.Metadata.Update(c.ctx, func(tx registry.Tx) error {
		answer.FailedEntryCount, answer.Entries = 0, nil
		var all []registry.Event
		for i := range in.Entries {
			e := &in.Entries[i]
			if code, why := c.refused(e); code != "" {
				answer.FailedEntryCount++
				answer.Entries = append(answer.Entries, putResult{ErrorCode: code, ErrorMessage: why})
				continue
			}
			event := registry.Event{
				ID: uuid.NewString(), Account: c.actor.Account, Time: tx.Now(),
				Own: &registry.OwnEvent{Source: e.Source, DetailType: e.DetailType, Detail: compact(e.Detail), Resources: e.Resources},
			}
			if e.Time != nil {
				event.Time = e.Time.Time
			}
			all = append(all, event)
			answer.Entries = append(answer.Entries, putResult{EventId: event.ID})
		}
		return tx.AppendEvents(all...)
	})
	if err != nil {
		return nil, err
	}
	c.Wake()
	return &answer, nil
}

// refused says why an entry is not taken, as EventBridge does; an empty code: it is.
func (c *call) refused(e *putEvent) (code, why string) {
	switch {
	case e.Source == "":
		return "InvalidArgument", "Parameter Source is not valid. Reason: Source is a required argument."
	case e.DetailType == "":
		return "InvalidArgument", "Parameter DetailType is not valid. Reason: DetailType is a required argument."
	case e.Detail == "":
		return "InvalidArgument", "Parameter Detail is not valid. Reason: Detail is a required argument."
	case len(e.Source) > maxSource || len(e.DetailType) > maxSource:
		return "InvalidArgument", "Parameter Source or DetailType is not valid. Reason: it is longer than 256 characters."
	case strings.HasPrefix(strings.ToLower(e.Source), "aws."), strings.HasPrefix(strings.ToLower(e.Source), "larder."):
		return "NotAuthorizedForSourceException", "Not authorized for the source."
	case c.bus(e.EventBusName) != nil:
		return "ResourceNotFoundException", registry.MessageOf(c.bus(e.EventBusName))
	case e.Time != nil && (e.Time.Year() < 1970 || e.Time.Year() > 9999):
		return "InvalidArgument", "Parameter Time is not valid."
	}
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(e.Detail), &members) != nil || members == nil {
		return "MalformedDetail", "Detail is malformed."
	}
	return "", ""
}

// compact takes the white space out of a JSON object.
func compact(detail string) string {
	var b bytes.Buffer
	if json.Compact(&b, []byte(detail)) != nil { // it was read before
		return detail
	}
	return b.String()
}

// startReplay sends events that happened before to the targets of rules again:
// all are on their way when it is answered.
func (c *call) startReplay() (any, error) {
	var in struct {
		ReplayName, Description, EventSourceArn string
		EventStartTime, EventEndTime            *stamp
		Destination                             struct {
			Arn        string
			FilterArns []string
		}
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if err := checkName("replayName", in.ReplayName); err != nil {
		return nil, err
	}
	arn := "arn:aws:events:" + c.Region + ":" + c.actor.Account + ":replay/" + in.ReplayName
	if err := c.allow(arn, nil); err != nil {
		return nil, err
	}
	r := rules.Replay{Account: c.actor.Account, Name: in.ReplayName}
	switch archive := "arn:aws:events:" + c.Region + ":" + c.actor.Account + ":archive/" + archiveName; {
	case in.EventSourceArn != archive:
		return nil, invalid("EventSourceArn must be %s, the stream of events, which is the only archive here", archive)
	case in.EventStartTime == nil || in.EventEndTime == nil:
		return nil, invalid("EventStartTime and EventEndTime are required")
	case in.Destination.Arn != c.busARN():
		return nil, invalid("Destination.Arn must be %s", c.busARN())
	}
	r.From, r.To = in.EventStartTime.Time, in.EventEndTime.Time
	if !r.From.Before(r.To) {
		return nil, invalid("EventStartTime must be before EventEndTime")
	}
	for _, filter := range in.Destination.FilterArns {
		name, err := c.tagged(filter)
		if err != nil {
			return nil, err
		}
		r.Rules = append(r.Rules, name)
	}
	started := c.Clock()
	n, err := c.Router.Replay(c.ctx, c.Stream, r)
	if registry.IsNotFound(err) {
		return nil, registry.Errorf(registry.NotFound, "a rule of FilterArns does not exist")
	}
	if err != nil {
		return nil, err
	}
	return struct {
		ReplayArn, State, StateReason string
		ReplayStartTime               awswire.Epoch
	}{arn, "COMPLETED", sentence(n), awswire.Epoch(started)}, nil
}

// archiveName is the stream of events, as StartReplay names it.
const archiveName = "larder-events"

func sentence(n int) string {
	if n == 1 {
		return "1 event is on its way"
	}
	return strconv.Itoa(n) + " events are on their way"
}

// stamp is a time in a request: epoch seconds with a fraction, as AWS JSON 1.1
// has them.
type stamp struct{ time.Time }

// UnmarshalJSON reads a number.
func (s *stamp) UnmarshalJSON(b []byte) error {
	seconds, err := strconv.ParseFloat(string(b), 64)
	if err != nil || math.Abs(seconds) > 1e12 {
		return invalid("a time is a number of seconds since 1970")
	}
	s.Time = time.UnixMilli(int64(math.Round(seconds * 1000))).UTC()
	return nil
}
