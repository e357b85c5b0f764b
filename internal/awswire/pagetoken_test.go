package awswire

import (
	"net/url"
	"strings"
	"testing"

	"larder/registry"
)

func TestPageTokenGivesItsCursorBack(t *testing.T) {
	scope := ScopeOfPages("ListPackages", "111122223333", url.Values{"domain": {"local"}})
	for _, cursor := range []string{"a", "npm\x00\x00react", strings.Repeat("long ", 250), "ünï"} {
		token := scope.Token(cursor)
		if strings.ContainsAny(token, " \t\n+/=") {
			t.Errorf("token %q has characters that clients must escape", token)
		}
		got, err := scope.Cursor(token)
		if err != nil || got != cursor {
			t.Errorf("got %q, %v, want %q", got, err, cursor)
		}
	}
	if got := scope.Token(""); got != "" {
		t.Errorf("no cursor gives token %q, want none", got)
	}
	if got, err := scope.Cursor(""); got != "" || err != nil {
		t.Errorf("no token gives %q, %v", got, err)
	}
}

func TestPageTokenOfAnotherListIsRefused(t *testing.T) {
	query := url.Values{"domain": {"local"}, "format": {"npm"}}
	token := ScopeOfPages("ListPackages", "111122223333", query).Token("cursor")

	same := url.Values{"domain": {"local"}, "format": {"npm"}, "max-results": {"3"}, "next-token": {token}, "X-Amz-Date": {"x"}}
	if _, err := ScopeOfPages("ListPackages", "111122223333", same).Cursor(token); err != nil {
		t.Errorf("paging and signing parameters count: %v", err)
	}
	for name, scope := range map[string]PageScope{
		"another operation": ScopeOfPages("ListPackageVersions", "111122223333", query),
		"another account":   ScopeOfPages("ListPackages", "444455556666", query),
		"another filter":    ScopeOfPages("ListPackages", "111122223333", url.Values{"domain": {"local"}, "format": {"pypi"}}),
	} {
		if _, err := scope.Cursor(token); registry.CodeOf(err) != registry.Invalid {
			t.Errorf("%s: got %v, want Invalid", name, err)
		}
	}
}

func TestPageTokenThatWasChangedIsRefused(t *testing.T) {
	scope := ScopeOfPages("ListDomains", "111122223333", nil)
	token := scope.Token("cursor")
	for i := range token {
		changed := []byte(token)
		if changed[i] = 'A'; token[i] == 'A' {
			changed[i] = 'B'
		}
		if got, err := scope.Cursor(string(changed)); registry.CodeOf(err) != registry.Invalid {
			t.Errorf("character %d changed: got %q, %v, want Invalid", i, got, err)
		}
	}
	for _, token := range []string{"=", "AQ", token[:len(token)-1], token + "A", token + "=", strings.Repeat("A", 4001), "https://", "{}"} {
		if _, err := scope.Cursor(token); registry.CodeOf(err) != registry.Invalid {
			t.Errorf("%q: got %v, want Invalid", token, err)
		}
	}
}

func FuzzPageToken(f *testing.F) {
	scope := ScopeOfPages("ListDomains", "111122223333", nil)
	f.Add(scope.Token("cursor"))
	f.Add("AQ")
	f.Add("")
	f.Add("AQAAAAAAAAAAYQ")
	f.Fuzz(func(t *testing.T, token string) {
		cursor, err := scope.Cursor(token)
		if err != nil {
			if registry.CodeOf(err) != registry.Invalid {
				t.Fatalf("%q: %v is not Invalid", token, err)
			}
			return
		}
		if again := scope.Token(cursor); again != token {
			t.Fatalf("%q gave cursor %q, whose token is %q", token, cursor, again)
		}
	})
}
