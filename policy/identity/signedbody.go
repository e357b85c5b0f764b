package identity

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
	"strings"

	"larder/internal/awswire"
)

// payload gives what stands for the body in the canonical request, and makes
// the body answer for it: with a hash that the client sent, the body is
// checked while it is read and fails at its end; without one, it is read now.
func (a *Authenticator) payload(r *http.Request, peer Peer) (string, error) {
	switch sent := r.Header.Values(contentHash); {
	case len(sent) > 1:
		return "", awswire.Refused(incomplete, "The header %s is given %d times.", contentHash, len(sent))
	case len(sent) == 0:
		return a.readPayload(r)
	case sent[0] == presignedHash:
		if !peer.Secure {
			return "", awswire.Refused(invalidSignature, "%s is accepted over TLS only; sign the body's hash.", presignedHash)
		}
		return presignedHash, nil
	default:
		want, err := hex.DecodeString(sent[0])
		if err != nil || len(want) != sha256.Size {
			return "", awswire.Refused(incomplete, "The header %s must be the SHA-256 of the body in hex; signing in chunks is not offered.", contentHash)
		}
		if r.Body == nil {
			r.Body = http.NoBody
		}
		r.Body = &checkedBody{ReadCloser: r.Body, hash: sha256.New(), want: want}
		return sent[0], nil
	}
}

// readPayload reads the body, up to the limit, and puts it back.
func (a *Authenticator) readPayload(r *http.Request) (string, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return emptyHash, nil
	}
	if r.ContentLength > a.BodyLimit {
		return "", a.bodyTooLarge()
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, a.BodyLimit+1))
	if err != nil {
		return "", awswire.Invalid(awswire.CannotParse, "the request body ended early")
	}
	if int64(len(body)) > a.BodyLimit {
		return "", a.bodyTooLarge()
	}
	r.Body = io.NopCloser(bytes.NewReader(body)) // the server closes the first one itself
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:]), nil
}

func (a *Authenticator) bodyTooLarge() error {
	return awswire.Invalid(awswire.Other, "the request body is larger than %d bytes; send its hash in %s to stream it", a.BodyLimit, strings.ToLower(contentHash))
}

// checkedBody hashes what is read. Its end is io.EOF only when the bytes have
// the hash that was signed: what reads it must not act before its end.
type checkedBody struct {
	io.ReadCloser
	hash hash.Hash
	want []byte
}

func (b *checkedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.hash.Write(p[:n])
	if errors.Is(err, io.EOF) && subtle.ConstantTimeCompare(b.hash.Sum(nil), b.want) != 1 {
		return n, awswire.Refused(invalidSignature, "The body does not have the hash that the header %s gives; it was changed on its way.", contentHash)
	}
	return n, err
}
