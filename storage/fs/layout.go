// Package fs keeps registry.Blobs as files, and rendered documents in a folder
// of bounded size.
//
// The folder of blobs is one process's own. In it:
//
//	ROOT/
//	├── tmp/                                    bytes on their way in; emptied by Open
//	│   └── 2671094522
//	├── damaged/                                what was found to have other bytes than its
//	│   └── 000000000000/local/9f86d081…0f00a08 name says; read by nobody
//	└── sha256/
//	    └── 000000000000/                       the domain's owner
//	        └── local/                          the domain's name
//	            └── 9f/                         the digest's first byte
//	                └── 86/                     its second
//	                    └── 9f86d081…0f00a08    the whole digest, 64 hex digits: the bytes
//
// A file under sha256 is whole and on disk: it comes there by a rename, after
// its bytes were synchronized, and Commit returns when its folder is, too.
package fs

import (
	"encoding/hex"
	"path/filepath"
	"strings"

	"larder/registry"
)

const (
	tmpName     = "tmp"
	digestName  = "sha256"
	damagedName = "damaged"
)

// domainPath is the domain's folder. Names come validated; what would lead out
// of the root is refused nevertheless.
func (b *Blobs) domainPath(d registry.DomainID) (string, error) {
	if !plain(d.Owner) || !plain(d.Name) {
		return "", registry.Errorf(registry.Invalid, "domain %q of account %q cannot be the name of a folder", d.Name, d.Owner)
	}
	return filepath.Join(b.root, digestName, d.Owner, d.Name), nil
}

func plain(name string) bool {
	return name != "" && name[0] != '.' && len(name) <= 255 && !strings.ContainsAny(name, "/\\:\x00")
}

// leaf is the folder of a digest below the domain's.
func leaf(digest registry.Digest) string {
	return hex.EncodeToString(digest[:1]) + string(filepath.Separator) + hex.EncodeToString(digest[1:2])
}
