package nuget

import (
	"cmp"
	"slices"
	"strings"
	"testing"
)

// Versions and how they are normalized; "!" for what is none. The first are the
// documentation's own ("Package versioning"), the others follow the tests of
// NuGet.Versioning.
const versions = `
1.00 1.0.0
1.01.1 1.1.1
1.00.0.1 1.0.0.1
1.0.0.0 1.0.0
1.0.01.0 1.0.1
1.0.7+r3456 1.0.7
1.0.1 1.0.1
6.11.1231 6.11.1231
4.3.1-rc 4.3.1-rc
2.2.44-beta.1 2.2.44-beta.1
1.0.1-zzz 1.0.1-zzz
1.0.1-rc.10 1.0.1-rc.10
1.0.1-rc.2 1.0.1-rc.2
1.0.1-open 1.0.1-open
1.0.1-beta 1.0.1-beta
1.0.1-alpha.2 1.0.1-alpha.2
1.0.1-alpha10 1.0.1-alpha10
1.0.1-aaa 1.0.1-aaa
1 1.0.0
1.2 1.2.0
1.2.3 1.2.3
1.2.3.4 1.2.3.4
01 1.0.0
01.02.03 1.2.3
01.02.03.04 1.2.3.4
001.002.003.004 1.2.3.4
0 0.0.0
0.0 0.0.0
0.0.0 0.0.0
0.0.0.0 0.0.0
0.0.0.1 0.0.0.1
1.2.3.0 1.2.3
1.2.3.00 1.2.3
1.2.0.0 1.2.0
1.0.0.1 1.0.0.1
2147483647.2147483647.2147483647.2147483647 2147483647.2147483647.2147483647.2147483647
00000000000000000001.0 1.0.0
1-beta 1.0.0-beta
1.2-beta 1.2.0-beta
1.2.3-beta 1.2.3-beta
1.2.3.4-beta 1.2.3.4-beta
1.2.3.0-beta 1.2.3-beta
1.0-BETA 1.0.0-BETA
1.0.0-Beta 1.0.0-Beta
1.0.0-0 1.0.0-0
1.0.0-1 1.0.0-1
1.0.0-0a 1.0.0-0a
1.0.0-00a 1.0.0-00a
1.0.0-a 1.0.0-a
1.0.0-a.b.c 1.0.0-a.b.c
1.0.0-a.1.b.2 1.0.0-a.1.b.2
1.0.0-alpha.1 1.0.0-alpha.1
1.0.0-0.3.7 1.0.0-0.3.7
1.0.0-x.7.z.92 1.0.0-x.7.z.92
1.0.0-x-y-z.- 1.0.0-x-y-z.-
1.0.0-- 1.0.0--
1.0.0--- 1.0.0---
1.0.0-- 1.0.0--
1.0.0--.- 1.0.0--.-
1.0.0-beta-1 1.0.0-beta-1
1.0.0-beta.01a 1.0.0-beta.01a
1.0.0+build 1.0.0
1.0.0+001 1.0.0
1.0.0+00 1.0.0
1.0.0+a.b.c 1.0.0
1.0.0+a-b 1.0.0
1.0.0+- 1.0.0
1.0.0+20130313144700 1.0.0
1.0.0-beta+exp.sha.5114f85 1.0.0-beta
1.0.0-alpha+001 1.0.0-alpha
1.0+x 1.0.0
1+x 1.0.0
1.2.3.4+x 1.2.3.4
1.2.3.4-a.b+c.d 1.2.3.4-a.b
1.0.0-beta+01 1.0.0-beta
1.0.0-2147483648 1.0.0-2147483648
1.0.0-99999999999999999999 1.0.0-99999999999999999999
! .
! 1.
! .1
! 1..2
! 1.2.
! 1.2.3.
! 1.2.3.4.
! 1.2.3.4.5
! 1.2.3.4.5.6
! -1
! -1.0
! 1.-1
! 1.0.-1
! +1
! a
! a.b
! v1.0
! V1.0.0
! 1.a
! 1.0.a
! 1.0.0.a
! 1.0a
! 1a
! 1.0beta
! 1.0.0beta
! 1,0
! 1.0,0
! 1_0
! 1.0-
! 1.0.0-
! 1.0.0-+
! 1.0.0-+x
! 1.0.0-.
! 1.0.0-a.
! 1.0.0-.a
! 1.0.0-a..b
! 1.0.0-01
! 1.0.0-00
! 1.0.0-a.01
! 1.0.0-a.00
! 1.0.0-a_b
! 1.0.0-a,b
! 1.0.0-ä
! 1.0.0-a!
! 1.0.0-a/b
! 1.0.0-a\b
! 1.0.0-*
! 1.0.*
! *
! 1.*
! 1.0.0+
! 1.0.0-a+
! 1.0.0+.
! 1.0.0+a.
! 1.0.0+a..b
! 1.0.0+a+b
! 1.0.0+ä
! 1.0.0+a_b
! 2147483648
! 2147483648.0
! 1.2147483648
! 1.0.0.2147483648
! 99999999999999999999
! 1.99999999999999999999
! 0x1.0
! 1e1
! 1.0.0.0.0
! １.0
! 1.0.0;a
! (1.0)
! [1.0]
! latest`

