package kill

import (
	"bytes"
	"context"
	"crypto/sha512"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"larder/formats/formatstest"
)

const (
	domain     = "local"
	repository = "main"
	store      = "npm-store" // upstream of main, with the external connection
)

// clients use one running server until it dies.
type clients struct {
	world    *world
	upstream *formatstest.Upstream
	url      string // of the repository, with slash at the end
	token    string
	control  *codeartifact.Client
	events   *eventbridge.Client
	http     *http.Client

	mu     sync.Mutex
	broken []error // answers that no server may give
}

// writers is how many of the clients bring bytes in.
const writers = 7

// errDead is what a client sees of a server that was killed.
var errDead = errors.New("no answer")

// run uses the server until ctx is done; each client stops at the first
// request that gets no answer.
func (c *clients) run(ctx context.Context) {
	var wait sync.WaitGroup
	all := slices.Repeat([]func() error{c.publish, c.fetch}, (writers-1)/2)
	for _, client := range append(all, c.delete, c.live, c.put) {
		wait.Go(func() {
			for ctx.Err() == nil {
				err := client()
				if errors.Is(err, errDead) {
					return
				}
				if err != nil {
					c.mu.Lock()
					c.broken = append(c.broken, err)
					c.mu.Unlock()
					return
				}
			}
		})
	}
	wait.Wait()
}

// publish publishes one release.
func (c *clients) publish() error {
	r := c.world.toPublish()
	again := false
	c.world.note(func() { again, r.published = r.published != unasked, unknown })
	body, err := r.npm().Body()
	if err != nil {
		return err
	}
	defer body.Close()
	status, said, err := c.do(http.MethodPut, strings.ReplaceAll(r.name, "/", "%2f"), body)
	if err != nil {
		return err
	}
	// The first attempt may have come through, though nobody heard of it.
	if status != http.StatusOK && status != http.StatusCreated && !(again && status == http.StatusConflict) {
		return fmt.Errorf("publishing %s: %d %s", r.id(), status, said)
	}
	c.world.note(func() { r.published = done })
	return nil
}

// delete deletes one release.
func (c *clients) delete() error {
	r := c.world.toDelete()
	if r == nil {
		return nil
	}
	c.world.note(func() { r.deleted = unknown })
	in := &codeartifact.DeletePackageVersionsInput{
		Domain: aws.String(domain), Repository: aws.String(repository), Format: types.PackageFormatNpm, Versions: []string{r.version},
	}
	in.Namespace, in.Package = names(r.name)
	out, err := c.control.DeletePackageVersions(context.Background(), in)
	var refused interface{ HTTPStatusCode() int }
	switch {
	case errors.As(err, &refused) && refused.HTTPStatusCode() > 0:
		return fmt.Errorf("deleting %s: %w", r.id(), err)
	case err != nil:
		return errDead
	case len(out.FailedVersions) > 0:
		return fmt.Errorf("deleting %s: %v", r.id(), out.FailedVersions)
	}
	c.world.note(func() { r.deleted = done })
	return nil
}

// fetch is the first to ask for something that upstream has.
func (c *clients) fetch() error {
	r := c.world.toFetch()
	c.upstream.ServeText("/"+r.name, r.document())
	c.upstream.Serve("/"+r.tarball(), formatstest.Resource{Body: r.bytes()})
	for _, path := range []string{r.name, r.tarball()} {
		status, said, err := c.do(http.MethodGet, path, nil)
		if err != nil {
			return err
		}
		if status != http.StatusOK {
			return fmt.Errorf("fetching %s: %d %s", path, status, said)
		}
		if path == r.tarball() && !bytes.Equal(said, r.bytes()) {
			return fmt.Errorf("fetching %s: %d bytes of %s, want %d of %s", path, len(said), short(sha512.Sum512(said)), r.size, short(sha512.Sum512(r.bytes())))
		}
	}
	c.world.note(func() { r.fetched = true })
	return nil
}

// do asks the repository; errDead where there is no whole answer.
func (c *clients) do(method, path string, body io.Reader) (int, []byte, error) {
	req, err := http.NewRequest(method, c.url+path, body)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	res, err := c.http.Do(req)
	if err != nil {
		return 0, nil, fmt.Errorf("%w: %w", errDead, err)
	}
	defer res.Body.Close()
	said, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, nil, fmt.Errorf("%w: %w", errDead, err)
	}
	return res.StatusCode, said, nil
}

// versions lists what a repository itself holds of a package.
func (c *clients) versions(ctx context.Context, repository, name string) ([]string, error) {
	in := &codeartifact.ListPackageVersionsInput{Domain: aws.String(domain), Repository: aws.String(repository), Format: types.PackageFormatNpm}
	in.Namespace, in.Package = names(name)
	var all []string
	for pages := codeartifact.NewListPackageVersionsPaginator(c.control, in); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		var none *types.ResourceNotFoundException
		if errors.As(err, &none) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		for _, v := range page.Versions {
			all = append(all, aws.ToString(v.Version))
		}
	}
	slices.Sort(all)
	return all, nil
}

// names takes a name apart as the control plane wants it.
func names(name string) (namespace, pkg *string) {
	if scope, rest, ok := strings.Cut(strings.TrimPrefix(name, "@"), "/"); ok {
		return aws.String(scope), aws.String(rest)
	}
	return nil, aws.String(name)
}
