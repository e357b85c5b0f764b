package awswire

import (
	"strconv"
	"time"
)

// Epoch is a time that is written as a JSON number: epoch seconds with a
// fraction of milliseconds (spec 2.1; the SDK for Go refuses strings). The
// zero time is left out by the "omitzero" option of encoding/json.
type Epoch time.Time

// IsZero reports whether there is no time.
func (e Epoch) IsZero() bool { return time.Time(e).IsZero() }

// MarshalJSON writes seconds and, unless they are zero, milliseconds.
func (e Epoch) MarshalJSON() ([]byte, error) {
	ms := time.Time(e).UnixMilli()
	sign := ""
	if ms < 0 {
		sign, ms = "-", -ms
	}
	b := strconv.AppendInt([]byte(sign), ms/1000, 10)
	if rest := ms % 1000; rest != 0 {
		b = append(b, '.', byte('0'+rest/100), byte('0'+rest/10%10), byte('0'+rest%10))
	}
	return b, nil
}
