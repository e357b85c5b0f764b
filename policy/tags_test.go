package policy

import (
	"slices"
	"testing"
)

// Keys of resources' tags are told apart by letter case (spec 1.2), which
// conditions see where both are there, and every time alike.
func TestTagsThatDifferInLetterCase(t *testing.T) {
	tags := map[string]string{"Team": "upper", "team": "lower", "KIND": "a", "Kind": "b"}
	context := map[string]string{}
	for k, v := range tags {
		context["aws:RequestTag/"+k] = v
	}
	for key, want := range map[string]string{"team": "lower", "Team": "upper", "TEAM": "upper", "kind": "a", "Kind": "b", "other": ""} {
		for range 20 { // an answer by chance would be another now and then
			q := question{context: context, tags: func() (map[string]string, error) { return tags, nil }}
			for _, family := range []string{"aws:ResourceTag/", "AWS:requesttag/"} {
				values, ok := q.lookup(conditionKey(family + key))
				if got := slices.Concat(values, []string{""})[0]; got != want || ok != (want != "") {
					t.Fatalf("%s%s: got %q, want %q", family, key, got, want)
				}
			}
		}
	}
}
