package mem_test

import (
	"testing"

	"larder/registry"
	"larder/storage/mem"
	"larder/storage/storagetest"
)

func TestBlobs(t *testing.T) {
	storagetest.Blobs(t, func(*testing.T) registry.Blobs { return mem.New() })
}
