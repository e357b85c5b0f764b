package registry

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"runtime/debug"
	"slices"
	"time"
)

const (
	// importTurn is how long a version is worked on before others get their turn,
	// and how long bytes wait for it to have them: long before they would be taken
	// for orphans.
	importTurn = orphanAge / 6
	// maxFailures is how many files in a row fail before the others are not tried.
	maxFailures = 3
	// importReserve is how much room the store keeps for what somebody asks for or
	// publishes, in bytes: nothing is imported into it.
	importReserve = 1 << 30
)

// errTurnOver says that files came in, and that others are still to come.
var errTurnOver = errors.New("further files of the version come later")

// importing is one version on its way in.
type importing struct {
	s      *Service
	repo   RepoID
	id     VersionID
	rules  Rules
	origin Origin
	from   string // repository with the connection

	listing *Listing // nil: none can be read
	listed  ListedVersion

	files []inspected     // that are here and not yet of the version
	told  json.RawMessage // the manifest with what all files told; nil: none came
}

// way is how files come to a repository, as it stands: links, origin
// configuration and rules may change while one is under way.
type way struct {
	n     *node
	at    []place
	guard *ruling
}

// importVersion brings in the files that a repository's version lacks: from
// repositories upstream, and from where it came. NotFound where there is nothing
// more to be had for it; errTurnOver where it was worked on long enough for now.
func (s *Service) importVersion(ctx context.Context, i Import) error {
	m := &importing{s: s, repo: i.Repo, id: i.Version}
	var err error
	if m.rules, err = s.rules(m.id.Package.Format); err != nil {
		return noVersion(i.Repo, m.id)
	}
	by, err := m.way(ctx)
	if err != nil {
		return err
	}
	var held Version
	err = s.update(ctx, func(c *change) error {
		if by.at, err = s.places(c.Tx, by.n, m.id.Package); err != nil {
			return err
		}
		held, err = c.takeOver(by.n, by.at, m.id, m.rules)
		return err
	})
	if err != nil {
		return err
	}
	m.origin = held.Origin
	sources := m.sources(by)
	if len(sources) == 0 {
		return nil
	}
	src, listed, err := s.offer(ctx, by.n, m.id, m.origin, sources)
	if IsNotFound(err) {
		src, listed = sources[0], ListedVersion{Version: m.id.Version, Status: held.Status}
	} else if err != nil {
		return err
	}
	m.from, m.listing, m.listed = src.repo.ID.Name, src.listing, listed
	return m.all(ctx, held)
}

// takeOver retains what repositories upstream hold of a version, and gives it as
// the repository has it then. NotFound where it does not hold it as something
// that came from outside.
func (c *change) takeOver(n *node, at []place, id VersionID, rules Rules) (Version, error) {
	for _, up := range at {
		v, err := c.Version(up.node.ID, id)
		if IsNotFound(err) && up.node != n {
			continue
		}
		if err != nil {
			return v, err
		}
		if up.node == n && v.Origin.Type != OriginExternal {
			return v, noVersion(n.ID, id)
		}
		if !v.Status.Downloadable() {
			if up.node == n {
				return v, noVersion(n.ID, id)
			}
			break // it hides what lies behind
		}
		if up.node != n {
			if _, err := c.retain(n, id, v, v.Assets, rules); err != nil {
				return v, err
			}
		}
	}
	return c.Version(n.ID, id)
}

// way reads how files come to the repository now.
func (m *importing) way(ctx context.Context) (by way, err error) {
	by.n, _, err = m.s.node(ctx, m.repo)
	if err != nil || by.n == nil {
		return by, cmp.Or(err, noRepository(m.repo))
	}
	err = m.s.Metadata.View(ctx, func(tx Tx) (err error) {
		if by.at, err = m.s.places(tx, by.n, m.id.Package); err == nil {
			by.guard, err = m.s.ruling(tx, by.n, m.id.Package)
		}
		return err
	})
	return by, err
}

// sources are those of the connection that the version came through.
func (m *importing) sources(by way) []source {
	return slices.DeleteFunc(m.s.sources(by.at, m.id.Package.Format), func(src source) bool {
		return src.connection != m.origin.Connection || m.from != "" && src.repo.ID.Name != m.from
	})
}

// goesOn gives the way that further files come. NotFound where none leads here
// any more, or where the repository has let go of the version.
func (m *importing) goesOn(ctx context.Context) (by way, src source, err error) {
	if by, err = m.way(ctx); err != nil {
		return by, src, err
	}
	sources := m.sources(by)
	if len(sources) == 0 {
		return by, src, noVersion(m.repo, m.id)
	}
	return by, sources[0], m.s.Metadata.View(ctx, func(tx Tx) error {
		v, err := tx.Version(m.repo, m.id)
		if err == nil && (v.Origin != m.origin || !v.Status.Downloadable()) {
			err = noVersion(m.repo, m.id)
		}
		return err
	})
}

// assetsOf names the files of a version: as its source lists them, else as the
// format guesses them.
func assetsOf(id VersionID, listed ListedVersion, rules Rules) []string {
	if len(listed.Assets) > 0 {
		names := make([]string, len(listed.Assets))
		for i, a := range listed.Assets {
			names[i] = a.Name
		}
		return names
	}
	if g, ok := rules.(Guesser); ok {
		return g.Guess(id)
	}
	return nil
}

