// Package freeport finds addresses for servers that tests kill and start again.
package freeport

import (
	"errors"
	"net"
	"os"
	"strconv"
	"sync/atomic"
)

// Ports below those that systems give to clients by themselves (Linux from
// 32768): while a server is dead, no client's connection takes its port.
const first, last = 20_000, 32_000

// block is how many ports each process of tests begins with that no other that
// runs beside it looks at: a port is free from here until its server listens.
const block = 64

var given atomic.Int64

// Address gives a loopback address that nobody listens on at the moment, and
// that it has not given before.
func Address() (string, error) {
	from := int64(os.Getpid() % ((last - first) / block) * block)
	for range last - first {
		port := first + (from+given.Add(1)-1)%(last-first)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.FormatInt(port, 10)))
		if err != nil {
			continue // taken
		}
		return l.Addr().String(), l.Close()
	}
	return "", errors.New("no port is free")
}
