package identity

import (
	"errors"
	"testing"

	"larder/registry"
)

func TestBootstrapMakesTheAdministratorOnce(t *testing.T) {
	w := newWorld(t)
	if len(w.admin.ID) != 20 || w.admin.ID[:4] != "AKIA" || len(w.admin.Secret) != 40 {
		t.Errorf("key pair %q has not the shape of AWS's", w.admin.ID)
	}
	user, err := w.rows.User(FirstAccount, Administrator)
	if err != nil || len(user.Managed) != 1 || user.Managed[0] != AdministratorAccess || len(user.ID) != 21 {
		t.Errorf("administrator is %+v, %v", user, err)
	}
	if again := w.bootstrap(t); again != (KeyPair{}) {
		t.Errorf("a second start gave %q", again.ID)
	}
	if len(w.rows.accessKeys) != 1 || len(w.rows.users) != 1 || len(w.rows.accounts) != 1 {
		t.Error("a second start changed something")
	}
}

func TestAccessKeyActorWantsTheSecret(t *testing.T) {
	w := newWorld(t)
	actor, err := w.AccessKeyActor(t.Context(), w.admin.ID, w.admin.Secret)
	if err != nil || actor != w.actor() {
		t.Fatalf("got %+v, %v", actor, err)
	}
	for name, c := range map[string][2]string{
		"another secret": {w.admin.ID, "x" + w.admin.Secret[1:]},
		"no secret":      {w.admin.ID, ""},
		"unknown key":    {"AKIAAAAAAAAAAAAAAAAA", w.admin.Secret},
		"no key":         {"", ""},
		"not a key":      {"' OR 1=1 --", w.admin.Secret},
	} {
		if _, err := w.AccessKeyActor(t.Context(), c[0], c[1]); registry.CodeOf(err) != registry.Unauthenticated {
			t.Errorf("%s: got %v, want Unauthenticated", name, err)
		}
	}
	w.disableKey(w.admin.ID)
	if _, err := w.AccessKeyActor(t.Context(), w.admin.ID, w.admin.Secret); registry.CodeOf(err) != registry.Unauthenticated {
		t.Errorf("inactive key: got %v, want Unauthenticated", err)
	}
}

func TestAccessKeyActorDoesNotTakeATroubledDatabaseForAMiss(t *testing.T) {
	w := newWorld(t)
	w.rows.broken.Store(true)
	if _, err := w.AccessKeyActor(t.Context(), w.admin.ID, w.admin.Secret); !errors.Is(err, errBroken) {
		t.Errorf("got %v, want the database's error", err)
	}
}
