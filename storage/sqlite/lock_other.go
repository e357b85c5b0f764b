//go:build !unix

package sqlite

// lock does nothing where the system has no advisory locks of the needed kind:
// there, starting one server per data folder is up to the administrator.
func lock(string) (func() error, error) {
	return func() error { return nil }, nil
}
