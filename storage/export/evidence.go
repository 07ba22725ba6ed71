package export

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"lieciba"
	"lieciba/storage/evidence"
)

// proof names the entries of evidence/, in order.
var proof = []string{evidence.ProofsName, evidence.CheckpointName, evidence.StampsName, evidence.ClosingName}

// evidence puts the manifest's hash into the log and writes what proves it: all
// four files or again.
func (x *building) evidence(ctx context.Context) error {
	first := len(x.natives) + len(x.views) + len(papers)
	x.e.Manifest = x.zip.Entries()[first-1].SHA256
	if len(x.zip.Entries()) >= first+len(proof) {
		return nil
	}
	if err := x.zip.Rewind(first); err != nil {
		return err
	}
	var keys evidence.Keys
	b, err := x.read(evidence.KeysName)
	if err != nil {
		return err
	}
	if err := evidence.Decode(b, &keys); err != nil {
		return err
	}
	leaf, err := x.stage(ctx)
	if err != nil {
		return err
	}
	c, err := x.checkpoint(ctx, leaf, keys)
	if err != nil {
		return err
	}
	files, err := x.proofs(ctx, leaf, c, keys)
	if err != nil {
		return err
	}
	key := x.c.Log.Key()
	if key == nil || key.VerifierKey() != keys.Log[len(keys.Log)-1] {
		return errRotated
	}
	if files[evidence.ClosingName], err = evidence.SignClosing(key, files); err != nil {
		return err
	}
	for _, name := range proof {
		if err := x.small(ctx, name, files[name]); err != nil {
			return err
		}
	}
	return nil
}

var errRotated = lieciba.Errorf(lieciba.CodeConflict, "the log's key was changed while the package was built: ask for the package again")

