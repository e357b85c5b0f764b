package registry

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"
)

const (
	// importDelay is how long clients have to ask for the files that they want by
	// themselves before the others of the version are brought in.
	importDelay = 2 * time.Second
	// importPoll is how often imports are looked for that other processes noted.
	importPoll = 5 * time.Second
	// importsAtOnce is how many versions are brought in at once, each file by file.
	importsAtOnce = 4
	// importAttempts is how often an import is tried before it is given up, which
	// takes an hour.
	importAttempts = 6
	// importRetry is how long an import waits after its first failure; each further
	// one doubles it.
	importRetry = 2 * time.Minute
	// maxFailures is how many files in a row fail before the others are not tried.
	maxFailures = 3
	// importReserve is how much room the store keeps for what somebody asks for or
	// publishes, in bytes: nothing is imported into it.
	importReserve = 1 << 30
	// importHold is for how long bytes may be here before a version has them: long
	// before they would be taken for orphans.
	importHold = orphanAge / 6
)

// importRest notes that the other files of a version are to be brought in for
// the repository that was asked: those that its source lists, or else, once,
// those that the format guesses.
func (s *Service) importRest(c *change, n *node, id VersionID, listed ListedVersion, rules Rules, made bool) error {
	if s.AskedFilesOnly {
		return nil
	}
	names := assetsOf(id, listed, rules)
	if len(listed.Assets) == 0 && !made {
		return nil
	}
	v, err := c.Version(n.ID, id)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(names, func(name string) bool { _, held := v.Asset(name); return !held }) {
		return nil
	}
	return c.noteImport(n, id)
}

// importAlong notes the same for a repository that took over what an upstream
// repository holds so far of a version whose files are still being brought in.
func (c *change) importAlong(n *node, id VersionID, v Version) error {
	if v.Origin.Type != OriginExternal {
		return nil
	}
	some, err := c.Importing(n.ID.Domain, id)
	if err != nil || !some {
		return err
	}
	return c.noteImport(n, id)
}

func (c *change) noteImport(n *node, id VersionID) error {
	c.imports = true
	return c.PutImport(Import{Repo: n.ID, Version: id, Due: c.Now().Add(importDelay)})
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

func (s *Service) wakeImports() {
	select {
	case s.importing <- struct{}{}:
	default:
	}
}

// ImportVersions brings in the files of versions that nobody asked for, behind
// requests, until ctx is over. One process of a server does so at a time. What
// is under way then is begun anew by the next.
func (s *Service) ImportVersions(ctx context.Context) error {
	for ctx.Err() == nil {
		idle, err := s.ImportDue(ctx)
		if err != nil && ctx.Err() == nil {
			s.Logger.WarnContext(ctx, "imports wait", "err", err)
		}
		s.await(ctx, nil, idle)
	}
	return nil
}

// ImportDue brings in what is due by now or becomes due meanwhile, and returns
// for how long nothing else is, at most.
func (s *Service) ImportDue(ctx context.Context) (idle time.Duration, err error) {
	working, done := map[importKey]bool{}, make(chan importKey)
	defer func() {
		for range working {
			<-done
		}
	}()
	for {
		due, next, err := s.dueImports(ctx, working)
		if err != nil {
			return importPoll, err
		}
		for _, i := range due {
			working[keyOf(i)] = true
			go func() {
				s.tryImport(ctx, i)
				done <- keyOf(i)
			}()
		}
		if len(working) == 0 {
			return next, nil
		}
		if key := s.await(ctx, done, next); key != (importKey{}) {
			delete(working, key)
		}
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
	}
}

// importKey is what one import at a time is worked on of: what the first one
// brings in for its repository, the others take over.
type importKey struct {
	domain DomainID
	id     VersionID
}

func keyOf(i Import) importKey { return importKey{i.Repo.Domain, i.Version} }

// await waits until an import ended, which it gives, until one was noted, for
// that long, or for ctx.
func (s *Service) await(ctx context.Context, done <-chan importKey, most time.Duration) (ended importKey) {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case ended = <-done:
	case <-s.importing:
	case <-timer.C:
	case <-ctx.Done():
	}
	return ended
}