func TestVersionsAreNormalized(t *testing.T) {
	n := 0
	for line := range strings.Lines(strings.TrimSpace(versions)) {
		n++
		text, want, _ := strings.Cut(strings.TrimSpace(line), " ")
		if text == "!" {
			if v, ok := parseVersion(want); ok {
				t.Errorf("%q is read as %s", want, v)
			}
			continue
		}
		v, ok := parseVersion(text)
		if !ok || v.String() != want {
			t.Errorf("%q is read as %s, %v, want %s", text, v, ok, want)
		}
		if again, ok := parseVersion(v.full()); !ok || again.compare(v) != 0 || again.full() != v.full() {
			t.Errorf("%q is not stable: %s", text, again.full())
		}
	}
	for _, text := range []string{"", " ", "\t", "1 .0", "1. 0", "1.0 -a"} {
		if v, ok := parseVersion(text); ok {
			t.Errorf("%q is read as %s", text, v)
		}
	}
	if v, ok := parseVersion(" 1.0\n"); !ok || v.String() != "1.0.0" {
		t.Errorf("blanks around a version: %s, %v", v, ok)
	}
	if n < 140 {
		t.Errorf("%d rows", n)
	}
}

func TestVersionsInOrder(t *testing.T) {
	ascending := strings.Fields(`
		0.0.0-0 0.0.0 0.0.0.1 0.0.1 0.1.0 0.9.9.9 1.0.0--1 1.0.0-0 1.0.0-1 1.0.0-2 1.0.0-10 1.0.0-2147483647 1.0.0-2147483648 1.0.0-a 1.0.0-A.1 1.0.0-a.1.1 1.0.0-a.2 1.0.0-a.10 1.0.0-a.b
		1.0.0-a1 1.0.0-a10 1.0.0-a2 1.0.0-alpha 1.0.0-alpha.1 1.0.0-Alpha.beta 1.0.0-beta 1.0.0-BETA.2 1.0.0-beta.11 1.0.0-rc 1.0.0-rc.1 1.0.0-rc.2 1.0.0-rc.10 1.0.0-z
		1.0.0 1.0.0.1-a 1.0.0.1 1.0.1-aaa 1.0.1-alpha.2 1.0.1-alpha10 1.0.1-beta 1.0.1-open 1.0.1-rc.2 1.0.1-rc.10 1.0.1-zzz 1.0.1 1.0.2 1.0.10 1.1.0 1.2.0 1.10.0 2.0.0 10.0.0`)
	for i, a := range ascending {
		for j, b := range ascending {
			v, _ := parseVersion(a)
			w, _ := parseVersion(b)
			if got, want := v.compare(w), cmp.Compare(i, j); got != want {
				t.Errorf("%s and %s: got %d, want %d", a, b, got, want)
			}
		}
	}
	for _, equal := range [][2]string{{"1.0", "1.0.0.0"}, {"1.0.0-a", "1.0.0-A"}, {"1.0+a", "1.0+b"}, {"1.0.0-beta+x", "1.0.0-BETA"}, {"01.0", "1.0"}} {
		v, _ := parseVersion(equal[0])
		w, _ := parseVersion(equal[1])
		if v.compare(w) != 0 || v.key() != w.key() {
			t.Errorf("%v are not equal", equal)
		}
	}
	shuffled := slices.Clone(ascending)
	slices.Reverse(shuffled)
	slices.SortFunc(shuffled, compareVersions)
	if !slices.Equal(shuffled, ascending) {
		t.Errorf("sorted: %v", shuffled)
	}
}

func TestWhatOldClientsCannotRead(t *testing.T) {
	for text, want := range map[string]bool{
		"1.0.0": false, "1.0.0.1": false, "1.0.0-beta": false, "1.0.0-beta-1": false, "1.0.0-beta.1": true, "1.0.0+b": true, "1.0.0-beta+b": true, "1.0.0-a.b.c": true,
	} {
		if v, ok := parseVersion(text); !ok || v.semVer2() != want {
			t.Errorf("%s: got %v", text, v.semVer2())
		}
	}
}

