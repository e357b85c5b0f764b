// Package freeport finds addresses for servers that tests kill and start again.
package freeport

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
)

// Ports below those that systems give to clients by themselves (Linux from
// 32768): while a server is dead, no client's connection takes its port.
const first, last = 20_000, 32_000

// Address gives a loopback address that nobody listens on at the moment.
func Address() (string, error) {
	for range 100 {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(first+rand.IntN(last-first))))
		if err != nil {
			continue // taken
		}
		return l.Addr().String(), l.Close()
	}
	return "", errors.New("no port is free")
}
