package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"lieciba"
	"lieciba/storage/evidence"
	"lieciba/storage/sequencer"
)

// logCheckpoint answers the newest checkpoint as a signed note with what
// witnesses cosigned of it: the one thing that a witness must be able to pull.
func (s *Server) logCheckpoint(c *call) error {
	cp, err := s.cfg.Catalog.NewestCheckpoint(c.ctx())
	if lieciba.CodeOf(err) == lieciba.CodeNotFound {
		return lieciba.Errorf(lieciba.CodeNotFound, "the log has no checkpoint yet: ask again in a moment")
	}
	if err != nil {
		return err
	}
	list, err := s.cfg.Catalog.Cosignatures(c.ctx(), cp.Size)
	if err != nil {
		return err
	}
	var lines []string
	for _, x := range list {
		lines = append(lines, x.Line)
	}
	signed, err := evidence.WithCosignatures(cp.Note, lines...)
	if err != nil {
		return err
	}
	c.gin.Data(http.StatusOK, "text/plain; charset=utf-8", signed)
	return nil
}

// maxLogSize bounds what a caller may name as the size of a log.
const maxLogSize = 1 << 48

// querySize reads a size or an index of the log: decimal digits, no sign.
func (c *call) querySize(name string) (int64, error) {
	text := c.gin.Query(name)
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil || n > maxLogSize || strconv.FormatUint(n, 10) != text {
		return 0, lieciba.Invalid(name, "must be a number of entries of the log, from 0 on")
	}
	return int64(n), nil
}

// queryRange reads from and to, from ≤ to ≤ the log's size.
func (s *Server) queryRange(c *call) (from, to int64, err error) {
	if from, err = c.querySize("from"); err != nil {
		return 0, 0, err
	}
	if to, err = c.querySize("to"); err != nil {
		return 0, 0, err
	}
	if to < from {
		return 0, 0, lieciba.Invalid("to", "must not be below from")
	}
	newest, err := s.newestCheckpoint(c.ctx())
	if err == nil && to > newest.Size {
		err = lieciba.Invalid("to", "the log has %d entries", newest.Size)
	}
	return from, to, err
}

type hashesView struct {
	From   int64           `json:"from"`
	To     int64           `json:"to"`
	Hashes []evidence.Hash `json:"hashes"`
}

// logConsistency proves that the log of size to starts with all of the log of
// size from (RFC 6962, 2.1.2). From the empty log the proof is empty.
func (s *Server) logConsistency(c *call) error {
	from, to, err := s.queryRange(c)
	if err != nil {
		return err
	}
	out := hashesView{From: from, To: to, Hashes: []evidence.Hash{}}
	if from > 0 {
		proof, err := evidence.ProveTree(to, from, func(indexes []int64) ([][32]byte, error) {
			return s.cfg.Catalog.LogHashes(c.ctx(), indexes)
		})
		if err != nil {
			return err
		}
		for _, h := range proof {
			out.Hashes = append(out.Hashes, h)
		}
	}
	return c.ok(out)
}

// leafView is what enters the tree, without the salt and the detail: nobody can
// guess a detail from it.
type leafView struct {
	Index      int64            `json:"index"`
	Kind       lieciba.LeafKind `json:"kind"`
	Subject    string           `json:"subject"`
	At         stamp            `json:"at"`
	Commitment evidence.Hash    `json:"commitment"`
}

func (s *Server) logLeaves(c *call) error {
	from, to, err := s.queryRange(c)
	if err != nil {
		return err
	}
	list, err := s.cfg.Catalog.Leaves(c.ctx(), from, to)
	if err != nil {
		return err
	}
	out := items[leafView]{Items: []leafView{}}
	for _, l := range list {
		out.Items = append(out.Items, leafView{l.Index, l.Kind, l.Subject, stamp(l.At), l.Commitment})
	}
	return c.ok(out)
}

// logKeys answers the log's keys, first one first, each with the note by which
// the one before handed over to it: so that a witness or a verifier that trusts
// an older key can follow.
func (s *Server) logKeys(c *call) error {
	key := s.cfg.LogKey()
	if key == "" {
		return notHere("the log's key is not known")
	}
	_, details, err := sequencer.KeyLeaves(c.ctx(), s.cfg.Catalog, key)
	if lieciba.CodeOf(err) == lieciba.CodeNotFound {
		return lieciba.Errorf(lieciba.CodeNotFound, "the log has no key yet: ask again in a moment")
	}
	if err != nil {
		return err
	}
	return c.ok(items[evidence.KeyDetail]{Items: orEmpty(details)})
}

type witnessView struct {
	Name string `json:"name"`
	Size int64  `json:"size"` // newest that it cosigned; 0: none
	At   *stamp `json:"at"`
}

type timeStampView struct {
	Authority string `json:"authority"`
	Size      int64  `json:"size"`
	At        stamp  `json:"at"`
}

