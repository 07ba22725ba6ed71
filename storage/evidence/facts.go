package evidence

import (
	"crypto/rand"
	"time"

	"lieciba"
)

// The leaves of the facts that a catalogue stages in the fact's own transaction.
// A leaf bears the time of its fact, so that it says the same whenever it is
// staged: at once, or for a row from before there was a log.

// ReleasedSuffix makes the subject of a hold's release from the hold's ID.
const ReleasedSuffix = ":released"

// LeafOfSegment is the leaf of a closed segment, at its end.
func LeafOfSegment(s lieciba.Segment) lieciba.Leaf {
	return NewLeaf(lieciba.LeafSegment, string(s.ID), s.To, DetailOfSegment(s))
}

// LeafOfGap is the leaf of a gap that has ended, at its end.
func LeafOfGap(g lieciba.Gap) lieciba.Leaf {
	return NewLeaf(lieciba.LeafGap, string(g.ID), g.To, DetailOfGap(g))
}

// LeafOfAudit is the leaf of one entry of the audit log.
func LeafOfAudit(e lieciba.AuditEntry) lieciba.Leaf {
	return NewLeaf(lieciba.LeafAudit, string(e.ID), e.At, DetailOfAudit(e))
}

// LeafOfSeal is the leaf of a recording's seal.
func LeafOfSeal(s lieciba.Seal) lieciba.Leaf {
	return NewLeaf(lieciba.LeafSeal, string(s.RecordingID), s.At, DetailOfSeal(s))
}

// LeafOfPolicy is the leaf of an approved version of a policy.
func LeafOfPolicy(p lieciba.RetentionPolicy) lieciba.Leaf {
	return NewLeaf(lieciba.LeafPolicy, string(p.ID), p.ApprovedAt, DetailOfPolicy(p))
}

// LeafOfHold is the leaf of a hold's placing.
func LeafOfHold(h lieciba.Hold) lieciba.Leaf {
	h.ReleasedBy, h.ReleasedAt = "", time.Time{}
	return NewLeaf(lieciba.LeafHold, string(h.ID), h.PlacedAt, DetailOfHold(h))
}

// LeafOfRelease is the leaf of a hold's release.
func LeafOfRelease(h lieciba.Hold) lieciba.Leaf {
	return NewLeaf(lieciba.LeafHold, string(h.ID)+ReleasedSuffix, h.ReleasedAt, DetailOfHold(h))
}

// LeafOfDeletion is the leaf of a deletion that is done: its detail is the
// certificate, byte for byte.
func LeafOfDeletion(d lieciba.Deletion) lieciba.Leaf {
	l := lieciba.Leaf{Index: -1, Kind: lieciba.LeafDeletion, Subject: string(d.ID), At: lieciba.Micro(d.DoneAt), Detail: d.Certificate}
	_, _ = rand.Read(l.Salt[:]) // documented never to fail
	l.Commitment = Commitment(l.Salt, l.Detail)
	return l
}

// CheckLeafRow checks what a catalogue is given to stage, or has read back: the
// commitment must be that of salt and detail. CodeInvalid names the field.
func CheckLeafRow(l lieciba.Leaf) error {
	if l.Commitment != Commitment(l.Salt, l.Detail) {
		return lieciba.Invalid("commitment", "is not the hash of the leaf's salt and detail")
	}
	return nil
}
