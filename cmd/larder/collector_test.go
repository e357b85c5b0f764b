package main

import "testing"

func TestMemoryIsGivenBackOnceABurstIsOver(t *testing.T) {
	const mb = 1 << 20
	var q quiet
	for i, look := range []struct {
		allocated, spare uint64
		want             bool
	}{
		{500 * mb, 40 * mb, false},      // a burst
		{900 * mb, 40 * mb, false},      // which goes on
		{900*mb + 1000, 40 * mb, true},  // and is over
		{900*mb + 2000, 20 * mb, false}, // it helped by half: not again
		{900*mb + 9000, 30 * mb, false}, // before
		{950 * mb, 30 * mb, false},      // the next burst
		{950*mb + 500, 30 * mb, true},   // is over
		{951*mb + 400, 5 * mb, false},   // nothing to speak of
		{951*mb + 900, 7*mb + 1, false}, // nor now
	} {
		if got := q.over(look.allocated, look.spare); got != look.want {
			t.Errorf("look %d: %t, want %t", i, got, look.want)
		}
	}
}
