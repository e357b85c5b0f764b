package process

import (
	"crypto/sha1"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Release is one version of an npm package as npm publish sends it.
type Release struct {
	Name, Version string
	Manifest      map[string]any // members of the package.json besides name and version
	// Tarball gives the bytes from their beginning. It is called twice, once for
	// the hashes: the bytes may be more than fit into memory.
	Tarball func() io.Reader
	Tag     string // empty: latest
}

// FileName is what npm calls the tarball.
func (r Release) FileName() string {
	return r.Name[strings.IndexByte(r.Name, '/')+1:] + "-" + r.Version + ".tgz"
}

// Body streams the body of the PUT to /{name} (libnpmpublish: publish.js). The
// caller closes it.
func (r Release) Body() (io.ReadCloser, error) {
	sha, sum := sha1.New(), sha512.New()
	size, err := io.Copy(io.MultiWriter(sha, sum), r.Tarball())
	if err != nil {
		return nil, err
	}
	manifest := map[string]any{}
	for k, v := range r.Manifest {
		manifest[k] = v
	}
	manifest["name"], manifest["version"] = r.Name, r.Version
	manifest["_id"] = r.Name + "@" + r.Version
	manifest["dist"] = map[string]string{
		"integrity": "sha512-" + base64.StdEncoding.EncodeToString(sum.Sum(nil)),
		"shasum":    hex.EncodeToString(sha.Sum(nil)),
	}
	tag := r.Tag
	if tag == "" {
		tag = "latest"
	}
	document, err := json.Marshal(map[string]any{
		"_id":       r.Name,
		"name":      r.Name,
		"dist-tags": map[string]string{tag: r.Version},
		"versions":  map[string]any{r.Version: manifest},
	})
	if err != nil {
		return nil, err
	}
	before := fmt.Sprintf(`%s,"_attachments":{%q:{"content_type":"application/octet-stream","length":%d,"data":"`,
		document[:len(document)-1], r.FileName(), size)
	encoded, in := io.Pipe()
	go func() {
		data := base64.NewEncoder(base64.StdEncoding, in)
		_, err := io.Copy(data, r.Tarball())
		data.Close()
		in.CloseWithError(err)
	}()
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(strings.NewReader(before), encoded, strings.NewReader(`"}}}`)), encoded}, nil
}
