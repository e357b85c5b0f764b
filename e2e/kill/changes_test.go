package kill

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
)

// copies is where versions are copied to.
const copies = "copies"

// life is a release that goes through every operation there is, one after the
// other; what comes after a death is not asked for any more.
type life struct {
	*release
	done    int  // steps that were acknowledged
	unknown bool // the next one was asked for and not answered
}

// step is one operation and the event that it makes.
type step struct {
	repository, event string
	do                func(*clients, *life) error
}

var steps = []step{
	{repository, "Created Published", func(c *clients, l *life) error {
		body, err := l.npm().Body()
		if err != nil {
			return err
		}
		defer body.Close()
		return c.ok(c.do(http.MethodPut, strings.ReplaceAll(l.name, "/", "%2f"), body))
	}},
	{repository, "Updated Published", func(c *clients, l *life) error { // a tag
		path := "-/package/" + strings.ReplaceAll(l.name, "/", "%2f") + "/dist-tags/t" + strings.ReplaceAll(l.version, ".", "-")
		return c.ok(c.do(http.MethodPut, path, strings.NewReader(fmt.Sprintf("%q", l.version))))
	}},
	{repository, "Updated Unlisted", toStatus(types.PackageVersionStatusUnlisted)},
	{copies, "Created Unlisted", func(c *clients, l *life) error {
		namespace, pkg := names(l.name)
		out, err := c.control.CopyPackageVersions(context.Background(), &codeartifact.CopyPackageVersionsInput{
			Domain: aws.String(domain), SourceRepository: aws.String(repository), DestinationRepository: aws.String(copies),
			Format: types.PackageFormatNpm, Namespace: namespace, Package: pkg, Versions: []string{l.version},
		})
		return answered(err, func() any { return out.FailedVersions })
	}},
	{repository, "Updated Archived", toStatus(types.PackageVersionStatusArchived)},
	{repository, "Updated Disposed", func(c *clients, l *life) error {
		namespace, pkg := names(l.name)
		out, err := c.control.DisposePackageVersions(context.Background(), &codeartifact.DisposePackageVersionsInput{
			Domain: aws.String(domain), Repository: aws.String(repository), Format: types.PackageFormatNpm, Namespace: namespace, Package: pkg, Versions: []string{l.version},
		})
		return answered(err, func() any { return out.FailedVersions })
	}},
	{repository, "Deleted Deleted", func(c *clients, l *life) error {
		namespace, pkg := names(l.name)
		out, err := c.control.DeletePackageVersions(context.Background(), &codeartifact.DeletePackageVersionsInput{
			Domain: aws.String(domain), Repository: aws.String(repository), Format: types.PackageFormatNpm, Namespace: namespace, Package: pkg, Versions: []string{l.version},
		})
		return answered(err, func() any { return out.FailedVersions })
	}},
}

func toStatus(to types.PackageVersionStatus) func(*clients, *life) error {
	return func(c *clients, l *life) error {
		namespace, pkg := names(l.name)
		out, err := c.control.UpdatePackageVersionsStatus(context.Background(), &codeartifact.UpdatePackageVersionsStatusInput{
			Domain: aws.String(domain), Repository: aws.String(repository), Format: types.PackageFormatNpm, Namespace: namespace, Package: pkg,
			Versions: []string{l.version}, TargetStatus: to,
		})
		return answered(err, func() any { return out.FailedVersions })
	}
}

// ok reads an answer of the repository.
func (c *clients) ok(status int, said []byte, err error) error {
	if err == nil && status/100 != 2 {
		err = fmt.Errorf("%d %s", status, said)
	}
	return err
}

// answered tells a refusal of the control plane from a server that died.
func answered(err error, failed func() any) error {
	var refused interface{ HTTPStatusCode() int }
	switch {
	case errors.As(err, &refused) && refused.HTTPStatusCode() > 0:
		return err
	case err != nil:
		return errDead
	}
	if s := fmt.Sprint(failed()); s != "map[]" {
		return errors.New(s)
	}
	return nil
}

// live takes a new release through all steps.
func (c *clients) live() error {
	l := c.world.toLive()
	for i, s := range steps {
		c.world.note(func() { l.unknown = true })
		if err := s.do(c, l); err != nil {
			return fmt.Errorf("%s of %s: %w", s.event, l.id(), err)
		}
		c.world.note(func() { l.unknown, l.done = false, i+1 })
	}
	return nil
}

// toLive gives a new release that lives in a package of its round.
func (w *world) toLive() *life {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.serial++
	l := &life{release: &release{name: fmt.Sprintf("@lives/round-%d", w.round), version: fmt.Sprintf("1.%d.0", w.serial), seed: uint64(w.serial), size: 1 + w.rng.IntN(8<<10)}}
	w.lives = append(w.lives, l)
	return l
}

// put puts an event of its own on the bus.
func (c *clients) put() error {
	out, err := c.events.PutEvents(context.Background(), &eventbridge.PutEventsInput{Entries: []eventtypes.PutEventsRequestEntry{
		{Source: aws.String("kill"), DetailType: aws.String("Own"), Detail: aws.String(`{"kept":true}`)},
	}})
	if err := answered(err, func() any { return map[string]any{} }); err != nil {
		return err
	}
	if out.FailedEntryCount > 0 {
		return fmt.Errorf("PutEvents: %v", aws.ToString(out.Entries[0].ErrorMessage))
	}
	c.world.note(func() { c.world.put = append(c.world.put, aws.ToString(out.Entries[0].EventId)) })
	return nil
}

// lived checks the events of what lived through all operations, and notes
// whose bytes are still there.
func (i *inspection) lived(operations map[string][]string, have held) {
	known := map[string]bool{}
	for _, l := range i.world.lives {
		asked := l.done
		if l.unknown {
			asked++
		}
		var want, got []string
		for _, s := range steps[:asked] {
			want = append(want, s.repository+" "+s.event)
		}
		for _, at := range []string{repository, copies} {
			of := at + " " + l.id()
			known[of] = true
			for _, e := range operations[of] {
				got = append(got, at+" "+e)
			}
			delete(operations, of)
		}
		// In the order of the steps: those of two repositories are apart.
		ordered := 0
		for n, s := range steps[:asked] {
			if !contains(got, s.repository+" "+s.event) {
				break
			}
			ordered = n + 1
		}
		if len(got) != ordered || ordered < l.done {
			i.Errorf("%s: %d steps were acknowledged of %v, events %v", l.id(), l.done, want, got)
		}
		disposed := contains(got, repository+" Updated Disposed") || contains(got, repository+" Deleted Deleted")
		if len(got) > 0 && (!disposed || contains(got, copies+" Created Unlisted")) {
			have[copies][l.id()] = l.release
		}
	}
}

func contains(all []string, s string) bool {
	for _, a := range all {
		if a == s {
			return true
		}
	}
	return false
}
