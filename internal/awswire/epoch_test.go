package awswire

import (
	"encoding/json"
	"testing"
	"time"
)

func TestEpochIsANumberOfSecondsWithMilliseconds(t *testing.T) {
	for _, c := range []struct {
		name string
		time time.Time
		want string
	}{
		{"whole seconds carry no fraction", time.Unix(1601616533, 0), `{"t":1601616533}`},
		{"milliseconds are three digits", time.UnixMilli(1601616533007), `{"t":1601616533.007}`},
		{"finer parts are cut off", time.Unix(1601616533, 123_999_999), `{"t":1601616533.123}`},
		{"before the epoch", time.UnixMilli(-1500), `{"t":-1.500}`},
		{"no time is left out", time.Time{}, `{}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := json.Marshal(struct {
				T Epoch `json:"t,omitzero"`
			}{Epoch(c.time)})
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
