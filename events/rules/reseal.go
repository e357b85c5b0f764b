package rules

import "larder/registry"

// Reseal seals all targets anew.
func Reseal(tx registry.Tx, from, to registry.Sealer) error {
	all, _, err := tx.Targets("", "", registry.Page{})
	if err != nil {
		return err
	}
	for _, row := range all {
		id := sealID(row.Account, row.Rule, row.ID)
		plain, err := from.Open(sealPurpose, id, row.Sealed)
		if err != nil {
			return err
		}
		row.Sealed = to.Seal(sealPurpose, id, plain)
		if err := tx.PutTarget(row); err != nil {
			return err
		}
	}
	return nil
}
