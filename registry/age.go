package registry

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// Age is a time span as people write it: "3d", "1w", "36h", "90m".
type Age time.Duration

const day = 24 * time.Hour

// maxAge bounds ages, so that sums with dates stay dates.
const maxAge = 3660 * day

// ParseAge reads an age; Invalid with what is wrong.
func ParseAge(s string) (Age, error) {
	d, err := time.Duration(0), error(nil)
	unit := time.Duration(0)
	switch {
	case strings.HasSuffix(s, "d"):
		unit = day
	case strings.HasSuffix(s, "w"):
		unit = 7 * day
	}
	if unit != 0 {
		var n uint64
		n, err = strconv.ParseUint(s[:len(s)-1], 10, 16)
		d = min(time.Duration(n)*unit, maxAge+1)
	} else {
		d, err = time.ParseDuration(s)
	}
	if err != nil || d < 0 || d > maxAge {
		return 0, Errorf(Invalid, `%q is no age: write whole days as "3d", weeks as "1w", else as "36h" or "90m", at most 3660d`, s)
	}
	return Age(d), nil
}

// String is the age in the largest unit that fits.
func (a Age) String() string {
	d := time.Duration(a)
	switch {
	case d == 0:
		return "0"
	case d%day == 0:
		return strconv.FormatInt(int64(d/day), 10) + "d"
	case d%time.Hour == 0:
		return strconv.FormatInt(int64(d/time.Hour), 10) + "h"
	case d%time.Minute == 0:
		return strconv.FormatInt(int64(d/time.Minute), 10) + "m"
	}
	return d.String()
}

// MarshalText writes String.
func (a Age) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalJSON reads what ParseAge does.
func (a *Age) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return Errorf(Invalid, `an age is text such as "3d", not %s`, b)
	}
	v, err := ParseAge(s)
	*a = v
	return err
}
