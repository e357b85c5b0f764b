package sqlite_test

import (
	"testing"

	"larder/registry"
	"larder/storage/storagetest"
)

func BenchmarkFile(b *testing.B) {
	storagetest.Benchmarks(b, 200_000, func(b *testing.B) registry.Metadata { return open(b, b.TempDir()) })
}
