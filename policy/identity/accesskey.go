package identity

import (
	"crypto/rand"
	"strings"

	"larder/registry"
)

// The first account and what the first start puts into it (design.md section 1).
const (
	FirstAccount        = "000000000000"
	Administrator       = "admin"
	AdministratorAccess = "arn:aws:iam::aws:policy/AdministratorAccess"
)

// sealAccessKey is the purpose for which the secrets of access keys are sealed.
const sealAccessKey = "access-key"

// KeyPair is an access key with its secret in clear.
type KeyPair struct {
	ID     string // "AKIA…", 20 characters
	Secret string // 40 characters
}

// CreateAccessKey gives the user a new access key. The secret is kept sealed
// and shown by the returned pair alone. NotFound for the user.
func CreateAccessKey(tx registry.Tx, s *Sealer, account, user string) (KeyPair, error) {
	pair := KeyPair{ID: "AKIA" + random(16), Secret: random(40)}
	err := tx.CreateAccessKey(registry.AccessKey{
		ID:      pair.ID,
		Account: account,
		User:    user,
		Sealed:  s.Seal(sealAccessKey, pair.ID, []byte(pair.Secret)),
		Active:  true,
		Created: tx.Now(),
	})
	if err != nil {
		return KeyPair{}, err
	}
	return pair, nil
}

// CreateAccessKey is the function of that name with the Authenticator's sealer.
func (a *Authenticator) CreateAccessKey(tx registry.Tx, account, user string) (id, secret string, err error) {
	pair, err := CreateAccessKey(tx, a.Sealer, account, user)
	return pair.ID, pair.Secret, err
}

// Bootstrap makes the first account, its administrator and an access key of
// the administrator. Where they exist it changes nothing and the pair is empty.
func Bootstrap(tx registry.Tx, s *Sealer) (KeyPair, error) {
	if _, err := tx.Account(FirstAccount); registry.IsNotFound(err) {
		err = tx.CreateAccount(registry.Account{ID: FirstAccount, Name: "larder", Created: tx.Now()})
		if err != nil {
			return KeyPair{}, err
		}
	} else if err != nil {
		return KeyPair{}, err
	}
	if _, err := tx.User(FirstAccount, Administrator); !registry.IsNotFound(err) {
		return KeyPair{}, err
	}
	err := tx.CreateUser(registry.User{
		Account:     FirstAccount,
		Name:        Administrator,
		ID:          "AIDA" + random(17),
		Permissions: registry.Permissions{Managed: []string{AdministratorAccess}},
		Created:     tx.Now(),
	})
	if err != nil {
		return KeyPair{}, err
	}
	return CreateAccessKey(tx, s, FirstAccount, Administrator)
}

// random gives n characters of A-Z and 2-7, 5 bits of randomness each: they
// need no quoting in URLs, shells and INI files.
func random(n int) string {
	var b strings.Builder
	for b.Len() < n {
		b.WriteString(rand.Text())
	}
	return b.String()[:n]
}
