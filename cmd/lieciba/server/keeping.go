package server

import (
	"context"
	"crypto/x509"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"lieciba"
	"lieciba/cmd/lieciba/config"
	"lieciba/storage/evidence/tsa"
	"lieciba/storage/export"
	"lieciba/storage/pressure"
	"lieciba/storage/retention"
	"lieciba/storage/seal"
	"lieciba/storage/sequencer"
)

// keeping is what makes recordings evidence, and what lets them go when they are
// due. Each part has a loop of its own.
type keeping struct {
	sequencer *sequencer.Sequencer
	sealer    *seal.Sealer
	exporter  *export.Builder
	reaper    *retention.Reaper
	disks     *pressure.Watch
	deletes   func(context.Context) error // asks the store with the account that may delete
}

// openKeeping fails only when ctx ends: what evidence and retention lack is told,
// and recording begins without it. Facts are staged meanwhile, and lost to nobody.
func (s *Server) openKeeping(ctx context.Context) error {
	stamper, err := openStamper(s.cfg.Evidence.Stamp)
	if err != nil {
		s.log.ErrorContext(ctx, "no time stamps are asked for until this is mended and the server started again", "error", err)
	}
	q := sequencer.Config{Catalog: s.catalog, KeyFile: KeyFile(s.cfg), StampEvery: time.Duration(s.cfg.Evidence.Stamp.Every), Log: s.log}
	if stamper != nil {
		q.Stamper = stamper
	}
	s.keep.sequencer = sequencer.New(q)
	if err := s.keep.sequencer.Start(ctx); err != nil && ctx.Err() != nil { // else its Run tries again, and tells
		return err
	}
	s.keep.sealer = seal.New(seal.Config{Catalog: s.catalog, Log: s.log})
	s.openDisks(ctx)
	s.keep.exporter = export.New(export.Config{Catalog: s.catalog, Media: s.media, Log: s.keep.sequencer,
		Dir: ExportDir(s.cfg), Node: s.node, Tool: "lieciba " + s.version, Witnesses: s.cfg.Evidence.Witnesses, StampCertificates: stampRoots(stamper),
		WitnessWait: time.Duration(s.cfg.Export.WitnessWait), Reserve: int64(s.cfg.Disk.Low), Free: s.freeForPackages, Keep: time.Duration(s.cfg.Export.KeepDays) * 24 * time.Hour, Logs: s.log})
	s.openReaper(ctx)
	return ctx.Err()
}

func (s *Server) openDisks(ctx context.Context) {
	folders := []pressure.Folder{{Name: "spool", Path: spoolDir(s.cfg)}, {Name: "exports", Path: ExportDir(s.cfg)}}
	if s.media.Name() == "localfs" && s.cfg.Media.URL == "" {
		folders = append(folders, pressure.Folder{Name: "media", Path: filepath.Join(s.cfg.Data, "media")})
	}
	for _, f := range folders {
		if err := makeData(f.Path); err != nil { // the watch knows it too, and nothing is built there
			s.log.ErrorContext(ctx, "a folder cannot be made", "folder", f.Name, "error", err)
		}
	}
	s.keep.disks = pressure.New(pressure.Config{Folders: folders, Low: int64(s.cfg.Disk.Low), Critical: int64(s.cfg.Disk.Critical), Log: s.log})
}

// spare refuses work that can wait while a disk is low.
func (s *Server) spare() error { return s.keep.disks.Allow(pressure.Background) }

// freeForPackages is what a package may fill; none of it while a disk is low,
// because recording comes first.
func (s *Server) freeForPackages(dir string) (int64, error) {
	if err := s.spare(); err != nil {
		return 0, err
	}
	return export.FreeBytes(dir)
}

// openReaper gives the reaper a store of its own if the configuration names an
// account that may delete. Without it nothing is deleted.
func (s *Server) openReaper(ctx context.Context) {
	media, lacks := s.media, false
	if s.cfg.Media.Reaper != "" {
		c := s.cfg
		c.Media.URL = c.Media.Reaper
		own, err := openMedia(ctx, c, toRecord)
		if err == nil {
			media = own
			s.later(own.Close)
		} else {
			lacks = true
			s.keep.deletes = func(context.Context) error { return err }
			s.log.ErrorContext(ctx, "nothing is deleted until the reaper's account can be used and the server is started again", "error", err)
		}
	}
	if !lacks {
		s.keep.deletes = media.Ping
	}
	s.keep.reaper = retention.New(retention.Config{Catalog: s.catalog, Media: media, Node: s.node, Interval: time.Duration(s.cfg.Retention.Every),
		KeepDue: !s.cfg.Retention.Delete || lacks, NoDates: s.cfg.Media.LockDays == 0, Log: s.log})
}

