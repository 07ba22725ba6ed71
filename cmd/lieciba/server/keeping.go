package server

import (
	"context"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
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
}

func (s *Server) openKeeping(ctx context.Context) error {
	stamper, err := openStamper(s.cfg.Evidence.Stamp)
	if err != nil {
		return err
	}
	q := sequencer.Config{Catalog: s.catalog, KeyFile: KeyFile(s.cfg), StampEvery: time.Duration(s.cfg.Evidence.Stamp.Every), Log: s.log}
	if stamper != nil {
		q.Stamper = stamper
	}
	s.keep.sequencer = sequencer.New(q)
	if err := s.keep.sequencer.Start(ctx); err != nil {
		return err
	}
	s.keep.sealer = seal.New(seal.Config{Catalog: s.catalog, Log: s.log})
	if err := s.openDisks(); err != nil {
		return err
	}
	s.keep.exporter = export.New(export.Config{Catalog: s.catalog, Media: s.media, Log: s.keep.sequencer,
		Dir: ExportDir(s.cfg), Node: s.node, Tool: "lieciba " + s.version, Witnesses: s.cfg.Evidence.Witnesses, StampCertificates: stampRoots(stamper),
		WitnessWait: time.Duration(s.cfg.Export.WitnessWait), Reserve: int64(s.cfg.Disk.Low), Free: s.freeForPackages, Keep: time.Duration(s.cfg.Export.KeepDays) * 24 * time.Hour, Logs: s.log})
	return s.openReaper(ctx)
}

func (s *Server) openDisks() error {
	folders := []pressure.Folder{{Name: "spool", Path: spoolDir(s.cfg)}, {Name: "exports", Path: ExportDir(s.cfg)}}
	if s.media.Name() == "localfs" && s.cfg.Media.URL == "" {
		folders = append(folders, pressure.Folder{Name: "media", Path: filepath.Join(s.cfg.Data, "media")})
	}
	for _, f := range folders {
		if err := makeData(f.Path); err != nil {
			return err
		}
	}
	s.keep.disks = pressure.New(pressure.Config{Folders: folders, Low: int64(s.cfg.Disk.Low), Critical: int64(s.cfg.Disk.Critical), Log: s.log})
	return nil
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
// account that may delete.
func (s *Server) openReaper(ctx context.Context) error {
	media := s.media
	if s.cfg.Media.Reaper != "" {
		c := s.cfg
		c.Media.URL = c.Media.Reaper
		var err error
		if media, err = openMedia(ctx, c, toRecord); err != nil {
			return err
		}
		s.later(media.Close)
	}
	s.keep.reaper = retention.New(retention.Config{Catalog: s.catalog, Media: media, Node: s.node,
		Interval: time.Duration(s.cfg.Retention.Every), KeepDue: !s.cfg.Retention.Delete, NoDates: s.cfg.Media.LockDays == 0, Log: s.log})
	return nil
}

// keepOn runs the loops of evidence and retention until ctx ends, and joins them.
// They outlive a fault of their own: each repeats what failed.
func (s *Server) keepOn(ctx context.Context) error {
	loops := []func(context.Context) error{s.keep.sequencer.Run, s.keep.sealer.Run, s.sealAfterLog,
		s.keep.exporter.Run, s.keep.reaper.Run, s.keep.disks.Run}
	ended := make(chan error, len(loops))
	for _, loop := range loops {
		go func() { ended <- loop(ctx) }()
	}
	var errs []error
	for range loops {
		errs = append(errs, <-ended)
	}
	return errors.Join(errs...)
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
