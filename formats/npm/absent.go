package npm

import (
	"net/http"

	"larder/formats"
)

// absent are the endpoints of the public registry that this server does not
// have, with what to use instead. They need no credential and tell nothing. A
// 405 is not repeated by npm, as a 501 is, and its message is shown.
var absent = []formats.Route{
	{Methods: post, Pattern: "/-/v1/login", Operation: "login", Public: true, Handle: login},
	{Methods: put, Pattern: "/-/user/org.couchdb.user:{user}", Operation: "login", Public: true, Handle: login},
	{Methods: put, Pattern: "/-/user/org.couchdb.user:{user}/-rev/{rev}", Operation: "login", Public: true, Handle: login},
	{Methods: del, Pattern: "/-/user/token/{token}", Operation: "logout", Public: true, Handle: logout},

	{Methods: get, Pattern: "/-/package/" + name + "/visibility", Operation: "access", Public: true, Handle: visibility},
	instead(get, "/-/package/"+name+"/collaborators", "access", accessHint),
	instead(post, "/-/package/"+name+"/access", "access", accessHint),
	instead(every, "/-/org/{rest:.*}", "access", accessHint),
	instead(every, "/-/team/{rest:.*}", "access", accessHint),
	instead(get, "/-/user/{user}/package", "access", accessHint),
	instead(get, "/-/user/org.couchdb.user:{user}", "owner", ownerHint),
	instead(every, "/-/npm/v1/tokens{rest:.*}", "token", "tokens are not made by npm here; "+loginHint),
	instead(every, "/-/npm/v1/user", "profile", "there are no npm profiles here: users and keys are managed with \"larder user\""),
	instead(every, "/-/npm/v1/hooks{rest:.*}", "hook", "there are no npm hooks here: follow the events with \"larder events\", or set a rule with \"larder rule\""),
	instead(every, "/-/stage{rest:.*}", "stage", "packages are not staged here: publish without --stage"),
	instead(get, "/-/all{rest:.*}", "search", "the list of all packages is not served; use npm search, or \"larder package list\""),
}

const (
	accessHint = "who may read and publish is not set by npm here, but by the policies of the repository and of its domain: \"larder policy\""
	ownerHint  = "packages have no owners or stars here: who may publish is set by the policies of the repository and of its domain: \"larder policy\""
)

var every = []string{http.MethodGet, http.MethodPut, http.MethodPost, http.MethodDelete}

func instead(methods []string, pattern, operation, hint string) formats.Route {
	return formats.Route{
		Methods: methods, Pattern: pattern, Operation: operation, Public: true,
		Handle: func(http.ResponseWriter, *formats.Request) error {
			return formats.Statusf(http.StatusMethodNotAllowed, "%s", hint)
		},
	}
}

// noOwners answers an edit of maintainers or stars.
func noOwners() error { return formats.Statusf(http.StatusMethodNotAllowed, "%s", ownerHint) }

// visibility is what npm publish --provenance asks before it signs: nothing
// here is public.
func visibility(w http.ResponseWriter, r *formats.Request) error {
	return formats.ServeBytes(w, r, http.StatusOK, fullType, []byte(`{"public":false}`))
}
