package identity

import (
	"larder/registry"
)

// Reseal seals anew what this package keeps sealed: keys that sign tokens, and
// secrets of access keys. Sessions end with the old master key: their credentials
// are kept by clients alone.
func Reseal(tx registry.Tx, from, to *Sealer) error {
	rows, err := tx.Keys(tokenKeys)
	if err != nil {
		return err
	}
	for i, row := range rows {
		seed, err := from.Open(tokenKeys, row.ID, row.Sealed)
		if err != nil {
			return err
		}
		rows[i].Sealed = to.Seal(tokenKeys, row.ID, seed)
		if err := tx.DeleteKey(tokenKeys, row.ID); err != nil {
			return err
		}
	}
	for _, row := range rows { // all went before the first comes: they stay in order
		if err := tx.CreateKey(row); err != nil {
			return err
		}
	}
	return everyUser(tx, func(u registry.User) error { return resealAccessKeys(tx, from, to, u) })
}

func everyUser(tx registry.Tx, f func(registry.User) error) error {
	accounts, _, err := tx.Accounts(registry.Page{})
	if err != nil {
		return err
	}
	for _, a := range accounts {
		users, _, err := tx.Users(a.ID, registry.Page{})
		if err != nil {
			return err
		}
		for _, u := range users {
			if err := f(u); err != nil {
				return err
			}
		}
	}
	return nil
}

func resealAccessKeys(tx registry.Tx, from, to *Sealer, u registry.User) error {
	all, err := tx.AccessKeys(u.Account, u.Name)
	if err != nil {
		return err
	}
	for _, k := range all {
		secret, err := from.Open(sealAccessKey, k.ID, k.Sealed)
		if err != nil {
			return err
		}
		if err := tx.DeleteAccessKey(k.ID); err != nil {
			return err
		}
		k.Sealed = to.Seal(sealAccessKey, k.ID, secret)
		if err := tx.CreateAccessKey(k); err != nil {
			return err
		}
		if !k.Used.Time.IsZero() {
			if err := tx.UseAccessKey(k.ID, k.Used); err != nil {
				return err
			}
		}
	}
	return nil
}
