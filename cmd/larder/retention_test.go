package main

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"larder/registry"
)

// Pages of what goes are followed by their tokens, as the command does.
func TestWhatGoesIsToldPageByPage(t *testing.T) {
	dir := t.TempDir()
	s, _ := start(t, dir)
	main := registry.RepoID{Domain: registry.DomainID{Owner: "000000000000", Name: firstDomain}, Name: firstRepository}
	var want []string
	err := s.metadata.Update(t.Context(), func(tx registry.Tx) error {
		want = nil
		for _, name := range []string{"a", "b", "c"} {
			p := registry.PackageID{Format: registry.NPM, Namespace: "acme", Name: name}
			if err := tx.PutPackage(main, registry.Package{ID: p}); err != nil {
				return err
			}
			for n := range 4 {
				v := fmt.Sprintf("1.0.%d", n)
				err := tx.PutVersion(main, p, registry.Version{
					Version: v, Status: registry.Published, Published: tx.Now().Add(-48 * time.Hour),
					Assets: []registry.Asset{{Name: "package.tgz", Size: 7, Hashes: registry.Hashes{SHA256: registry.Digest{byte(len(want)), byte(n)}}}},
				})
				if err != nil {
					return err
				}
				if n < 3 {
					want = append(want, "npm/@acme/"+name+"@"+v)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := folderClient(t.Context(), dataFolder(dir))
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []string{"1", "2", "3", "9", "1000"} {
		var got []string
		q := url.Values{"domain": {firstDomain}, "repository": {firstRepository}, "max-results": {size}}
		for {
			var page struct {
				Versions []expiredVersion `json:"versions"`
				Next     string           `json:"nextToken"`
			}
			in := map[string]any{"retention": map[string]any{"rules": []any{map[string]any{"keepNewest": 1}}}}
			if err := c.call(t.Context(), http.MethodPost, "/v1/larder/retention/preview?"+q.Encode(), in, &page); err != nil {
				t.Fatal(err)
			}
			for _, v := range page.Versions {
				got = append(got, v.namedVersion.String())
				if v.Size != 7 || v.Action != registry.ActionDispose {
					t.Errorf("%+v", v)
				}
			}
			if page.Next == "" {
				break
			}
			q.Set("next-token", page.Next)
		}
		if !slices.Equal(got, want) {
			t.Errorf("pages of %s: got %q, want %q", size, got, want)
		}
	}
	err = c.call(t.Context(), http.MethodPost, "/v1/larder/retention/preview?domain="+firstDomain+"&repository="+firstRepository+"&next-token=x", nil, &struct{}{})
	if failed, ok := err.(*apiFailure); !ok || failed.code != "ValidationException" {
		t.Errorf("a token that nobody gave: %v", err)
	}
}
