package main

import (
	"fmt"
	"time"
)

// Goals of a server that nobody uses yet.
const (
	startGoal = 300 * time.Millisecond
	idleGoal  = 80 * megabyte
)

// settle is how long a server is left alone before its memory is read.
const settle = 5 * time.Second

// start measures how long an empty folder takes until requests are answered,
// and the memory of a server that has nothing to do.
func (b *bench) start() error {
	const starts = 9
	var ready []time.Duration
	var idle int64
	for i := range starts {
		s, err := b.serve(fmt.Sprintf("start-%d", i))
		if err != nil {
			return err
		}
		ready = append(ready, s.Ready)
		if i == starts-1 {
			time.Sleep(settle)
			if idle, err = resident(s.PID, "VmRSS"); err != nil {
				return err
			}
		}
		if err := s.Stop(); err != nil {
			return err
		}
	}
	fmt.Printf("\nStart with an empty folder until ready: median %v of %d (goal %v). Idle memory (RSS): %s (goal %s).\n",
		median(ready).Round(time.Millisecond), starts, startGoal, megabytes(idle), megabytes(idleGoal))
	return nil
}