// dueImports gives the imports that are due, as many as can be worked on besides
// those that are, and how long it is to the next one.
func (s *Service) dueImports(ctx context.Context, working map[importKey]bool) (due []Import, next time.Duration, err error) {
	var all []Import
	err = s.Metadata.View(ctx, func(tx Tx) error {
		all, err = tx.Imports(importsAtOnce + len(working))
		return err
	})
	for _, i := range all {
		if working[keyOf(i)] || slices.ContainsFunc(due, func(d Import) bool { return keyOf(d) == keyOf(i) }) {
			continue
		}
		if wait := i.Due.Sub(s.Clock()); wait > 0 {
			return due, min(wait, importPoll), err
		}
		if len(working)+len(due) < importsAtOnce {
			due = append(due, i)
		}
	}
	return due, importPoll, err
}

// tryImport works on one import and says what becomes of it.
func (s *Service) tryImport(ctx context.Context, i Import) {
	err := s.importVersion(ctx, i)
	if ctx.Err() != nil {
		return // it is still noted
	}
	i.Attempts++
	again := err != nil && !IsNotFound(err) && i.Attempts < importAttempts
	if err != nil && !IsNotFound(err) {
		log := s.Logger.InfoContext
		if !again {
			log = s.Logger.WarnContext
		}
		log(ctx, "files of a version were not brought in", "domain", i.Repo.Domain.Name, "repo", i.Repo.Name, "format", i.Version.Package.Format,
			"package", i.Version.Package.DisplayName(), "version", i.Version.Version, "again", again, "err", err)
	}
	err = s.Metadata.Update(ctx, func(tx Tx) error {
		if !again {
			return tx.FinishImport(i.Repo, i.Version)
		}
		i.Due = tx.Now().Add(importRetry << (i.Attempts - 1))
		return tx.RetryImport(i)
	})
	if err != nil && ctx.Err() == nil {
		s.Logger.WarnContext(ctx, "an import stays as it was", "err", err)
		s.await(ctx, nil, importPoll) // it is still due
	}
}

