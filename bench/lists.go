package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// accessKey signs requests of the control plane.
type accessKey struct{ id, secret string }

// readCredentials reads the file that the first start writes.
func readCredentials(path string) (accessKey, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return accessKey{}, err
	}
	var k accessKey
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), "=")
		switch strings.TrimSpace(name) {
		case "aws_access_key_id":
			k.id = strings.TrimSpace(value)
		case "aws_secret_access_key":
			k.secret = strings.TrimSpace(value)
		}
	}
	if k.id == "" || k.secret == "" {
		return k, fmt.Errorf("%s has no access key", path)
	}
	return k, nil
}

// list is a list of the control plane.
type list struct {
	name, method, path string
	query              string
	items              string // the member that holds them
	size               int    // of a page; zero: as the server has it
	end                map[*site]string
}

const (
	inMain = "domain=local&repository=main"
	inLong = inMain + "&format=npm&package=" + longName
)

// lists gives for each list the first page and the last one that is full.
func lists() (all []group) {
	for _, l := range []*list{
		{name: "ListRepositories", method: http.MethodPost, path: "/v1/repositories", items: "repositories"},
		{name: "ListPackages", method: http.MethodPost, path: "/v1/packages", query: inMain, items: "packages"},
		{name: "ListPackages of a format", method: http.MethodPost, path: "/v1/packages", query: inMain + "&format=npm", items: "packages"},
		{name: "ListPackages by format and prefix", method: http.MethodPost, path: "/v1/packages", query: inMain + "&format=npm&package-prefix=lib2", items: "packages", size: 5},
		{name: "ListPackages by prefix", method: http.MethodPost, path: "/v1/packages", query: inMain + "&package-prefix=lib2", items: "packages", size: 5},
		{name: "ListPackages by namespace", method: http.MethodPost, path: "/v1/packages", query: inMain + "&format=npm&namespace=team0", items: "packages", size: 10},
		{name: "ListPackages, publish=ALLOW", method: http.MethodPost, path: "/v1/packages", query: inMain + "&publish=ALLOW", items: "packages"},
		{name: "ListPackageVersions", method: http.MethodPost, path: "/v1/package/versions", query: inLong, items: "versions"},
		{name: "ListPackageVersions, newest first", method: http.MethodPost, path: "/v1/package/versions", query: inLong + "&sortBy=PUBLISHED_TIME", items: "versions"},
		{name: "ListPackageVersions, Published", method: http.MethodPost, path: "/v1/package/versions", query: inLong + "&status=Published", items: "versions"},
		{name: "ListPackageVersionAssets", method: http.MethodPost, path: "/v1/package/version/assets", query: inLong + "&version=1.0.5", items: "assets"},
		{name: "ListAssociatedPackages", method: http.MethodGet, path: "/v1/list-associated-packages", query: "domain=local&package-group=%2F%2A", items: "packages"},
	} {
		l.end = map[*site]string{}
		all = append(all, group{[]string{l.name + ", first page", "… last page"}, 100, l.pages})
	}
	return all
}

// pages asks for the first page and the last full one.
func (l *list) pages(s *site, _ int) ([]time.Duration, error) {
	end, known := l.end[s]
	if !known {
		var err error
		if end, err = l.last(s); err != nil {
			return nil, err
		}
		l.end[s] = end
	}
	first, _, err := l.ask(s, l.size, "")
	if err != nil {
		return nil, err
	}
	last, _, err := l.ask(s, l.size, end)
	return []time.Duration{first, last}, err
}

// last walks to the end, in pages of a thousand and then in ordinary ones, and
// gives the token of the last page that is full.
func (l *list) last(s *site) (string, error) {
	walk := func(size int, token string) (last string, err error) {
		most := 0
		for {
			_, page, err := l.ask(s, size, token)
			if err != nil {
				return "", err
			}
			if page.count >= most {
				most, last = page.count, token
			}
			if page.next == "" {
				return last, nil
			}
			token = page.next
		}
	}
	thousands, err := walk(1000, "")
	if err != nil {
		return "", err
	}
	return walk(l.size, thousands)
}

type listed struct {
	count int
	next  string
}

func (l *list) ask(s *site, size int, token string) (time.Duration, listed, error) {
	query, err := url.ParseQuery(l.query)
	if err != nil {
		return 0, listed{}, err
	}
	if size > 0 {
		query.Set("max-results", strconv.Itoa(size))
	}
	if token != "" {
		query.Set("next-token", token)
	}
	req, err := http.NewRequest(l.method, s.Running.URL+l.path+"?"+query.Encode(), nil)
	if err != nil {
		return 0, listed{}, err
	}
	empty := sha256.Sum256(nil)
	signed := aws.Credentials{AccessKeyID: s.keys.id, SecretAccessKey: s.keys.secret}
	if err := v4.NewSigner().SignHTTP(context.Background(), signed, req, hex.EncodeToString(empty[:]), "codeartifact", "us-east-1", time.Now()); err != nil {
		return 0, listed{}, err
	}
	began := time.Now()
	res, err := ask(req)
	if err != nil {
		return 0, listed{}, err
	}
	text, err := io.ReadAll(res.Body)
	took := time.Since(began)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return 0, listed{}, err
	}
	var answer map[string]json.RawMessage
	if err := json.Unmarshal(text, &answer); err != nil {
		return 0, listed{}, err
	}
	var items []json.RawMessage
	var page listed
	if err := json.Unmarshal(answer[l.items], &items); err != nil {
		return 0, listed{}, fmt.Errorf("%s: %w: %s", l.name, err, text)
	}
	page.count = len(items)
	if next, ok := answer["nextToken"]; ok {
		err = json.Unmarshal(next, &page.next)
	}
	return took, page, err
}
