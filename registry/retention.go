package registry

import "time"

// Retention is what a repository lets go of: its rules as they were put
// (RetentionDocument), and how far that is.
type Retention struct {
	Repo RepoID
	Policy
	Due time.Time // when the rules are applied next, or go on being applied
	Run RetentionRun
}

// RetentionRun is the run that is under way, or the last one.
type RetentionRun struct {
	After    string    `json:"after,omitempty"` // how far it is; empty: it has ended, or none has begun
	Started  time.Time `json:"started,omitzero"`
	Finished time.Time `json:"finished,omitzero"` // zero: it is under way, or none has begun
	Packages int       `json:"packages,omitempty"`
	Versions int       `json:"versions,omitempty"` // that went
	Bytes    int64     `json:"bytes,omitempty"`    // sizes of their assets
}

// RetentionRows keeps the retention rules of repositories and what they go by.
// Moves no counter.
type RetentionRows interface {
	Retention(RepoID) (Retention, error) // NotFound where there is none
	PutRetention(Retention) error        // makes or replaces; NotFound for a missing repository. It goes with the repository
	// StepRetention sets Due and Run; NotFound where there are none of that
	// revision any more.
	StepRetention(r RepoID, revision string, due time.Time, run RetentionRun) error
	DeleteRetention(RepoID) error // NotFound
	// DueRetentions gives those that are due, the longest due first.
	DueRetentions(limit int) ([]Retention, error)

	// LastDownloads gives when versions of a package were last downloaded in the
	// domain (AddDownloads), whoever did; absent: never, or before it was pruned.
	LastDownloads(DomainID, PackageID) (map[string]time.Time, error)
	// LastDownload is the same of one version, zero for never, and knows besides
	// what builds noted that kept only who it was (Downloads).
	LastDownload(DomainID, VersionID) (time.Time, error)
	PruneLastDownloads(before time.Time) (int, error)
	// WatchDownloads notes that somebody notes downloads at this moment. Where the
	// last such note is as old as away, watching begins anew; with zero it always does.
	WatchDownloads(away time.Duration) error
	// DownloadsWatched is since when downloads are watched; zero: they never were.
	DownloadsWatched() (time.Time, error)
}