// all brings in what the held version lacks, one file after the other. One that
// fails does not keep the others away, unless it is likely that they fail, too.
func (m *importing) all(ctx context.Context, held Version) error {
	var failed error
	failures, came, began := 0, 0, m.s.Clock()
	for _, name := range assetsOf(m.id, m.listed, m.rules) {
		if _, ok := held.Asset(name); ok {
			continue
		}
		if len(held.Assets)+came >= m.s.Limits.AssetsPer || failures == maxFailures {
			break
		}
		if m.s.Clock().Sub(began) > importTurn {
			if came > 0 {
				failed = errTurnOver // whatever failed is tried again
			}
			failed = cmp.Or[error](failed, Errorf(UpstreamFailed, "nothing came in within %v", importTurn))
			break
		}
		by, src, err := m.goesOn(ctx)
		if err != nil {
			return errors.Join(err, m.keep(context.WithoutCancel(ctx)))
		}
		in, err := m.file(ctx, by, src, name)
		switch code := CodeOf(err); {
		case err == nil:
			failures = 0
			came++
			m.files, m.told = append(m.files, in), in.version.Manifest
		case code == NotFound || code == Denied:
			// There is none, or the guard keeps it out.
		case code == UpstreamFailed:
			failures++
			failed = err
		default:
			return errors.Join(err, m.keep(context.WithoutCancel(ctx)))
		}
	}
	return cmp.Or(m.keep(ctx), failed)
}

// file brings in one file. Those that are here already do not wait for it longer
// than their bytes may.
func (m *importing) file(ctx context.Context, by way, src source, name string) (in inspected, err error) {
	here := make(chan struct{})
	go func() {
		defer close(here)
		err = m.s.safely(ctx, func() (err error) {
			in, err = m.one(ctx, by, src, name)
			return err
		})
	}()
	timer := time.NewTimer(importTurn)
	defer timer.Stop()
	select {
	case <-here:
	case <-timer.C:
		kept := m.keep(ctx)
		<-here
		err = cmp.Or(err, kept)
	}
	return in, err
}

// one brings in one file. When it returns, its download is over, unless somebody
// else has asked for it.
func (m *importing) one(ctx context.Context, by way, src source, name string) (in inspected, err error) {
	s := m.s
	v := m.listing.from(src.connection, m.listed)
	guard := by.guard.of(name)
	if verdict := guard.judge(v, m.listed.Assets); verdict.final() {
		return in, refused(m.repo, m.id, verdict)
	}
	asset, err := s.offered(src.connection, m.id, m.listed, name)
	if err != nil {
		return in, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	free, err := s.reserve(ctx, asset.Size)
	if err != nil {
		return in, err
	}
	defer free()
	pulled, err := s.Puller.Pull(ctx, PullRequest{
		Domain: m.repo.Domain, Connection: src.connection, Version: m.id, Asset: asset,
		Guessed: len(m.listed.Assets) == 0, Behind: true,
	})
	if err != nil {
		return in, err
	}
	pulled.Body.Close()
	if asset.Size == 0 && pulled.Size > 0 { // only now it is said how long it is
		free, err := s.reserve(ctx, pulled.Size)
		if err != nil {
			return in, err
		}
		defer free()
	}
	a, modified, err := pulled.Wait(ctx)
	if err != nil {
		return in, err
	}
	if m.told != nil {
		v.Manifest = m.told
	}
	s.sweeping.RLock()
	defer s.sweeping.RUnlock()
	return s.inspect(ctx, by.n, m.id, v.dated(modified, m.listed.Seen, s.Clock()), a, m.rules, guard)
}

// safely runs f; a panic becomes an error: what comes from outside costs one file,
// or one import, and not the process.
func (s *Service) safely(ctx context.Context, f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			s.Logger.ErrorContext(ctx, "panic while files are brought in", "panic", r, "stack", string(debug.Stack()))
			err = Errorf(UpstreamFailed, "what came from outside cannot be read")
		}
	}()
	return f()
}

// reserve refuses a file that would fill the store, together with the others that
// are on their way. free is called once it is here, or will not be.
func (s *Service) reserve(ctx context.Context, size int64) (free func(), err error) {
	store, ok := s.Blobs.(BlobRoom)
	if !ok {
		return func() {}, nil
	}
	coming := s.coming.Add(size)
	free = func() { s.coming.Add(-size) }
	if room, err := store.Room(ctx); err == nil && room-coming < importReserve {
		free()
		return nil, Errorf(Unavailable, "there are %d bytes of room, and the last %d are kept for files that somebody asks for or publishes; see --asked-files-only", room, importReserve)
	}
	return free, nil
}

// keep adds the files that are here to the version where it is still held.
func (m *importing) keep(ctx context.Context) error {
	if len(m.files) == 0 {
		return nil
	}
	files := m.files
	m.files = nil
	by, err := m.way(ctx)
	if err != nil {
		return err
	}
	sources := m.sources(by)
	if len(sources) == 0 {
		return noVersion(m.repo, m.id)
	}
	src := sources[0]
	assets := make([]Asset, len(files))
	for i, in := range files {
		assets[i] = in.version.Assets[0]
	}
	v := files[len(files)-1].version
	v.Assets = assets
	m.s.sweeping.RLock()
	defer m.s.sweeping.RUnlock()
	return m.s.update(ctx, func(c *change) error {
		return m.s.settle(ctx, c, by.n, m.id, src, files, func(c *change) error {
			for _, n := range keepers(src, by.n) {
				if _, err := c.Version(n.ID, m.id); IsNotFound(err) {
					continue
				} else if err != nil {
					return err
				}
				if _, err := c.retain(n, m.id, v, assets, m.rules); err != nil {
					return err
				}
			}
			return nil
		})
	})
}
