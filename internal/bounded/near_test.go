package bounded

import (
	"strconv"
	"sync"
	"testing"
)

func TestWhatIsNearIsNeverOlderThanTheMap(t *testing.T) {
	for name, near := range map[string]func(int) uint{
		"apart":          func(k int) uint { return uint(k) },
		"all in one":     func(int) uint { return 0 },
		"of any numbers": func(k int) uint { return uint(k) * 0x9e3779b97f4a7c15 },
	} {
		t.Run(name, func(t *testing.T) {
			m := NewMap[int, string](3).Near(near)
			for round := range 3 {
				for k := range 5 {
					m.Put(k, strconv.Itoa(round))
					for range 2 {
						if v, ok := m.Get(k); !ok || v != strconv.Itoa(round) {
							t.Errorf("%d: got %q %v in round %d", k, v, ok, round)
						}
					}
				}
			}
			if m.Len() != 3 {
				t.Errorf("%d entries, want 3", m.Len())
			}
			found := 0
			for k := range 5 {
				if _, ok := m.Get(k); ok {
					found++
				}
				m.Delete(k)
				if _, ok := m.Get(k); ok {
					t.Errorf("%d is there after it was deleted", k)
				}
			}
			if found != 3 {
				t.Errorf("%d of 3 entries are found", found)
			}
		})
	}
}

// TestAWriteIsSeenAtOnce lets readers bring an entry near while it is replaced.
func TestAWriteIsSeenAtOnce(t *testing.T) {
	m := NewMap[int, int](8).Near(func(k int) uint { return uint(k % 2) })
	var wg sync.WaitGroup
	for k := range 4 {
		wg.Go(func() {
			for i := range 2000 {
				m.Put(k, i)
				if v, _ := m.Get(k); v != i {
					t.Errorf("%d: got %d after %d was put", k, v, i)
					return
				}
			}
		})
		wg.Go(func() {
			for range 2000 {
				m.Get(k)
			}
		})
	}
	wg.Wait()
}
