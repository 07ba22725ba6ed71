package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"lieciba"
	"lieciba/storage/evidence/verify"
	"lieciba/storage/export"
)

// EvidenceReport is what the packages of the run's sessions prove on their own,
// verified after the server was stopped and its data were gone.
type EvidenceReport struct {
	Verdict  string          `json:"verdict"` // of the session with the cut
	Gaps     []EvidenceGap   `json:"gaps"`    // of that session
	Sessions []SessionReport `json:"sessions"`
}

// EvidenceGap is a gap as a package declares it.
type EvidenceGap struct {
	Camera string           `json:"camera"`
	From   time.Time        `json:"from"`
	To     time.Time        `json:"to"`
	Cause  lieciba.GapCause `json:"cause"`
}

// SessionReport is the verdict on one session's package.
type SessionReport struct {
	Session     lieciba.SessionID `json:"session"`
	Verdict     string            `json:"verdict"`
	Bytes       int64             `json:"bytes"`
	Fingerprint string            `json:"key_fingerprint"`
	Witnessed   bool              `json:"witnessed"`
	Gaps        []EvidenceGap     `json:"gaps"`
	Findings    []string          `json:"findings"`
}

// taken is a package that was fetched.
type taken struct {
	session lieciba.SessionID
	path    string
	bytes   int64
}

type exportView struct {
	ID    lieciba.ExportID    `json:"id"`
	State lieciba.ExportState `json:"state"`
	Error string              `json:"error"`
}

// takeOut asks for an evidence package of every session and fetches it, as a
// reviewer does, and remembers the fingerprint of the log's key.
func (j *job) takeOut(ctx context.Context) error {
	var log struct {
		Fingerprint string `json:"fingerprint"`
	}
	if err := j.get(ctx, lieciba.RoleReviewer, "/v1/log/state", &log); err != nil {
		return err
	}
	j.fingerprint = log.Fingerprint
	if err := j.makeRecipient(); err != nil {
		return err
	}
	for _, s := range j.sessions {
		t, err := j.takeSession(ctx, s)
		if err != nil {
			return fmt.Errorf("evidence package of session %s: %w", s, err)
		}
		j.packages = append(j.packages, t)
	}
	return nil
}

// makeRecipient makes the key that the run's packages are encrypted to, and keeps
// it beside them for whoever looks at them later.
func (j *job) makeRecipient() (err error) {
	var private string
	if j.recipient, private, err = export.NewRecipient(); err != nil {
		return err
	}
	return os.WriteFile(j.recipientFile(), []byte(private+"\n"), 0o600)
}

func (j *job) recipientFile() string { return filepath.Join(j.Packages, "recipient-key.txt") }

func (j *job) takeSession(ctx context.Context, s lieciba.SessionID) (t taken, err error) {
	asked := map[string]any{"kind": lieciba.RequestExport, "session_id": s, "reason": "demonstration",
		"recipient_name": "whoever runs the demo", "recipient_kind": "other", "recipient": j.recipient}
	if s == j.sessions[0] {
		asked["appeal"], asked["recipient_kind"] = j.appealReference(), "appeal_board"
	}
	id, err := j.approved(ctx, asked)
	if err != nil {
		return t, err
	}
	e := exportView{ID: lieciba.ExportID(id)}
	err = j.until(ctx, 100*time.Millisecond, func() (bool, error) {
		if err := j.get(ctx, lieciba.RoleReviewer, "/v1/exports/"+string(e.ID), &e); err != nil {
			return false, err
		}
		if e.State == lieciba.ExportFailed {
			return false, lieciba.Errorf(lieciba.CodeInternal, "the export failed: %s", e.Error)
		}
		return e.State == lieciba.ExportSealed, nil
	})
	if err != nil {
		return t, err
	}
	t = taken{session: s, path: filepath.Join(j.Packages, string(s)+".zip.age")}
	f, err := os.OpenFile(t.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return t, err
	}
	t.bytes, err = j.clients[lieciba.RoleReviewer].Download(ctx, "/v1/exports/"+string(e.ID)+"/content", f)
	return t, errors.Join(err, f.Close())
}

// verify judges the packages offline and completes the report.
func (j *job) verify(ctx context.Context) error {
	j.report.Evidence.Gaps, j.report.Evidence.Sessions = []EvidenceGap{}, []SessionReport{}
	ids, err := verify.ReadIdentities(j.recipientFile())
	if err != nil {
		return err
	}
	for _, t := range j.packages {
		r, err := verify.Verify(ctx, t.path, verify.Options{Keys: []string{j.fingerprint}, Identities: ids})
		if err != nil {
			return fmt.Errorf("verify %s: %w", filepath.Base(t.path), err)
		}
		one := sessionReport(t, r)
		j.report.Evidence.Sessions = append(j.report.Evidence.Sessions, one)
		if len(one.Gaps) > 0 {
			j.report.Evidence.Verdict, j.report.Evidence.Gaps = one.Verdict, one.Gaps
		}
		j.say("package of session %s, %.1f MB: %s", t.session, float64(t.bytes)/1e6, one.Verdict)
	}
	return nil
}

// judgeEvidence holds the packages' verdicts against what the run did: one
// session lost a camera for a while, the others are complete.
func (r *Report) judgeEvidence(fail func(format string, args ...any)) {
	want := 0
	for _, s := range r.Evidence.Sessions {
		switch {
		case len(s.Gaps) == 0 && s.Verdict != string(verify.Complete),
			len(s.Gaps) > 0 && s.Verdict != string(verify.CompleteWithGaps):
			fail("the package of session %s is %s: %v", s.Session, s.Verdict, s.Findings)
		}
		if len(s.Gaps) > 0 {
			want++
		}
	}
	if want != 1 {
		fail("%d packages declare a gap where one camera was cut", want)
	}
}

func sessionReport(t taken, r verify.Report) SessionReport {
	out := SessionReport{Session: t.session, Verdict: string(r.Verdict), Bytes: t.bytes, Witnessed: r.Witnessed,
		Gaps: []EvidenceGap{}, Findings: []string{}}
	if r.Log != nil {
		out.Fingerprint = r.Log.Fingerprint
	}
	for _, rec := range r.Recorded {
		for _, g := range rec.Gaps {
			out.Gaps = append(out.Gaps, EvidenceGap{Camera: rec.Camera, From: g.From.Time, To: g.To.Time, Cause: g.Cause})
		}
	}
	for _, f := range r.Findings {
		out.Findings = append(out.Findings, f.Message)
	}
	return out
}
