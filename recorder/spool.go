package recorder

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"lieciba"
	"lieciba/storage/durable"
	"lieciba/storage/segment"
)

// spool is the folder of segments that are not in Media yet:
//
//	CAMERA/SEGMENT.mp4.part   grows
//	CAMERA/SEGMENT.mp4        closed, on its way to the catalogue and Media
//	CAMERA/SEGMENT.json       what the file does not know: its recording and run
//	aside/…                   files that could not be used, and torn ends, kept for a person
//	pending/RECORDING.json    gap rows that a catalogue that is away has not taken
//
// All names are UUIDs. Safe for concurrent use.
type spool struct {
	dir  string
	disk *durable.Disk
	lock io.Closer
	size atomic.Int64 // bytes of closed segments; those that grow are added by usage
	grow atomic.Int64 // bytes of segments that grow
}

// sidecar is the .json file beside a segment.
type sidecar struct {
	Recording    lieciba.Recording
	Run          lieciba.Run
	ClockOffset  time.Duration
	ClockQuality lieciba.ClockQuality
}

func openSpool(dir string, disk *durable.Disk) (*spool, error) {
	if disk == nil {
		disk = durable.OS
	}
	if err := disk.MkdirAll(dir, 0o750); err != nil {
		return nil, err
	}
	lock, err := durable.LockDir(dir)
	if err != nil {
		return nil, err
	}
	s := &spool{dir: dir, disk: disk, lock: lock}
	list, err := s.files()
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	for _, f := range list {
		s.size.Add(f.size)
	}
	return s, nil
}

func (s *spool) close() error { return s.lock.Close() }

// path is a segment's final name in the spool.
func (s *spool) path(camera lieciba.CameraID, id lieciba.SegmentID) string {
	return filepath.Join(s.dir, string(camera), string(id)+".mp4")
}

func sidecarPath(segmentPath string) string { return strings.TrimSuffix(segmentPath, ".mp4") + ".json" }

// prepare makes the camera's folder and the segment's sidecar.
func (s *spool) prepare(camera lieciba.CameraID, id lieciba.SegmentID, c sidecar) (path string, err error) {
	path = s.path(camera, id)
	if _, err := os.Stat(filepath.Dir(path)); errors.Is(err, fs.ErrNotExist) {
		if err := s.disk.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			return "", err
		}
	}
	b, err := json.Marshal(c)
	if err != nil {
		return "", lieciba.Wrap(err, lieciba.CodeInternal, "a sidecar cannot be written")
	}
	return path, s.disk.WriteFile(sidecarPath(path), b, 0o640)
}

func (s *spool) sidecar(segmentPath string) (sidecar, error) {
	var c sidecar
	b, err := os.ReadFile(sidecarPath(segmentPath))
	if err != nil {
		return c, durable.Error(err)
	}
	return c, lieciba.Wrap(json.Unmarshal(b, &c), lieciba.CodeCorrupt, "a sidecar in the spool cannot be read")
}

// remove deletes a segment's files: the bytes first, so that a sidecar is never
// missing beside bytes.
func (s *spool) remove(camera lieciba.CameraID, id lieciba.SegmentID) error {
	path := s.path(camera, id)
	var size int64
	if info, err := os.Stat(path); err == nil {
		size = info.Size()
	}
	if err := s.disk.Remove(path); err != nil {
		return err
	}
	s.size.Add(-size)
	return s.disk.Remove(sidecarPath(path))
}

// setAside keeps a segment's file that cannot be used where a person finds it,
// with its sidecar. It does not count as waiting for upload any more.
func (s *spool) setAside(path string) error {
	dir := filepath.Join(s.dir, asideDir)
	if err := s.disk.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	move := func(path string) error { return s.disk.Rename(path, filepath.Join(dir, filepath.Base(path))) }
	info, err := os.Stat(path)
	if err != nil {
		return durable.Error(err)
	}
	if err := move(path); err != nil {
		return err
	}
	s.size.Add(-info.Size())
	if err := move(sidecarPath(strings.TrimSuffix(path, segment.PartSuffix))); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// keepTail copies the end of the file at path to aside/NAME.tail-OFFSET.
func (s *spool) keepTail(path string, t segment.Tail) error {
	if err := s.disk.MkdirAll(filepath.Join(s.dir, asideDir), 0o750); err != nil {
		return err
	}
	name := fmt.Sprintf("%s.tail-%d", strings.TrimSuffix(filepath.Base(path), segment.PartSuffix), t.Offset)
	kept := filepath.Join(s.dir, asideDir, name)
	tmp := kept + durable.TempSuffix
	if err := s.disk.Remove(tmp); err != nil { // of a try that a crash ended
		return err
	}
	return s.disk.CopyFile(kept, tmp, t, t.Size, 0o640, nil)
}

// Folders of the spool that hold no segments.
const (
	asideDir   = "aside"
	pendingDir = "pending"
)

// spooled is a segment's file that was found.
type spooled struct {
	path string // as it is, with .part or not
	size int64
	part bool
}

// files lists the segments in the spool. Temporary files and sidecars without
// a segment, which a crash left, are removed.
func (s *spool) files() ([]spooled, error) {
	dirs, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, durable.Error(err)
	}
	var out []spooled
	for _, d := range dirs {
		if !d.IsDir() || d.Name() == asideDir || d.Name() == pendingDir {
			continue
		}
		list, err := s.folder(filepath.Join(s.dir, d.Name()))
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	return out, nil
}

// folder is files for one camera.
func (s *spool) folder(dir string) ([]spooled, error) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, durable.Error(err)
	}
	var out []spooled
	used, garbage := map[string]bool{}, []string{}
	for _, f := range list {
		path := filepath.Join(dir, f.Name())
		whole, part := strings.CutSuffix(path, segment.PartSuffix)
		switch {
		case strings.HasSuffix(path, durable.TempSuffix):
			garbage = append(garbage, path)
		case strings.HasSuffix(whole, ".mp4"):
			info, err := f.Info()
			if err != nil {
				return nil, durable.Error(err)
			}
			used[sidecarPath(whole)] = true
			out = append(out, spooled{path: path, size: info.Size(), part: part})
		}
	}
	for _, f := range list {
		if path := filepath.Join(dir, f.Name()); strings.HasSuffix(path, ".json") && !used[path] {
			garbage = append(garbage, path)
		}
	}
	for _, path := range garbage {
		if err := s.disk.Remove(path); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// usage is how many bytes of segments the spool holds.
func (s *spool) usage() int64 { return s.size.Load() + s.grow.Load() }

// free is how many bytes the spool's file system has left for us.
func (s *spool) free() (int64, error) {
	n, _, err := durable.Space(s.dir)
	return n, err
}

// gate decides whether there is room to record. used is where it stopped last:
// it opens again only when some room has come back.
type gate struct{ shut lieciba.GapCause }

// check is pure: it returns the cause that forbids recording, or "".
func (g *gate) check(usage, maxBytes, free, minFree int64) lieciba.GapCause {
	switch {
	case free < minFree || g.shut == lieciba.CauseDiskFull && free < minFree+minFree/4:
		g.shut = lieciba.CauseDiskFull
	case usage > maxBytes || g.shut == lieciba.CauseStoreUnavailable && usage > maxBytes/20*19:
		g.shut = lieciba.CauseStoreUnavailable
	default:
		g.shut = ""
	}
	return g.shut
}
