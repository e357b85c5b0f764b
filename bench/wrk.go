package main

import (
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"time"
)

// The load is the same for everyone: two threads, sixteen connections.
const (
	wrkThreads     = "-t2"
	wrkConnections = "-c16"
)

// request is what is asked for over and over.
type request struct {
	url    string
	header map[string]string
}

var (
	wrkCount   = regexp.MustCompile(`(\d+) requests in `)
	wrkRate    = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)
	wrkRefused = regexp.MustCompile(`Non-2xx or 3xx responses: \d+`)
	wrkBroken  = regexp.MustCompile(`Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)`)
)

// load asks for so long and gives the number of answers, and answers per
// second. One that is no success is an error.
func (r request) load(d time.Duration) (count, rate float64, err error) {
	args := []string{wrkThreads, wrkConnections, "-d" + strconv.Itoa(int(max(d, time.Second)/time.Second)) + "s"}
	for k, v := range r.header {
		args = append(args, "-H", k+": "+v)
	}
	out, err := exec.Command("wrk", append(args, r.url)...).CombinedOutput()
	if err != nil {
		return 0, 0, fmt.Errorf("wrk: %w: %s", err, out)
	}
	if bad := wrkRefused.Find(out); bad != nil {
		return 0, 0, fmt.Errorf("%s: %s", r.url, bad)
	}
	if bad := wrkBroken.FindSubmatch(out); bad != nil {
		return 0, 0, fmt.Errorf("%s: %s", r.url, bad[0])
	}
	n, persec := wrkCount.FindSubmatch(out), wrkRate.FindSubmatch(out)
	if n == nil || persec == nil {
		return 0, 0, errors.New("wrk gave no rate: " + string(out))
	}
	if count, err = strconv.ParseFloat(string(n[1]), 64); err != nil {
		return 0, 0, err
	}
	rate, err = strconv.ParseFloat(string(persec[1]), 64)
	return count, rate, err
}
