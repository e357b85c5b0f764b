package registry

import (
	"fmt"
	"testing"
	"time"
)

// What is remembered for searches has a bound over all repositories, and what
// does not fit is not read again at once.
func TestRememberedNamesAreBounded(t *testing.T) {
	var l nameLists
	for i := range 5 {
		key := nameListKey{RepoID{Name: fmt.Sprint(i)}, NPM}
		if !l.begin(key, 1) {
			t.Fatalf("list %d is not read", i)
		}
		l.end(key, nameList{contents: 1, names: make([]named, maxNames/2), ended: time.Now(), took: time.Hour})
		held := 0
		for _, have := range l.lists {
			held += len(have.names)
		}
		if held > maxNames || held != l.count {
			t.Fatalf("after %d lists %d names are held and %d counted, at most %d allowed", i+1, held, l.count, maxNames)
		}
	}
	if l.begin(nameListKey{RepoID{Name: "0"}, NPM}, 1) {
		t.Error("a list that was dropped is read again at once")
	}
}
