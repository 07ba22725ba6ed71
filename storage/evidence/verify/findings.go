package verify

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"

	"lieciba"
	"lieciba/storage/evidence"
)

// Severity says what a finding means for the verdict.
type Severity string

// The severities.
const (
	SeverityAltered      Severity = "altered"
	SeverityUnverifiable Severity = "unverifiable"
	SeverityNote         Severity = "note"
)

// Code names a kind of finding; codes are stable (EVIDENCE.md).
type Code string

// The codes.
const (
	CodeNoPackage   Code = "no_package"
	CodeUnreadable  Code = "unreadable"
	CodeNoIdentity  Code = "no_identity"
	CodeTooLarge    Code = "too_large"
	CodeFormat      Code = "format_unknown"
	CodeContainer   Code = "container"
	CodeRepacked    Code = "container_repacked"
	CodeLeftover    Code = "leftover"
	CodeEncryption  Code = "encryption"
	CodeOrder       Code = "file_order"
	CodeNoFile      Code = "file_not_regular"
	CodeMissing     Code = "file_missing"
	CodeExtra       Code = "file_extra"
	CodeChanged     Code = "file_changed"
	CodeRenamed     Code = "file_renamed"
	CodeSwapped     Code = "file_swapped"
	CodeSegment     Code = "segment_changed"
	CodeCut         Code = "segment_cut"
	CodeLonger      Code = "segment_longer"
	CodeRemoved     Code = "segment_piece_removed"
	CodeHead        Code = "segment_head_changed"
	CodeReplaced    Code = "segment_replaced"
	CodeIdentity    Code = "segment_identity"
	CodeManifest    Code = "manifest_form"
	CodeManifestSum Code = "manifest_changed"
	CodeContent     Code = "manifest_content"
	CodeCoverage    Code = "coverage"
	CodeCameraGone  Code = "camera_missing"
	CodeLeftOut     Code = "camera_left_out"
	CodeKeys        Code = "keys"
	CodeKeyChain    Code = "key_chain"
	CodeKeyOther    Code = "key_other"
	CodeNotCompared Code = "key_not_compared"
	CodeCheckpoint  Code = "checkpoint"
	CodeSignature   Code = "signature_unknown"
	CodeCosignature Code = "cosignature"
	CodeNoWitness   Code = "witness_missing"
	CodeNotWitness  Code = "not_witnessed"
	CodeWitnessOpen Code = "witness_not_compared"
	CodeClosing     Code = "closing"
	CodeStamps      Code = "stamps"
	CodeStampOpen   Code = "stamp_not_trusted"
	CodeProofs      Code = "proofs"
	CodeProof       Code = "proof_wrong"
	CodeProofNone   Code = "proof_missing"
	CodeProofExtra  Code = "proof_extra"
	CodeLeaf        Code = "leaf_differs"
)

// Finding is one thing that is wrong, or worth knowing.
type Finding struct {
	Code      Code              `json:"code"`
	Severity  Severity          `json:"severity"`
	File      string            `json:"file"`
	SegmentID lieciba.SegmentID `json:"segment_id"`
	CameraID  lieciba.CameraID  `json:"camera_id"`
	Camera    string            `json:"camera"`
	From      evidence.Time     `json:"from"`
	To        evidence.Time     `json:"to"`
	Offset    int64             `json:"offset"` // in the file, of the bytes in question
	Size      int64             `json:"size"`   // of those bytes
	Message   string            `json:"message"`

	args []any
}

// find makes a finding; its severity and texts come from the table of the code.
func find(code Code, args ...any) Finding {
	f := Finding{Code: code, Severity: texts[code].severity, args: args}
	f.Message = f.Text("en")
	return f
}

// in names the file.
func (f Finding) in(name string) Finding {
	f.File = name
	return f
}

// Text is the message in Latvian or English, without file, camera and time.
func (f Finding) Text(lang string) string {
	t := texts[f.Code]
	format := t.en
	if lang == "lv" {
		format = t.lv
	}
	args := make([]any, len(f.args))
	for i, a := range f.args {
		args[i] = a
		switch a := a.(type) {
		case speaker:
			args[i] = a.say(lang)
		case string:
			if lang == "lv" && t.detail {
				args[i] = inLatvian(a)
			}
		}
	}
	return fmt.Sprintf(format, args...)
}

// speaker is an argument that has words of its own in each language.
type speaker interface{ say(lang string) string }

// words are an argument in both languages.
type words struct{ lv, en string }

func (w words) say(lang string) string {
	if lang == "lv" {
		return w.lv
	}
	return w.en
}

// add keeps a finding once.
func (r *Report) add(f Finding) {
	key := fmt.Sprint(f.Code, "\x00", f.File, "\x00", f.From, "\x00", f.To, "\x00", f.Message)
	if _, ok := r.kept[key]; ok {
		return
	}
	r.kept[key] = ""
	r.Findings = append(r.Findings, f)
}

func isFingerprint(s string) bool {
	b, err := hex.DecodeString(evidence.PlainFingerprint(s))
	return err == nil && len(b) == 32
}

// why is an error for a person: the message, and the cause where there is one.
func why(err error) string {
	var e *lieciba.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	return cmp.Or(e.Message, string(e.Code))
}
