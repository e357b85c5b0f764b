package api

import (
	"strings"

	"larder/registry"
)

// defaultBus is the one bus of every account.
const defaultBus = "default"

func (c *call) busARN() string {
	return "arn:aws:events:" + c.Region + ":" + c.actor.Account + ":event-bus/" + defaultBus
}

// bus accepts the name or the ARN of the account's bus, and its absence.
func (c *call) bus(name string) error {
	if name == "" || name == defaultBus || name == c.busARN() {
		return nil
	}
	if len(name) > 1600 {
		return invalid("EventBusName is longer than 1600 characters")
	}
	return registry.Errorf(registry.NotFound, "Event bus %s does not exist.", clip(name))
}

type busResult struct {
	Name, Arn string
}

func (c *call) describeEventBus() (any, error) {
	var in struct{ Name string }
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if err := c.allow(c.busARN(), nil); err != nil {
		return nil, err
	}
	if err := c.bus(in.Name); err != nil {
		return nil, err
	}
	return busResult{defaultBus, c.busARN()}, nil
}

func (c *call) listEventBuses() (any, error) {
	var in struct{ NamePrefix string }
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if err := c.allow("*", nil); err != nil {
		return nil, err
	}
	buses := []busResult{}
	if strings.HasPrefix(defaultBus, in.NamePrefix) {
		buses = append(buses, busResult{defaultBus, c.busARN()})
	}
	return struct{ EventBuses []busResult }{buses}, nil
}
