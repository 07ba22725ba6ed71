package server

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"lieciba"
	"lieciba/storage/durable"
)

// nodeID reads the identity of the node that owns a data folder, and makes one
// for a new folder. It stays the same when the machine is renamed or replaced.
func nodeID(dir string) (lieciba.NodeID, error) {
	path := filepath.Join(dir, "node.id")
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		id := lieciba.NewID[lieciba.NodeID](time.Now())
		return id, durable.WriteFile(path, []byte(id+"\n"), 0o600)
	}
	if err != nil {
		return "", durable.Error(err)
	}
	id, err := lieciba.ParseID[lieciba.NodeID]("node.id", strings.TrimSpace(string(raw)))
	return id, lieciba.Wrap(err, lieciba.CodeCorrupt, "%s does not hold a node's ID: restore it from a backup; a new one would orphan the spool", path)
}