// stage puts the export's leaf into the log. The same manifest again is the
// same leaf.
func (x *building) stage(ctx context.Context) (lieciba.Leaf, error) {
	detail := evidence.ExportDetail{ID: x.e.ID, SessionID: x.e.SessionID, Manifest: x.e.Manifest}
	err := x.c.Catalog.StageLeaf(ctx, evidence.NewLeaf(lieciba.LeafExport, string(x.e.ID), x.m.CreatedAt.Time, detail))
	if lieciba.CodeOf(err) == lieciba.CodeConflict {
		return lieciba.Leaf{}, lieciba.Wrap(err, lieciba.CodeConflict, "another manifest of this export is in the hash log already, and its files are gone: ask for the package again")
	}
	if err != nil {
		return lieciba.Leaf{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, x.c.SequenceWait)
	defer cancel()
	return x.c.Log.Await(ctx, lieciba.LeafExport, string(x.e.ID))
}

// chosen is the checkpoint that the package is proved by.
type chosen struct {
	lieciba.Checkpoint
	note  evidence.Note
	lines []string // cosignatures that are valid
}

// checkpoint chooses the first that covers the leaf and that all witnesses
// cosigned. It waits for them a bounded time; then the best that is there has to
// do, and the verifier says that it is not witnessed.
func (x *building) checkpoint(ctx context.Context, leaf lieciba.Leaf, keys evidence.Keys) (chosen, error) {
	until := time.NewTimer(x.c.WitnessWait)
	defer until.Stop()
	look := time.NewTicker(time.Second)
	defer look.Stop()
	for told := false; ; told = true {
		best, err := x.best(ctx, leaf, keys)
		if err != nil || len(best.lines) == len(keys.Witnesses) {
			return best, err
		}
		if x.c.Waiting != nil && !told {
			x.c.Waiting(len(keys.Witnesses)-len(best.lines), x.c.WitnessWait)
		}
		select {
		case <-ctx.Done():
			return best, stopped(ctx)
		case <-until.C:
			x.c.Logs.WarnContext(ctx, "a package is not cosigned by all witnesses", "export", x.e.ID, "cosignatures", len(best.lines), "witnesses", len(keys.Witnesses))
			return best, nil
		case <-look.C:
		}
	}
}

// best finds the checkpoint with the most cosignatures, of those the oldest.
func (x *building) best(ctx context.Context, leaf lieciba.Leaf, keys evidence.Keys) (best chosen, err error) {
	sizes, err := x.candidates(ctx, leaf)
	if err != nil {
		return best, err
	}
	log, err := evidence.NewVerifiers(keys.Log...)
	if err != nil {
		return best, err
	}
	witnesses, err := evidence.NewVerifiers(keys.Witnesses...)
	if err != nil {
		return best, err
	}
	for _, size := range sizes {
		list, err := x.c.Catalog.Checkpoints(ctx, size-1)
		if err != nil {
			return best, err
		}
		if len(list) == 0 || list[0].Size != size {
			continue
		}
		c := chosen{Checkpoint: list[0]}
		if c.note, err = evidence.ParseNote(c.Note); err != nil {
			return best, err
		}
		by, unknown, err := c.note.Check(log...)
		if err != nil {
			return best, err
		}
		if len(unknown) > 0 || !slices.Contains(by, log[len(log)-1]) {
			continue // of another key
		}
		if c.lines, err = x.cosigned(ctx, c, witnesses); err != nil {
			return best, err
		}
		if best.Size == 0 || len(c.lines) > len(best.lines) {
			best = c
		}
	}
	if best.Size == 0 {
		return best, errRotated
	}
	return best, nil
}

// candidates are the size of the first checkpoint that covers the leaf, and
// those that a witness cosigned last.
func (x *building) candidates(ctx context.Context, leaf lieciba.Leaf) ([]int64, error) {
	list, err := x.c.Catalog.Checkpoints(ctx, leaf.Index)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, lieciba.Errorf(lieciba.CodeCorrupt, "leaf %d of the hash log has no checkpoint", leaf.Index)
	}
	sizes := []int64{list[0].Size}
	newest, err := x.c.Catalog.NewestCosignatures(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range newest {
		if c.Size > leaf.Index {
			sizes = append(sizes, c.Size)
		}
	}
	slices.Sort(sizes)
	return slices.Compact(sizes), nil
}

// cosigned returns one valid line for each witness that cosigned.
func (x *building) cosigned(ctx context.Context, c chosen, witnesses []evidence.Verifier) (lines []string, err error) {
	if len(witnesses) == 0 {
		return nil, nil
	}
	list, err := x.c.Catalog.Cosignatures(ctx, c.Size)
	if err != nil {
		return nil, err
	}
	for _, w := range witnesses {
		for _, s := range list {
			if _, err := evidence.CheckCosignature(w, c.note.Text, s.Line); err == nil {
				lines = append(lines, s.Line)
				break
			}
		}
	}
	return lines, nil
}

// proofs makes the files that closing.txt closes, by name.
func (x *building) proofs(ctx context.Context, export lieciba.Leaf, c chosen, keys evidence.Keys) (map[string][]byte, error) {
	leaves, err := x.leaves(ctx, export, keys)
	if err != nil {
		return nil, err
	}
	proofs := evidence.Proofs{Size: c.Size}
	proofs.Leaves, err = evidence.ProveLeaves(leaves, c.Size, func(i []int64) ([][32]byte, error) { return x.c.Catalog.LogHashes(ctx, i) })
	if err != nil {
		return nil, err
	}
	for _, p := range proofs.Leaves { // what does not hold here must not leave the house
		if _, err := p.Check(c.Size, c.Root); err != nil {
			return nil, err
		}
	}
	note, err := evidence.WithCosignatures(c.Note, c.lines...)
	if err != nil {
		return nil, err
	}
	stamps, err := x.stamps(ctx, c.Checkpoint)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{evidence.ProofsName: evidence.Encode(proofs), evidence.CheckpointName: note, evidence.StampsName: evidence.Encode(stamps)}, nil
}

// leaves collects: export, seals, segments and gaps by recording and time, the
// session's incidents, part events, readiness and audit entries, keys.
func (x *building) leaves(ctx context.Context, export lieciba.Leaf, keys evidence.Keys) ([]lieciba.Leaf, error) {
	out := []lieciba.Leaf{export}
	var err error
	add := func(kind lieciba.LeafKind, subject string) {
		if err != nil {
			return
		}
		var l lieciba.Leaf
		if l, err = x.c.Catalog.LeafOf(ctx, kind, subject); err == nil {
			out = append(out, l)
		}
	}
	for _, r := range x.m.Recordings {
		add(lieciba.LeafSeal, string(r.ID))
	}
	for _, r := range x.m.Recordings {
		for _, s := range r.Segments {
			add(lieciba.LeafSegment, string(s.ID))
		}
		for _, g := range r.Gaps {
			add(lieciba.LeafGap, string(g.ID))
		}
	}
	for _, e := range x.m.Incidents {
		add(lieciba.LeafIncident, string(e.ID))
	}
	for _, e := range x.m.PartEvents {
		add(lieciba.LeafPart, string(e.ID))
	}
	for _, e := range x.m.Readiness {
		add(lieciba.LeafReadiness, string(e.ID))
	}
	for _, e := range x.m.Access {
		add(lieciba.LeafAudit, string(e.ID))
	}
	for _, k := range keys.Log {
		add(lieciba.LeafKey, k)
	}
	if err != nil {
		return nil, err
	}
	// Every fact was staged before the export's leaf, so it stands before it.
	for _, l := range out {
		if l.Index < 0 || l.Index > export.Index {
			return nil, lieciba.Errorf(lieciba.CodeCorrupt, "the leaf of %s %s does not stand before the export's in the hash log", l.Kind, l.Subject)
		}
	}
	return out, nil
}

// stamps gets a time stamp for the checkpoint. An authority that does not
// answer must not hold a package back.
func (x *building) stamps(ctx context.Context, c lieciba.Checkpoint) (evidence.Stamps, error) {
	out := evidence.Stamps{Tokens: []evidence.StampToken{}}
	list, err := x.c.Log.Stamp(ctx, c.Size)
	if err != nil {
		if ctx.Err() != nil {
			return out, stopped(ctx)
		}
		if lieciba.CodeOf(err) != lieciba.CodeUnsupported {
			x.c.Logs.WarnContext(ctx, "a package gets no time stamp", "export", x.e.ID, "error", err)
		}
		if list, err = x.c.Catalog.TimeStamps(ctx, c.Size); err != nil {
			return out, err
		}
	}
	for _, t := range list {
		token := evidence.StampToken{Authority: t.Authority, Token: t.Token, Root: []byte{}}
		if s, err := evidence.CheckStamp(t.Token, c.Note, x.c.StampCertificates); err == nil {
			token.Root = s.Root.Raw
		}
		out.Tokens = append(out.Tokens, token)
	}
	return out, nil
}

// sumAll reads r whole through the meter.
func (x *building) sumAll(ctx context.Context, dst io.Writer, r io.ReaderAt, size int64) error {
	n, err := io.CopyBuffer(&counted{ctx, dst, x.meter}, struct{ io.Reader }{io.NewSectionReader(r, 0, size)}, x.buf)
	if err == nil && n != size {
		err = errors.New("short file")
	}
	return err
}