// keepOn runs the loops of evidence and retention until ctx ends, and joins them.
// They outlive a fault of their own: each repeats what failed.
func (s *Server) keepOn(ctx context.Context) {
	loops := map[string]func(context.Context) error{
		"the hash log": s.keep.sequencer.Run, "seals": s.keep.sealer.Run, "seals after the log": s.sealAfterLog,
		"packages": s.keep.exporter.Run, "notices": s.sendNotices, "readiness checks": s.ready.Run, "retention": s.keep.reaper.Run, "disk alarms": s.keep.disks.Run, "suspicious access": s.alarmWatch().Run}
	var running sync.WaitGroup
	for name, loop := range loops {
		running.Go(func() { again(ctx, name, loop, loopPause, s.log) })
	}
	running.Wait()
}

// loopPause is between the end of a loop that should not have ended and its next start.
const loopPause = 10 * time.Second

// again runs a loop until ctx ends. One that ends before, or panics, is begun
// again: it must neither take the recording down nor be missed in silence.
func again(ctx context.Context, name string, loop func(context.Context) error, pause time.Duration, log *slog.Logger) {
	for {
		err := lieciba.Guard(name, func() error { return loop(ctx) })
		if ctx.Err() != nil {
			return
		}
		log.ErrorContext(ctx, "a part ended that should not, and is begun again", "part", name, "error", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

// parts are what /readyz asks beside catalogue and media store.
func (s *Server) parts() map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"evidence":  func(context.Context) error { return s.keep.sequencer.Stats().LastError },
		"retention": s.keep.deletes,
	}
}

// sealAfterLog looks for what can be sealed whenever the log has grown.
func (s *Server) sealAfterLog(ctx context.Context) error {
	for {
		grown := s.keep.sequencer.Changed()
		select {
		case <-grown:
			s.keep.sealer.Poke()
		case <-ctx.Done():
			return nil
		}
	}
}

// logged tells the recorder whether a segment's leaf is in the hash log.
func (s *Server) logged(ctx context.Context, id lieciba.SegmentID) (bool, error) {
	m, err := s.catalog.Logged(ctx, lieciba.LeafSegment, []string{string(id)})
	return m[string(id)], err
}

// KeyFile is where the hash log's signing key lies.
func KeyFile(c config.Config) string {
	if c.Evidence.Key != "" {
		return c.Evidence.Key
	}
	return filepath.Join(c.Data, sequencer.KeyName)
}

// ExportDir is where evidence packages are built.
func ExportDir(c config.Config) string {
	if c.Export.Dir != "" {
		return c.Export.Dir
	}
	return filepath.Join(c.Data, "exports")
}

// openStamper returns nil without an authority.
func openStamper(c config.Stamp) (*tsa.Client, error) {
	if c.URL == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(c.Roots)
	if err != nil {
		return nil, lieciba.Wrap(err, lieciba.CodeInvalid, "evidence.stamp.roots: %s cannot be read", c.Roots)
	}
	roots, err := tsa.ParseRoots(raw)
	if err != nil {
		return nil, err
	}
	return tsa.New(tsa.Config{URL: c.URL, Roots: roots})
}

// stampRoots are the roots of an authority; none without one.
func stampRoots(c *tsa.Client) []*x509.Certificate {
	if c == nil {
		return nil
	}
	return c.Roots()
}

// clearPackages tells whether packages may leave without encryption, and says so
// loudly: footage of people in a file that anybody can open.
func (s *Server) clearPackages() bool {
	if s.cfg.Export.AllowClear {
		s.log.Warn("evidence packages may be asked for without a recipient's key and are not encrypted then; set export.allow_clear to false")
	}
	return s.cfg.Export.AllowClear
}
