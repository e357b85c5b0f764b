package formats

import "testing"

func TestAccept(t *testing.T) {
	const json, html = "application/vnd.pypi.simple.v1+json", "text/html"
	offers := NewOffers(html, json)
	for header, want := range map[string]string{
		"": html, "  ": html, "*/*": html, "*": html, "text/*": html, "application/*": json, json: json, html: html,
		"application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01": json, // pip
		"text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8":                               html,
		"*/*, text/html;q=0": json, "text/html;q=0, */*;q=0.1": json, "TEXT/HTML;Q=0.5, application/*;q=0.4": html,
		"image/png": "", "text/html;q=0": "", "text/html;q=x": "", "text/html;q=2": "", "text/html;q=-1": "", "text/html;q=nan": "",
		"text/html;level=1;q=0.3, */*;q=0.2": html, ",,": "", "/": "", ";q=1": "", "text/html;q": "",
	} {
		for _, when := range []string{"first", "remembered"} {
			if got := offers.Accepted(header); got != want {
				t.Errorf("%q, %s: got %q, want %q", header, when, got, want)
			}
		}
	}
}

func TestAcceptsGzip(t *testing.T) {
	for header, want := range map[string]bool{
		"gzip": true, "gzip, deflate, br": true, "gzip,deflate": true, "x-gzip": true, "*": true, "GZIP": true, "br;q=1.0, gzip;q=0.8, *;q=0.1": true,
		"": false, "identity": false, "br": false, "gzip;q=0": false, "*;q=0": false, "gzip;q=0, *": false, "gzip;q=0.5, identity;q=0.9": false,
		"gzip;q=0.5, identity;q=0.5": true, "deflate;gzip": false, "gzipped": false,
	} {
		if got := AcceptsGzip(header); got != want {
			t.Errorf("%q: got %v", header, got)
		}
	}
}

func TestMatches(t *testing.T) {
	const etag = `"abc"`
	for header, want := range map[string]bool{
		`"abc"`: true, `W/"abc"`: true, `"x", "abc"`: true, `"x","abc"`: true, `W/"x" , W/"abc"`: true, `*`: true, `"a,c", "abc"`: true,
		``: false, `"abcd"`: false, `abc`: false, `"abc`: false, `"x"`: false, `w/"abc"`: false, `,`: false, `"x" abc`: false, `W/`: false,
	} {
		if got := matches(header, etag); got != want {
			t.Errorf("%s: got %v", header, got)
		}
	}
}

func FuzzAccept(f *testing.F) {
	f.Add("application/json;q=0.5, */*")
	f.Add(`W/"abc", "x"`)
	offers := NewOffers("a/b", "c/d")
	f.Fuzz(func(t *testing.T, header string) {
		if got := offers.Accepted(header); got != "" && got != "a/b" && got != "c/d" {
			t.Errorf("got %q", got)
		}
		AcceptsGzip(header)
		matches(header, `"abc"`)
	})
}
