package registry

import "time"

// Import is a version of which a repository is to get the files that nobody
// asked for: where one of them came in through an external connection, all of
// them do (spec 3.3).
type Import struct {
	Repo     RepoID
	Version  VersionID
	Attempts int       // how often it has failed
	Due      time.Time // when it is tried next
}

// ImportRows keeps imports until they are done. Moves no counter.
type ImportRows interface {
	// PutImport notes an import; one that is noted already stays as it is. NotFound
	// for a missing repository. It goes with the repository.
	PutImport(Import) error
	// Imports gives imports in the order in which they are due, whether they are
	// or not yet.
	Imports(limit int) ([]Import, error)
	// Importing reports whether there is an import of the version for any
	// repository of the domain.
	Importing(DomainID, VersionID) (bool, error)
	RetryImport(Import) error             // sets Attempts and Due; a missing one is no error
	FinishImport(RepoID, VersionID) error // drops it; a missing one is no error
	ImportsWaiting() (int, error)
}

// Guesser is the optional power of Rules of a format whose registries list
// versions without their files.
type Guesser interface {
	// Guess names the files that a version mostly has: those that are imported
	// with whichever of its files was asked for (spec 3.3). Nil: no others.
	Guess(VersionID) []string
}
