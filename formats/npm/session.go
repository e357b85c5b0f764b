package npm

import (
	"encoding/json"
	"net/http"
	"strings"

	"larder/formats"
	"larder/registry"
)

// ping answers GET /-/ping: {} for who may read the repository (spec 7.1).
func ping(w http.ResponseWriter, r *formats.Request) error {
	if err := r.Repo.Ping(r.Context()); err != nil {
		return err
	}
	return formats.ServeBytes(w, r, http.StatusOK, fullType, []byte("{}"))
}

// userName is what npm shows as the user: the name, or for what is no user the
// last part of its ARN.
func userName(a registry.Actor) string {
	if a.User != "" {
		return a.User
	}
	return a.Principal[strings.LastIndexByte(a.Principal, '/')+1:]
}

// whoami answers GET /-/whoami.
func whoami(w http.ResponseWriter, r *formats.Request) error {
	actor := r.Repo.Actor()
	if actor.Anonymous() {
		return registry.Errorf(registry.Unauthenticated, "nobody: no credential was sent; %s", loginHint)
	}
	if err := r.Repo.Ping(r.Context()); err != nil {
		return err
	}
	body, err := json.Marshal(map[string]string{"username": userName(actor)})
	if err != nil {
		return err
	}
	return formats.ServeBytes(w, r, http.StatusOK, fullType, body)
}

const loginHint = "run \"larder login npm\" (or \"aws codeartifact login --tool npm\") to get a token and set up npm"

// login answers npm login and npm adduser, which this server does not do:
// tokens are given by the control plane, to who proves an identity there.
//
// After a 4xx to the web login npm asks for a password; after a 501 it prints
// the message (npm-profile: webAuth). The older PUT is not repeated after a
// 405, as it is after a 5xx, and its message is printed, as that of a 400 is
// not (loginCouch).
func login(w http.ResponseWriter, r *formats.Request) error {
	status := http.StatusMethodNotAllowed
	if r.Method == http.MethodPost {
		status = http.StatusNotImplemented
	}
	return formats.Statusf(status, "there are no passwords here: %s", loginHint)
}

// logout answers DELETE /-/user/token/{token}. A token ends by itself; success
// has npm forget it, which a refusal would prevent.
func logout(w http.ResponseWriter, r *formats.Request) error {
	return formats.ServeBytes(w, r, http.StatusOK, fullType, []byte(`{"ok":true}`))
}
