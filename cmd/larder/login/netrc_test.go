package login

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSetNetrc(t *testing.T) {
	const ours = "machine h.upstream.test login aws password t\n"
	for name, c := range map[string]struct{ before, want string }{
		"an empty file":        {"", ours},
		"others stay":          {"machine a login me password x\n", "machine a login me password x\n" + ours},
		"a line without end":   {"machine a login me password x", "machine a login me password x\n" + ours},
		"the old is replaced":  {"machine h.upstream.test login aws password old\nmachine a login b password c\n", ours + "machine a login b password c\n"},
		"over several lines":   {"machine h.upstream.test\n  login aws\n  password old\n\nmachine a login b password c\n", ours + "\nmachine a login b password c\n"},
		"before the default":   {"machine a login b password c\ndefault login anonymous password me\n", "machine a login b password c\n" + ours + "default login anonymous password me\n"},
		"after a macro":        {"macdef init\ncd /tmp\nmachine x\n\nmachine a login b password c\n", "macdef init\ncd /tmp\nmachine x\n\nmachine a login b password c\n" + ours},
		"comments stay":        {"# machine h.upstream.test login x\nmachine a login b password #c\n", "# machine h.upstream.test login x\nmachine a login b password #c\n" + ours},
		"a password in quotes": {"machine a login b password \"c machine d\"\n", "machine a login b password \"c machine d\"\n" + ours},
		"a machine that ends so": {
			"machine xh.upstream.test login b password c\n", "machine xh.upstream.test login b password c\n" + ours},
	} {
		got, err := setNetrc([]byte(c.before), "h.upstream.test", "t")
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if diff := cmp.Diff(c.want, string(got)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

func TestSetNetrcLeavesAnotherUserAlone(t *testing.T) {
	for _, text := range []string{"machine h.upstream.test login me password x\n", "machine h.upstream.test password x login me\n"} {
		if got, err := setNetrc([]byte(text), "h.upstream.test", "t"); err == nil || !strings.Contains(err.Error(), "another user (me)") {
			t.Errorf("%q became %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"machine", "login x\n", "machine a login", "nonsense\n"} {
		if got, err := setNetrc([]byte(text), "h.upstream.test", "t"); err == nil {
			t.Errorf("%q became %q", text, got)
		}
	}
}

// Whatever the file held, our entry is in it once, before any default, and the
// other entries are what they were; or there is an error.
func FuzzSetNetrc(f *testing.F) {
	for _, s := range []string{
		"", "machine a login b password c", "machine h login aws password x\nmachine h login aws password y\n", "default login a password b\n",
		"macdef x\nabc\n\nmachine h login aws", "# c\n#\nmachine \"h\" login \"aws\"\n", "machine h account x password\tq login aws machine b", "default\nmachine h login aws password z\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		before, errBefore := parseNetrc(text)
		got, err := setNetrc([]byte(text), "h", "t")
		if err != nil {
			return
		}
		if errBefore != nil {
			t.Fatalf("%q is unreadable and became %q", text, got)
		}
		after, err := parseNetrc(string(got))
		if err != nil {
			t.Fatalf("%q became %q: %v", text, got, err)
		}
		first := -1
		for i, e := range after {
			if e.machine == "h" && first < 0 {
				first = i
				if want := "machine h login aws password t"; string(got[e.from:e.to]) != want {
					t.Fatalf("%q became %q: the entry is %q", text, got, got[e.from:e.to])
				}
			}
			if e.fallback && first < 0 {
				t.Fatalf("%q became %q: nobody reads what follows default", text, got)
			}
		}
		if first < 0 || len(after) < len(before) || len(after) > len(before)+1 {
			t.Fatalf("%q became %q", text, got)
		}
	})
}
