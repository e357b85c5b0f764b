package bounded

import "testing"

func TestAFullMapForgetsOneForAnother(t *testing.T) {
	m := NewMap[int, string](3)
	for i := range 10 {
		m.Put(i, "x")
		if v, ok := m.Get(i); !ok || v != "x" {
			t.Fatalf("%d was forgotten at once", i)
		}
	}
	if m.Len() != 3 {
		t.Errorf("%d entries, want 3", m.Len())
	}
	m.Put(9, "y")
	if v, _ := m.Get(9); v != "y" {
		t.Errorf("got %q, want the newer value", v)
	}
	m.Delete(9)
	if _, ok := m.Get(9); ok {
		t.Error("a deleted entry is there")
	}
}