type logStateView struct {
	Origin         string          `json:"origin"`
	Size           int64           `json:"size"`
	Root           *string         `json:"root"`
	At             *stamp          `json:"at"`
	Staged         int             `json:"staged"`
	OldestStagedAt *stamp          `json:"oldest_staged_at"`
	Key            string          `json:"key"`
	Fingerprint    string          `json:"fingerprint"`
	Witnesses      []witnessView   `json:"witnesses"`
	Stamps         []timeStampView `json:"stamps"`
}

func (s *Server) logState(c *call) error {
	cp, err := s.newestCheckpoint(c.ctx())
	if err != nil {
		return err
	}
	out := logStateView{Origin: cp.Origin, Size: cp.Size, Root: optionalHash(cp.Root), At: optionalStamp(cp.At), Key: s.cfg.LogKey(),
		Witnesses: []witnessView{}, Stamps: []timeStampView{}}
	if out.Key != "" {
		out.Fingerprint = evidence.Fingerprint(out.Key)
	}
	var oldest time.Time
	if out.Staged, oldest, err = s.cfg.Catalog.StagedLeaves(c.ctx()); err != nil {
		return err
	}
	out.OldestStagedAt = optionalStamp(oldest)
	if out.Witnesses, err = s.witnessStates(c.ctx()); err != nil {
		return err
	}
	stamps, err := s.cfg.Catalog.TimeStamps(c.ctx(), cp.Size)
	if err != nil {
		return err
	}
	for _, t := range stamps {
		out.Stamps = append(out.Stamps, timeStampView{t.Authority, t.Size, stamp(t.At)})
	}
	return c.ok(out)
}

// witnessStates lists the witnesses that are configured, with what each cosigned
// last: one that never did must show.
func (s *Server) witnessStates(ctx context.Context) ([]witnessView, error) {
	newest, err := s.cfg.Catalog.NewestCosignatures(ctx)
	if err != nil {
		return nil, err
	}
	out := []witnessView{}
	for _, w := range s.witnesses {
		v := witnessView{Name: w.Name()}
		for _, x := range newest {
			if x.Witness == v.Name {
				v.Size, v.At = x.Size, optionalStamp(x.At)
			}
		}
		out = append(out, v)
	}
	return out, nil
}

type newCosignature struct {
	Size *int64 `json:"size"`
	Line string `json:"line"`
}

// maxLine bounds a signature line, in bytes.
const maxLine = 1024

// cosign takes a witness's signature on a checkpoint. It makes no audit entry:
// the line is its own signed trace, and an entry would be a new leaf, so a new
// checkpoint, so a new cosignature, without end.
func (s *Server) cosign(c *call) error {
	var in newCosignature
	if err := c.read(&in); err != nil {
		return err
	}
	if in.Size == nil || *in.Size < 1 || *in.Size > maxLogSize {
		return lieciba.Invalid("size", "must be the size of the checkpoint that was signed")
	}
	if len(in.Line) > maxLine {
		return lieciba.Invalid("line", "must have at most %d bytes", maxLine)
	}
	list, err := s.cfg.Catalog.Checkpoints(c.ctx(), *in.Size-1)
	if err != nil {
		return err
	}
	if len(list) == 0 || list[0].Size != *in.Size {
		return &lieciba.Error{Code: lieciba.CodeConflict, Field: "size", Message: "there is no checkpoint of this size: pull the newest one and sign that"}
	}
	x, err := s.judgeCosignature(list[0], in.Line, c.now)
	if err != nil {
		c.auditRefusal(lieciba.ActCosign, target{what: "checkpoint", id: strconv.FormatInt(*in.Size, 10)}, lieciba.CodeOf(err))
		return err
	}
	if err := s.cfg.Catalog.PutCosignature(c.ctx(), x); err != nil {
		return err
	}
	return c.noContent()
}

// judgeCosignature verifies a line with the key of the witness that it names.
func (s *Server) judgeCosignature(cp lieciba.Checkpoint, line string, now time.Time) (lieciba.Cosignature, error) {
	refused := func(cause error, message string) error {
		return &lieciba.Error{Code: lieciba.CodeRefused, Field: "line", Message: message, Cause: cause}
	}
	_, n, err := evidence.UnverifiedCheckpoint(cp.Note)
	if err != nil {
		return lieciba.Cosignature{}, err
	}
	sig, err := evidence.ParseSignature(line)
	if err != nil {
		return lieciba.Cosignature{}, refused(err, "is no signature line of a signed note: an em dash, the witness's name and its signature in base64")
	}
	for _, w := range s.witnesses {
		if w.Name() != sig.Name || w.KeyHash() != sig.Hash {
			continue
		}
		at, err := evidence.CheckCosignature(w, n.Text, line)
		if err != nil {
			return lieciba.Cosignature{}, refused(err, "this signature is not one of the witness on this checkpoint")
		}
		if at.After(now.Add(time.Hour)) {
			return lieciba.Cosignature{}, refused(nil, "was signed at a time that has not come: set the witness's clock")
		}
		return lieciba.Cosignature{Size: cp.Size, Witness: w.Name(), At: at, Line: line}, nil
	}
	return lieciba.Cosignature{}, refused(nil, "is of a key that is no witness here: have it configured first")
}
