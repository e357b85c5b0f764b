package lockfile

import (
	"os"
	"testing"
)

// fuzz holds a parser to what every one of them promises: no panic, entries in
// order, each once, and no name that is not a segment of a path.
func fuzz(f *testing.F, kind Kind) {
	for _, path := range locks(f) {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		if k, err := Detect(path, data); err == nil && k == kind {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := Parse(kind, data)
		if err != nil {
			return
		}
		for i, e := range all {
			if i > 0 && compare(all[i-1], e) >= 0 {
				t.Errorf("%+v does not come before %+v", all[i-1], e)
			}
			if e.Skip != "" {
				continue
			}
			if _, err := Check(e); err != nil || e.Format == "" {
				t.Errorf("%+v: %v", e, err)
			}
			for _, d := range e.Digests {
				if d.Sum == "" {
					t.Errorf("%+v has an empty digest", e)
				}
			}
		}
	})
}

func FuzzNPM(f *testing.F)          { fuzz(f, KindNPM) }
func FuzzPNPM(f *testing.F)         { fuzz(f, KindPNPM) }
func FuzzYarn(f *testing.F)         { fuzz(f, KindYarn) }
func FuzzUV(f *testing.F)           { fuzz(f, KindUV) }
func FuzzPoetry(f *testing.F)       { fuzz(f, KindPoetry) }
func FuzzRequirements(f *testing.F) { fuzz(f, KindRequirements) }
func FuzzGradle(f *testing.F)       { fuzz(f, KindGradle) }
func FuzzNuGet(f *testing.F)        { fuzz(f, KindNuGet) }
func FuzzCycloneDX(f *testing.F)    { fuzz(f, KindCycloneDX) }
func FuzzSPDX(f *testing.F)         { fuzz(f, KindSPDX) }

func FuzzDetect(f *testing.F) {
	f.Add("x.json", []byte(`{"a":1}`))
	f.Add("x", []byte(`<a><b/></a>`))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		if k, err := Detect(name, data); (err == nil) != (k != "") {
			t.Errorf("%q, %v", k, err)
		}
	})
}
