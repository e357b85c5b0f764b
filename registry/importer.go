package registry

import (
	"context"
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
)

// importRest notes that the other files of a version are to be brought in for
// the repository that was asked: those that its source lists, or else, once,
// those that the format guesses.
func (s *Service) importRest(c *change, n *node, id VersionID, listed ListedVersion, rules Rules, made bool) error {
	if s.AskedFilesOnly || (len(listed.Assets) == 0 && !made) {
		return nil
	}
	v, err := c.Version(n.ID, id)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(assetsOf(id, listed, rules), func(name string) bool { _, held := v.Asset(name); return !held }) {
		return nil
	}
	return c.noteImport(n, id)
}

// importAlong notes the same for a repository that took over what an upstream
// repository holds so far of a version whose files are still being brought in.
func (s *Service) importAlong(c *change, n *node, id VersionID, v Version) error {
	if s.AskedFilesOnly || v.Origin.Type != OriginExternal {
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
		if err != nil && len(working) == 0 {
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
	free := importsAtOnce - len(working)
	for limit := 2 * importsAtOnce; free > 0; limit *= 2 {
		var all []Import
		err = s.Metadata.View(ctx, func(tx Tx) error {
			all, err = tx.Imports(limit)
			return err
		})
		if err != nil {
			return nil, importPoll, err
		}
		due = nil
		for _, i := range all {
			if wait := i.Due.Sub(s.Clock()); wait > 0 {
				return due, min(wait, importPoll), nil
			}
			if working[keyOf(i)] || slices.ContainsFunc(due, func(d Import) bool { return keyOf(d) == keyOf(i) }) {
				continue // many repositories may have asked for one version
			}
			if due = append(due, i); len(due) == free {
				return due, importPoll, nil
			}
		}
		if len(all) < limit {
			break
		}
	}
	return due, importPoll, nil
}

// tryImport works on one import and says what becomes of it.
func (s *Service) tryImport(ctx context.Context, i Import) {
	err := s.safely(ctx, func() error { return s.importVersion(ctx, i) })
	if ctx.Err() != nil {
		return // it is still noted
	}
	turn := err == errTurnOver
	if turn {
		err = nil
	} else {
		i.Attempts++
	}
	again := turn || err != nil && !IsNotFound(err) && i.Attempts < importAttempts
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
		i.Due = tx.Now() // behind all that are due
		if !turn {
			i.Due = i.Due.Add(importRetry << (i.Attempts - 1))
		}
		return tx.RetryImport(i)
	})
	if err != nil && ctx.Err() == nil {
		s.Logger.WarnContext(ctx, "an import stays as it was", "err", err)
		s.await(ctx, nil, importPoll) // it is still due
	}
}
