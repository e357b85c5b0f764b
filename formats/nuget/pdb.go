package nuget

import (
	"encoding/binary"
	"encoding/hex"
	"path"
	"strings"
)

// pdbKey gives the key by which debuggers ask for a portable PDB: its name, its
// id and eight F, in lower case (SSQP Key Conventions, "Portable-Pdb-Signature";
// Portable PDB v1.0, "#Pdb stream"; ECMA-335, II.24.2.1). "" for what is none.
func pdbKey(name string, b []byte) string {
	const signature = 0x424a5342 // "BSJB"
	if len(b) < 20 || binary.LittleEndian.Uint32(b) != signature {
		return ""
	}
	length := int(binary.LittleEndian.Uint32(b[12:]))
	if length < 0 || length > 255 || 16+length+4 > len(b) {
		return ""
	}
	streams := int(binary.LittleEndian.Uint16(b[16+length+2:]))
	for rest := b[16+length+4:]; streams > 0 && len(rest) > 8; streams-- {
		offset, size := binary.LittleEndian.Uint32(rest), binary.LittleEndian.Uint32(rest[4:])
		rest = rest[8:]
		end := strings.IndexByte(string(rest[:min(len(rest), 32)]), 0)
		if end < 0 {
			return ""
		}
		if string(rest[:end]) == "#Pdb" {
			if size < 20 || uint64(offset)+20 > uint64(len(b)) {
				return ""
			}
			return strings.ToLower(path.Base(name)) + "/" + guid(b[offset:]) + "ffffffff"
		}
		padded := (end + 4) &^ 3
		if padded > len(rest) {
			return ""
		}
		rest = rest[padded:]
	}
	return ""
}

// guid writes a GUID as .NET does: its first three fields are little-endian.
func guid(b []byte) string {
	var g [16]byte
	copy(g[:], b)
	g[0], g[1], g[2], g[3] = g[3], g[2], g[1], g[0]
	g[4], g[5] = g[5], g[4]
	g[6], g[7] = g[7], g[6]
	return hex.EncodeToString(g[:])
}
