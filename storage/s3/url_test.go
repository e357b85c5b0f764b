package s3_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"larder/registry"
	"larder/storage/s3"
)

func TestAURLIsTakenOrRefusedWithoutSayingItsSecret(t *testing.T) {
	for url, want := range map[string]string{
		"s3://k:secret@bucket/a/b?endpoint=https://s3.test": "",
		"S3://bucket?endpoint=http://s3.test:9000/&region=eu-1&style=virtual&sse=kms&kms-key=x&redirect=asked&part-size=16MiB&cache=1GB": "",
		"s3://bucket":                           "no endpoint",
		"s3:///x?endpoint=https://s3.test":      "no bucket",
		"s3://b?endpoint=s3.test":               "http or https",
		"s3://b?endpoint=https://s3.test/x":     "without a path",
		"s3://k@b?endpoint=https://s3.test":     "without its secret",
		"s3://b?endpoint=https://s3.test&x=1":   "not known",
		"s3://b?endpoint=https://a&endpoint=b":  "twice",
		"s3://b?endpoint=https://a&style=x":     "path or virtual",
		"s3://b?endpoint=https://a&sse=x":       "s3 or kms",
		"s3://b?endpoint=https://a&kms-key=x":   "sse=kms",
		"s3://b?endpoint=https://a&redirect=x":  "off, on or asked",
		"s3://b?endpoint=https://a&part-size=1": "5MiB",
		"s3://b?endpoint=https://a&cache=many":  "20GiB",
		"s3://k:secret@b?endpoint=%zz":          "no endpoint",
	} {
		_, err := s3.Parse(url)
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", url, err)
			}
			continue
		}
		msg := registry.MessageOf(err)
		if registry.CodeOf(err) != registry.Invalid || !strings.Contains(msg, want) || strings.Contains(msg, "secret@") {
			t.Errorf("%s: %q, want Invalid with %q", url, msg, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("s3://k:secret@bucket/a/b?endpoint=https://s3.test&cache=1GB&part-size=8MiB")
	f.Add("s3://b?endpoint=http://[::1]:9000&redirect=on&sse=kms&kms-key=a:b/c")
	f.Fuzz(func(t *testing.T, url string) {
		c, err := s3.Parse(url)
		if (c == nil) == (err == nil) {
			t.Errorf("%q: %v and %v", url, c, err)
		}
		if c != nil && (c.Bucket == "" || c.Prefix != "" && !strings.HasSuffix(c.Prefix, "/") || c.CacheSize < 0) {
			t.Errorf("%q: bucket %q, prefix %q, cache %d", url, c.Bucket, c.Prefix, c.CacheSize)
		}
	})
}

// newRecorder is a store that takes everything and tells the headers of uploads.
func newRecorder(t *testing.T, put func(http.Header)) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			put(r.Header)
			w.Header().Set("ETag", `"x"`)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}
