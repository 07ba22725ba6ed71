package export

import (
	"context"
	"crypto/sha256"
	"io"
	"slices"

	"lieciba"
	"lieciba/storage/evidence"
	"lieciba/storage/evidence/report"
)

// papers is how many entries stand between the viewing copies and evidence/.
var papers = []string{evidence.ReportLVName, evidence.ReportENName, evidence.KeysName, evidence.ReadmeName, evidence.ManifestName}

// papers writes reports, keys, README and manifest, all of them or again.
func (x *building) papers(ctx context.Context) error {
	first := len(x.natives) + len(x.views)
	if len(x.zip.Entries()) >= first+len(papers) {
		return nil
	}
	if err := x.zip.Rewind(first); err != nil {
		return err
	}
	keys, err := x.keys(ctx)
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name    string
		content []byte
	}{
		{evidence.ReportLVName, report.Render("lv", x.m, keys)},
		{evidence.ReportENName, report.Render("en", x.m, keys)},
		{evidence.KeysName, evidence.Encode(keys)},
		{evidence.ReadmeName, readme(x.m, keys)},
	} {
		if err := x.small(ctx, f.name, f.content); err != nil {
			return err
		}
	}
	m := x.m
	m.Files = x.files()
	return x.small(ctx, evidence.ManifestName, evidence.Encode(m))
}

func (x *building) small(ctx context.Context, name string, content []byte) error {
	return x.put(name, func(w io.Writer) error {
		_, err := (&counted{ctx, w, x.meter}).Write(content)
		return err
	}, nil)
}

// read returns a small entry that is in the package.
func (x *building) read(name string) ([]byte, error) {
	for _, e := range x.zip.Entries() {
		if e.Name == name {
			b := make([]byte, e.Size)
			_, err := io.ReadFull(io.NewSectionReader(x.zip, e.Content(), e.Size), b)
			return b, lieciba.Wrap(err, lieciba.CodeUnavailable, "the partial package cannot be read")
		}
	}
	return nil, lieciba.Errorf(lieciba.CodeInternal, "%s is not in the package", name)
}

// keys lists the keys that the package is to be verified with: the chain of the
// log's keys up to the one that signs now.
func (x *building) keys(ctx context.Context) (evidence.Keys, error) {
	k := evidence.Keys{Log: []string{}, Witnesses: []string{}, Stamps: []string{}}
	if err := x.c.Log.Refresh(ctx); err != nil {
		return k, err
	}
	key := x.c.Log.Key()
	if key == nil {
		return k, lieciba.Errorf(lieciba.CodeUnavailable, "the hash log has no signing key yet")
	}
	for at := key.VerifierKey(); at != ""; {
		l, err := x.c.Catalog.LeafOf(ctx, lieciba.LeafKey, at)
		if err != nil {
			return k, err
		}
		d, err := evidence.KeyOfLeaf(l)
		if err != nil {
			return k, err
		}
		if slices.Contains(k.Log, at) {
			return k, lieciba.Errorf(lieciba.CodeCorrupt, "the keys of the hash log follow each other in a circle")
		}
		k.Log, at = append(k.Log, at), d.Previous
	}
	slices.Reverse(k.Log)
	k.Witnesses = append(k.Witnesses, x.c.Witnesses...)
	k.Stamps = append(k.Stamps, x.c.StampRoots...)
	for _, c := range x.c.StampCertificates {
		if pin := evidence.Hash(sha256.Sum256(c.Raw)).String(); !slices.Contains(k.Stamps, pin) {
			k.Stamps = append(k.Stamps, pin)
		}
	}
	return k, nil
}
