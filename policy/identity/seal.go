package identity

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"larder/registry"
)

// Sealed bytes are: version 1, four bytes that name the master key, then nonce,
// ciphertext and tag of AES-256-GCM. The key's name lets a later version of
// the server open old seals while it seals with a new master key.
const (
	sealVersion = 1
	sealHeader  = 1 + 4
)

// Sealer encrypts secrets that are kept in Metadata. Safe for concurrent use.
type Sealer struct {
	aead cipher.AEAD
	head [sealHeader]byte
}

// NewSealer makes a Sealer of a master key of 32 bytes.
func NewSealer(master []byte) (*Sealer, error) {
	if len(master) != masterKeySize {
		return nil, fmt.Errorf("a master key has %d bytes, not %d", masterKeySize, len(master))
	}
	block, err := aes.NewCipher(master)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	name := sha256.Sum256(append([]byte("larder master key name\x00"), master...))
	s := &Sealer{aead: aead}
	s.head[0] = sealVersion
	copy(s.head[1:], name[:4])
	return s, nil
}

// Seal encrypts a secret for one purpose and one id: it opens for no other.
func (s *Sealer) Seal(purpose, id string, secret []byte) []byte {
	out := append(make([]byte, 0, sealHeader+len(secret)+s.aead.Overhead()), s.head[:]...)
	return s.aead.Seal(out, nil, secret, s.bound(purpose, id))
}

// Open gives the secret back. Internal when it was sealed for something else,
// with another master key, or was changed.
func (s *Sealer) Open(purpose, id string, sealed []byte) ([]byte, error) {
	if len(sealed) < sealHeader || sealed[0] != sealVersion {
		return nil, &registry.Error{Code: registry.Internal, Err: fmt.Errorf("secret %s %s: not a seal of this version", purpose, id)}
	}
	if string(sealed[:sealHeader]) != string(s.head[:]) {
		return nil, &registry.Error{Code: registry.Internal, Err: fmt.Errorf("secret %s %s: %w", purpose, id, ErrOtherMasterKey)}
	}
	secret, err := s.aead.Open(nil, nil, sealed[sealHeader:], s.bound(purpose, id))
	if err != nil {
		return nil, &registry.Error{Code: registry.Internal, Err: fmt.Errorf("secret %s %s: changed since it was sealed", purpose, id)}
	}
	return secret, nil
}

// ErrOtherMasterKey says that secrets were sealed with a master key that is
// not the one the server was started with.
var ErrOtherMasterKey = errors.New("sealed with another master key; start the server with the master key that belongs to this data")

// bound is the associated data: header, purpose and id, each told apart by its length.
func (s *Sealer) bound(purpose, id string) []byte {
	b := append([]byte{}, s.head[:]...)
	b = binary.AppendUvarint(b, uint64(len(purpose)))
	b = append(b, purpose...)
	return append(b, id...)
}
