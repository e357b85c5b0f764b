package login

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// mavenMaster gives the master password of somebody who has Maven encrypt
// passwords, empty for who has not. ("Password Encryption", Maven's guides:
// settings-security.xml holds it, encrypted with a key that everybody knows.)
func mavenMaster(m Machine) (string, error) {
	file := filepath.Join(m.Home, ".m2", "settings-security.xml")
	for range 3 { // a file may say that the master password is in another one
		text, err := readSettings(file)
		if err != nil || len(text) == 0 {
			return "", err
		}
		root, err := parseXML(text)
		if err != nil || root.name != "settingsSecurity" {
			return "", fmt.Errorf("%s cannot be read, mend it first", file)
		}
		if to := strings.TrimSpace(root.value("relocation")); to != "" {
			file = to
			continue
		}
		master, err := mavenDecrypt(root.value("master"), "settings.security")
		if err != nil {
			return "", fmt.Errorf("the master password in %s: %w; make another with: mvn --encrypt-master-password", file, err)
		}
		return master, nil
	}
	return "", fmt.Errorf("%s leads to further files", file)
}

// mavenEncrypt encrypts as plexus-cipher 1.4 and later do (PBECipher): AES-128
// in CBC mode, key and vector from the SHA-256 of password and salt; then salt,
// length of the padding, text, padding as base64 in braces.
func mavenEncrypt(clear, password string) (string, error) {
	salt := make([]byte, 8)
	rand.Read(salt) //nolint:errcheck // it never fails
	sum := sha256.Sum256(append([]byte(password), salt...))
	block, err := aes.NewCipher(sum[:16])
	if err != nil {
		return "", err
	}
	n := aes.BlockSize - len(clear)%aes.BlockSize
	text := append([]byte(clear), bytes.Repeat([]byte{byte(n)}, n)...)
	cipher.NewCBCEncrypter(block, sum[16:]).CryptBlocks(text, text)
	padding := make([]byte, 16-(len(salt)+len(text)+1)%16)
	rand.Read(padding) //nolint:errcheck // it never fails
	whole := append(append(append(salt, byte(len(padding))), text...), padding...)
	return "{" + base64.StdEncoding.EncodeToString(whole) + "}", nil
}

// mavenDecrypt undoes mavenEncrypt; text around the braces is a remark.
func mavenDecrypt(text, password string) (string, error) {
	_, rest, ok := strings.Cut(text, "{")
	encoded, _, ok2 := strings.Cut(rest, "}")
	whole, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if !ok || !ok2 || err != nil || len(whole) < 9 {
		return "", errors.New("is not encrypted as Maven does it")
	}
	end := len(whole) - int(whole[8])
	if end < 9+aes.BlockSize || (end-9)%aes.BlockSize != 0 {
		return "", errors.New("is damaged")
	}
	sum := sha256.Sum256(append([]byte(password), whole[:8]...))
	block, err := aes.NewCipher(sum[:16])
	if err != nil {
		return "", err
	}
	clear := bytes.Clone(whole[9:end])
	cipher.NewCBCDecrypter(block, sum[16:]).CryptBlocks(clear, clear)
	n := int(clear[len(clear)-1])
	if n == 0 || n > aes.BlockSize {
		return "", errors.New("was encrypted with another password")
	}
	return string(clear[:len(clear)-n]), nil
}