// importVersion brings in the files that a repository's version lacks: from
// repositories upstream, and from where it came. NotFound where there is nothing
// more to be had for it.
func (s *Service) importVersion(ctx context.Context, i Import) error {
	id := i.Version
	rules, err := s.rules(id.Package.Format)
	if err != nil {
		return noVersion(i.Repo, id)
	}
	n, _, err := s.node(ctx, i.Repo)
	if err != nil || n == nil {
		return cmp.Or(err, noRepository(i.Repo))
	}
	var held Version
	var at []place
	var guard *ruling
	err = s.update(ctx, func(c *change) error {
		if at, err = s.places(c.Tx, n, id.Package); err != nil {
			return err
		}
		if guard, err = s.ruling(c.Tx, n, id.Package); err != nil {
			return err
		}
		held, err = c.takeOver(n, at, id, rules)
		return err
	})
	if err != nil {
		return err
	}
	sources := slices.DeleteFunc(s.sources(at, id.Package.Format), func(src source) bool { return src.connection != held.Origin.Connection })
	if len(sources) == 0 {
		return nil
	}
	src, listed, err := s.offer(ctx, n, id, held.Origin, sources)
	if IsNotFound(err) {
		src, listed = sources[0], ListedVersion{Version: id.Version, Status: held.Status}
	} else if err != nil {
		return err
	}
	m := &importing{s: s, n: n, id: id, src: src, listed: listed, rules: rules, guard: guard}
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

// importing is one version on its way in.
type importing struct {
	s      *Service
	n      *node
	id     VersionID
	src    source
	listed ListedVersion
	rules  Rules
	guard  *ruling

	files []inspected // that are here and not yet of the version
	since time.Time   // when the first of them came
}

// all brings in what the held version lacks, one file after the other. One that
// fails does not keep the others away, unless it is likely that they fail, too.
func (m *importing) all(ctx context.Context, held Version) error {
	var failed error
	failures, count := 0, len(held.Assets)
	for _, name := range assetsOf(m.id, m.listed, m.rules) {
		if _, ok := held.Asset(name); ok {
			continue
		}
		if count >= m.s.Limits.AssetsPer || failures == maxFailures {
			break
		}
		in, err := m.one(ctx, name)
		switch code := CodeOf(err); {
		case err == nil:
			failures = 0
			count++
			m.files = append(m.files, in)
		case code == NotFound || code == Denied:
			continue // there is none, or the guard keeps it out
		case code == UpstreamFailed:
			failures++
			failed = err
			continue
		default:
			return errors.Join(err, m.keep(context.WithoutCancel(ctx)))
		}
		if len(m.files) == 1 {
			m.since = m.s.Clock()
		}
		if m.s.Clock().Sub(m.since) > importHold {
			if err := m.keep(ctx); err != nil {
				return err
			}
		}
	}
	return errors.Join(failed, m.keep(ctx))
}

// one brings in one file.
func (m *importing) one(ctx context.Context, name string) (inspected, error) {
	s := m.s
	v := m.src.listing.from(m.src.connection, m.listed)
	guard := m.guard.of(name)
	if verdict := guard.judge(v, m.listed.Assets); verdict.final() {
		return inspected{}, refused(m.n.ID, m.id, verdict)
	}
	asset, err := s.offered(m.src.connection, m.id, m.listed, name)
	if err != nil {
		return inspected{}, err
	}
	if err := s.roomFor(ctx, asset); err != nil {
		return inspected{}, err
	}
	pulled, err := s.Puller.Pull(ctx, PullRequest{
		Domain: m.n.ID.Domain, Connection: m.src.connection, Version: m.id, Asset: asset,
		Guessed: len(m.listed.Assets) == 0, Behind: true,
	})
	if err != nil {
		return inspected{}, err
	}
	pulled.Body.Close()
	a, modified, err := pulled.Wait(ctx)
	if err != nil {
		return inspected{}, err
	}
	if k := len(m.files); k > 0 {
		v.Manifest = m.files[k-1].version.Manifest // with what the others told
	}
	s.sweeping.RLock()
	defer s.sweeping.RUnlock()
	return s.inspect(ctx, m.n, m.id, v.dated(modified, m.listed.Seen, s.Clock()), a, m.rules, guard)
}

// roomFor refuses a file that would fill the store.
func (s *Service) roomFor(ctx context.Context, a ListedAsset) error {
	store, ok := s.Blobs.(BlobRoom)
	if !ok {
		return nil
	}
	room, err := store.Room(ctx)
	if err == nil && room-a.Size < importReserve {
		err = Errorf(Unavailable, "there are %d bytes of room, and the last %d are kept for files that somebody asks for or publishes; see --asked-files-only", room, importReserve)
	}
	return err
}

// keep adds the files that are here to the version where it is still held: in
// the repository with the connection and in the one that was asked.
func (m *importing) keep(ctx context.Context) error {
	if len(m.files) == 0 {
		return nil
	}
	files := m.files
	m.files = nil
	v, assets := files[len(files)-1].version, make([]Asset, len(files))
	for i, in := range files {
		assets[i] = in.version.Assets[0]
	}
	m.s.sweeping.RLock()
	defer m.s.sweeping.RUnlock()
	return m.s.update(ctx, func(c *change) error {
		return m.s.settle(ctx, c, m.n, m.id, m.src, files, func(c *change) error {
			for _, n := range slices.Compact([]*node{m.src.repo, m.n}) {
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
