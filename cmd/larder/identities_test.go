package main

import (
	"regexp"

	"github.com/rogpeppe/go-internal/testscript"
)

// accountOf puts the id of the account of a name into $ACCOUNT.
func accountOf(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(ts.Exec("larder", "account", "list"))
	m := regexp.MustCompile(`(?m)^(\d{12}) +` + regexp.QuoteMeta(args[0]) + " ").FindStringSubmatch(ts.ReadFile("stdout"))
	if m == nil {
		ts.Fatalf("there is no account %s", args[0])
	}
	ts.Setenv("ACCOUNT", m[1])
}

// keyOf puts the access key id in a file into $KEY.
func keyOf(ts *testscript.TestScript, neg bool, args []string) {
	m := regexp.MustCompile(`(?m)^aws_access_key_id = (\S+)$`).FindStringSubmatch(ts.ReadFile(args[0]))
	if m == nil {
		ts.Fatalf("%s has no access key", args[0])
	}
	ts.Setenv("KEY", m[1])
}
