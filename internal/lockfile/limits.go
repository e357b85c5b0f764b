package lockfile

import "fmt"

// Limits of one lock. The largest that are known of have some 10 MB and some
// 20,000 entries.
const (
	MaxSize    = 64 << 20 // bytes
	MaxEntries = 100_000
	maxFiles   = 1_000_000 // of all entries together
	maxText    = 1024      // bytes of a name, a version, a file's name
	maxDepth   = 100       // of packages in packages
)

// limited holds entries to the limits.
func limited(all []Entry) error {
	files := 0
	for _, e := range all {
		files += len(e.Files) + len(e.Digests)
	}
	switch {
	case len(all) > MaxEntries:
		return fmt.Errorf("it has %d entries, and %d are read at most", len(all), MaxEntries)
	case files > maxFiles:
		return fmt.Errorf("it names %d files, and %d are read at most", files, maxFiles)
	}
	return nil
}
