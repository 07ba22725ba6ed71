package witness

import (
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"lieciba"
	"lieciba/storage/durable"
	"lieciba/storage/evidence"
)

// The files of a witness's state folder.
const (
	stateName    = "state.json"
	alarmName    = "alarm.json"
	acceptedName = "accepted"
)

func number(n int64) string { return strconv.FormatInt(n, 10) }

// state is what a witness must not forget: canonical JSON, written durably
// before a cosignature leaves.
type state struct {
	Origin  string        `json:"origin"`
	Pinned  string        `json:"pinned"`   // the log key that a person gave
	Key     string        `json:"key"`      // the log key that is trusted now: Pinned, or what it was handed over to
	Size    int64         `json:"size"`     // of the newest checkpoint that was seen; 0: none
	Note    string        `json:"note"`     // that checkpoint as it came
	Line    string        `json:"line"`     // our cosignature of it; "": none yet
	HeardAt evidence.Time `json:"heard_at"` // when a server last told something that holds
}

// last is the checkpoint that was seen before.
func (s state) last() (lieciba.Checkpoint, evidence.Note, error) {
	return evidence.UnverifiedCheckpoint([]byte(s.Note))
}

// AlarmKind names what is wrong.
type AlarmKind string

const (
	AlarmCut          AlarmKind = "history_cut"   // the log is smaller than it was, or of the same size with another root
	AlarmInconsistent AlarmKind = "inconsistent"  // the log does not continue what was seen
	AlarmSignature    AlarmKind = "bad_signature" // the checkpoint is not signed as it must be
	AlarmSilence      AlarmKind = "silence"       // nothing that holds was heard for too long
)

// Alarm is what a person must look at. All but silence stop the witness for good.
type Alarm struct {
	Kind   AlarmKind     `json:"kind"`
	At     evidence.Time `json:"at"`
	Text   string        `json:"text"`   // one sentence
	Last   string        `json:"last"`   // the checkpoint that was seen before, as it came
	Seen   string        `json:"seen"`   // what the server showed instead; "" for silence
	Digest string        `json:"digest"` // names this alarm: SHA-256 of the fields above
}

func (a Alarm) digest() string {
	a.Digest = ""
	return evidence.Hash(sha256.Sum256(evidence.Encode(a))).String()
}

// Error implements error.
func (a *Alarm) Error() string {
	return "ALARM " + string(a.Kind) + ": " + a.Text + " (digest " + a.Digest + ")"
}

// latched tells whether only a person ends the alarm. Silence ends by itself,
// because what is heard after it is proven to continue what was seen before.
func (a *Alarm) latched() bool { return a != nil && a.Kind != AlarmSilence }

func load(dir, name string, v any) error {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return durable.Error(err)
	}
	if err := evidence.Decode(b, v); err != nil {
		return lieciba.Wrap(err, lieciba.CodeCorrupt, "the witness's file %s is damaged: find out why before you put it back from its backup", filepath.Join(dir, name))
	}
	return nil
}

func save(dir, name string, v any) error {
	return durable.WriteFile(filepath.Join(dir, name), evidence.Encode(v), 0o600)
}

// loadAlarm returns nil when there is none. A damaged one still is an alarm:
// CodeCorrupt.
func loadAlarm(dir string) (*Alarm, error) {
	var a Alarm
	err := load(dir, alarmName, &a)
	if lieciba.CodeOf(err) == lieciba.CodeNotFound {
		return nil, nil
	}
	if err == nil && a.Digest != a.digest() {
		err = lieciba.Errorf(lieciba.CodeCorrupt, "the witness's alarm was edited: find out by whom")
	}
	if err != nil {
		return nil, err
	}
	return &a, nil
}

// Accept says that a person has looked into the alarm with that digest, so that
// the witness may go on from what the server showed. A witness that runs in the
// folder takes it at its next look. CodeNotFound without an alarm, CodeConflict
// for the digest of another one.
func Accept(dir, digest string) error {
	a, err := loadAlarm(dir)
	if err != nil {
		return err
	}
	if a == nil {
		return lieciba.Errorf(lieciba.CodeNotFound, "there is no alarm in %s", dir)
	}
	if a.Digest != digest {
		return lieciba.Errorf(lieciba.CodeConflict, "the alarm in %s is another one: its digest is %s", dir, a.Digest)
	}
	if err := durable.WriteFile(filepath.Join(dir, acceptedName), []byte(digest+"\n"), 0o600); err != nil {
		return err
	}
	lock, err := durable.LockDir(dir)
	if lieciba.CodeOf(err) == lieciba.CodeConflict {
		return nil // the witness that runs there goes on by itself
	}
	if err != nil {
		return err
	}
	_, err = takeAcceptance(dir, a)
	return errors.Join(err, lock.Close())
}

// takeAcceptance ends the alarm if it was accepted: the state goes on from what
// the server showed, the alarm is kept under another name. Each step may be
// repeated after a crash.
func takeAcceptance(dir string, a *Alarm) (done bool, err error) {
	b, err := os.ReadFile(filepath.Join(dir, acceptedName))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, durable.Error(err)
	}
	if a != nil && string(b) == a.Digest+"\n" {
		if err := acceptInto(dir, a); err != nil {
			return false, err
		}
		kept := "alarm-" + a.At.UTC().Format("20060102T150405Z") + "-" + a.Digest[:8] + ".json"
		if err := durable.Rename(filepath.Join(dir, alarmName), filepath.Join(dir, kept)); err != nil {
			return false, err
		}
		done = true
	}
	return done, durable.Remove(filepath.Join(dir, acceptedName))
}

// acceptInto moves the state to what the server showed, if its signature holds.
func acceptInto(dir string, a *Alarm) error {
	if a.Kind != AlarmCut && a.Kind != AlarmInconsistent {
		return nil // what was shown is not the log's; the state stays
	}
	var st state
	if err := load(dir, stateName, &st); err != nil {
		return err
	}
	c, _, err := evidence.UnverifiedCheckpoint([]byte(a.Seen))
	if err != nil {
		return err
	}
	st.Size, st.Note, st.Line = c.Size, a.Seen, ""
	return save(dir, stateName, st)
}

// at cuts a time for files.
func at(t time.Time) evidence.Time { return evidence.At(t) }
