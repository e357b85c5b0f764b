package registry_test

import (
	"io"
	"math"
	"testing"

	"larder/registry"
)

func TestSought(t *testing.T) {
	for _, c := range []struct {
		offset int64
		whence int
		want   int64 // negative: Invalid
	}{
		{0, io.SeekStart, 0},
		{7, io.SeekStart, 7},
		{-1, io.SeekStart, -1},
		{0, io.SeekCurrent, 3},
		{-3, io.SeekCurrent, 0},
		{-4, io.SeekCurrent, -1},
		{math.MaxInt64, io.SeekCurrent, -1},
		{0, io.SeekEnd, 10},
		{-10, io.SeekEnd, 0},
		{-11, io.SeekEnd, -1},
		{5, io.SeekEnd, 15},
		{math.MaxInt64, io.SeekEnd, -1},
		{0, 3, -1},
		{0, -1, -1},
	} {
		got, err := registry.Sought(c.offset, c.whence, 3, 10)
		if c.want < 0 {
			if registry.CodeOf(err) != registry.Invalid {
				t.Errorf("%d from %d: %d, %v; want it refused", c.offset, c.whence, got, err)
			}
		} else if got != c.want || err != nil {
			t.Errorf("%d from %d: %d, %v; want %d", c.offset, c.whence, got, err, c.want)
		}
	}
}
