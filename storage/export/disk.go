package export

import (
	"lieciba"
	"lieciba/storage/durable"
)

// FreeBytes is what the file system of dir has for this process, in bytes.
func FreeBytes(dir string) (int64, error) {
	n, _, err := durable.Space(dir)
	return n, err
}

// room refuses to begin what the disk cannot hold beside the reserve. have is
// what the partial file takes already.
func (b *Builder) room(dir string, need, have int64) error {
	free, err := b.c.Free(dir)
	if err != nil {
		return err
	}
	if free+have < need+b.c.Reserve {
		return lieciba.Errorf(lieciba.CodeFull, "the package needs %d MB and %d MB are to stay free, but the disk of %s has %d MB: free space or give export.dir a larger disk",
			mega(need-have), mega(b.c.Reserve), b.c.Dir, mega(free))
	}
	return nil
}

func mega(n int64) int64 { return (n + 999_999) / 1_000_000 }
