package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"larder/registry"
	"larder/registry/guard/osv"
)

const (
	// advisoriesEvery is how often dumps of advisories are asked for again.
	advisoriesEvery = 6 * time.Hour
	// advisoriesRetry is how soon after a failure.
	advisoriesRetry = 10 * time.Minute
	// advisoriesTime bounds one download.
	advisoriesTime = 30 * time.Minute
	// maxAdvisories bounds a dump, in bytes.
	maxAdvisories = 4 << 30
)

// feed is one source of --advisories.
type feed struct{ name, url string }

func parseFeeds(settings []string) ([]feed, error) {
	var all []feed
	for _, s := range settings {
		name, target, ok := strings.Cut(s, "=")
		u, err := url.Parse(target)
		if !ok || name == "" || notInSource.MatchString(name) || err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			return nil, fmt.Errorf("--advisories: %q is not NAME=URL with the http or https URL of a zip archive", maskURL(s))
		}
		all = append(all, feed{name, target})
	}
	return all, nil
}

// advisories keeps the advisories of all feeds current.
func (s *Server) advisories(ctx context.Context, rules map[string]registry.Rules) {
	feeds, err := parseFeeds(s.Config.Advisories)
	if err != nil {
		return // Config.check has read them
	}
	to := &registry.Advisories{Metadata: s.metadata, Rules: rules}
	client := &http.Client{Timeout: advisoriesTime}
	etags := map[string]string{}
	for {
		next := advisoriesEvery
		for _, f := range feeds {
			source, err := f.fetch(ctx, client, to, s.folder, etags)
			switch {
			case errors.Is(err, errUnchanged):
			case err != nil && ctx.Err() == nil:
				s.log.Warn("advisories stay as they are for now", "source", f.name, "error", err)
				next = advisoriesRetry
			case err == nil:
				s.log.Info("took advisories in", "source", f.name, "entries", source.Entries, "dropped", source.Dropped)
			}
		}
		select {
		case <-time.After(next):
		case <-ctx.Done():
			return
		}
	}
}

var errUnchanged = errors.New("unchanged")

// fetch brings a dump into a file, reads it, and takes what it has.
func (f feed) fetch(ctx context.Context, client *http.Client, to *registry.Advisories, folder dataFolder, etags map[string]string) (registry.AdvisorySource, error) {
	var none registry.AdvisorySource
	file, err := os.CreateTemp(string(folder), "advisories-*.zip")
	if err != nil {
		return none, err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	etag, size, err := f.download(ctx, client, file, etags[f.name])
	if err != nil {
		return none, err
	}
	number := time.Now().UnixMilli()
	batches := &osv.Batches{Put: func(all []registry.Advisory) error {
		_, err := to.Put(ctx, f.name, number, all)
		return err
	}}
	if _, err := osv.Read(file, size, batches.Add); err != nil {
		return none, err
	}
	if err := batches.Flush(); err != nil {
		return none, err
	}
	source, err := to.Settle(ctx, f.name, number)
	if err == nil {
		etags[f.name] = etag
	}
	return source, err
}

func (f feed) download(ctx context.Context, client *http.Client, to io.Writer, etag string) (string, int64, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url, nil)
	if err != nil {
		return "", 0, errors.New("the URL cannot be asked")
	}
	if etag != "" {
		r.Header.Set("If-None-Match", etag)
	}
	res, err := client.Do(r)
	if err != nil {
		var failed *url.Error // whose text has the URL, and that may have a password
		if errors.As(err, &failed) {
			err = failed.Err
		}
		return "", 0, err
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode == http.StatusNotModified:
		return "", 0, errUnchanged
	case res.StatusCode != http.StatusOK:
		return "", 0, fmt.Errorf("it answered %s", res.Status)
	}
	n, err := io.Copy(to, io.LimitReader(res.Body, maxAdvisories+1))
	if err == nil && n > maxAdvisories {
		err = fmt.Errorf("it is longer than %s", shownSize(maxAdvisories))
	}
	return res.Header.Get("ETag"), n, err
}