// Ranges and how they are normalized, after a "|"; "!" for what is none. The
// first are the documentation's own ("Version ranges", "Floating versions").
const ranges = `
1.0|[1.0.0, )
[1.0,)|[1.0.0, )
(1.0,)|(1.0.0, )
[1.0]|[1.0.0, 1.0.0]
(,1.0]|(, 1.0.0]
(,1.0)|(, 1.0.0)
[1.0,2.0]|[1.0.0, 2.0.0]
(1.0,2.0)|(1.0.0, 2.0.0)
[1.0,2.0)|[1.0.0, 2.0.0)
!|(1.0)
6.1|[6.1.0, )
[6.1,7)|[6.1.0, 7.0.0)
(4.1.3,)|(4.1.3, )
(,5.0)|(, 5.0.0)
[1,3)|[1.0.0, 3.0.0)
[1.3.2,1.5)|[1.3.2, 1.5.0)
*|[*, )
*-*|[*-*, )
1.*|[1.*, )
1.1.*|[1.1.*, )
1.1.1.*|[1.1.1.*, )
1.1.*-*|[1.1.*-*, )
1.2.3-*|[1.2.3-*, )
1.2.3-beta*|[1.2.3-beta*, )
1.2.3-beta.*|[1.2.3-beta.*, )
1.2.3-beta-*|[1.2.3-beta-*, )
*-rc*|[*-rc*, )
1.*-*|[1.*-*, )
1.*-rc.*|[1.*-rc.*, )
[1.*, )|[1.*, )
[1.*, 2.0)|[1.*, 2.0.0)
|(, )
[1.0.0, )|[1.0.0, )
[1.0.0,1.0.0]|[1.0.0, 1.0.0]
[ 1.0 , 2.0 ]|[1.0.0, 2.0.0]
 [1.0,2.0] |[1.0.0, 2.0.0]
[1.0.0-alpha,2.0.0-beta)|[1.0.0-alpha, 2.0.0-beta)
[1.0.0+meta,2.0]|[1.0.0, 2.0.0]
(, 2.0.0]|(, 2.0.0]
( , 2.0)|(, 2.0.0)
( , )|(, )
[ , ]|(, )
(1.0.0, )|(1.0.0, )
1.0.0.1|[1.0.0.1, )
1.0.0-beta.1|[1.0.0-beta.1, )
[1.0.0.0, 1.0.0.1]|[1.0.0, 1.0.0.1]
(1,2]|(1.0.0, 2.0.0]
[1]|[1.0.0, 1.0.0]
!|[1.0
!|1.0]
!|(1.0]
!|[1.0)
!|()
!|[]
!|(,)
!|[,]
!|(,]
!|[,)
!|[
!|(
!|]
!|[1.0,2.0,3.0]
!|[2.0,1.0]
!|(2.0,1.0)
!|[1.0,1.0)
!|(1.0,1.0]
!|[a,b]
!|[1.0,b]
!|[a,2.0]
!|abc
!|1.0,2.0
!|>1.0
!|>=1.0
!|^1.0
!|~1.0
!|[1.0,2.*]
!|1.**
!|*.*
!|1.*.1
!|1.0*
!|1.*-
!|1.*-a
!|**
!|*-*-*
!|1.0.0+*
!|1.0.0-*+a
!|-*
!|1.0.0.0.*
!|*beta
!|{1.0}`

func TestRangesAreNormalized(t *testing.T) {
	n := 0
	for line := range strings.Lines(strings.Trim(ranges, "\n")) {
		n++
		text, want, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "|")
		if text == "!" {
			if r, ok := parseRange(want); ok {
				t.Errorf("%q is read as %s", want, r)
			}
			continue
		}
		r, ok := parseRange(text)
		if !ok || r.String() != want {
			t.Errorf("%q is read as %s, %v, want %s", text, r, ok, want)
		}
		if again, ok := parseRange(r.String()); !ok || again.String() != want {
			t.Errorf("%q is not stable: %s, %v", text, again, ok)
		}
	}
	if n < 80 {
		t.Errorf("%d rows", n)
	}
}

func TestNormalizedRangesOfEverything(t *testing.T) {
	if r, ok := parseRange("(, )"); !ok || r.String() != "(, )" {
		t.Errorf("got %s, %v", r, ok)
	}
}

func TestIDs(t *testing.T) {
	for id, want := range map[string]bool{
		"a": true, "A": true, "Newtonsoft.Json": true, "a-b": true, "a_b": true, "a.b-c_d": true, "1": true, "_": true, "_a": true, "a__b": true, "Jürgen": true, "日本": true,
		strings.Repeat("a", 100): true, strings.Repeat("ü", 100): true,
		"": false, ".": false, "a.": false, ".a": false, "a..b": false, "a.-b": false, "-a": false, "a-": false, "a b": false, "a/b": false, `a\b`: false, "a+b": false, "a@b": false,
		strings.Repeat("a", 101): false, "a\x00": false, "\xff": false, "a…": false, "a;b": false, "%2e": false,
	} {
		if got := validID(id); got != want {
			t.Errorf("%q: got %v", id, got)
		}
	}
	for id, want := range map[string]string{"Newtonsoft.Json": "newtonsoft.json", "ÄÖ": "äö", "İ": "İ", "I": "i"} {
		if got := lowerID(id); got != want {
			t.Errorf("%q: got %q", id, got)
		}
	}
}
