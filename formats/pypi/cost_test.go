package pypi_test

import (
	"fmt"
	"testing"

	"larder/formats/formatstest"
	"larder/formats/pypi"
	"larder/registry"
)

// BenchmarkUpload is one upload where there are that many projects already:
// what it costs must not depend on the number.
func BenchmarkUpload(b *testing.B) {
	for _, projects := range []int{10, 1000, 5000} {
		b.Run(fmt.Sprintf("beside %d projects", projects), func(b *testing.B) {
			s := formatstest.NewServer(b, pypi.Format(), registry.Limits{})
			up := func(name string) {
				if a := s.Do(uploadWheel(name, "1.0")); a.Status != 200 {
					b.Fatalf("got %d %s", a.Status, a.Body)
				}
			}
			for i := range projects {
				up(fmt.Sprintf("held-%d", i))
			}
			n := 0
			for b.Loop() {
				up(fmt.Sprintf("new-%d", n))
				n++
			}
		})
	}
}

// BenchmarkPage asks for the page of a project with 2,000 files: read and rendered at first.
func BenchmarkPage(b *testing.B) {
	s := formatstest.NewServer(b, pypi.Format(), registry.Limits{})
	var files []offered
	for i := range 2000 {
		files = append(files, offered{fmt.Sprintf("left-%d.%d-cp3%d-none-any.whl", i/50, i/5%10, i%5), nil, nil})
	}
	offer(s.Upstream, "left", files...)
	for b.Loop() {
		if a := s.Do(formatstest.Call{Path: "simple/left/", Header: map[string]string{"Accept": jsonType}}); a.Status != 200 {
			b.Fatalf("got %d", a.Status)
		}
	}
}
