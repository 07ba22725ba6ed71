package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"lieciba"
	"lieciba/cmd/lieciba/config"
	"lieciba/cmd/lieciba/server"
	"lieciba/storage"
	"lieciba/storage/evidence"
	"lieciba/storage/fsck"
	"lieciba/storage/localfs"
	"lieciba/storage/seal"
	"lieciba/storage/segment"
	"lieciba/storage/sequencer"
	"lieciba/storage/storagetest/footage"
)

// sealedSession files a session of six seconds with one camera, sealed, in the
// stores of a data folder, and returns its configuration file. A sequencer, as a
// running server has it, goes on beside the test.
func sealedSession(t *testing.T) (configFile string, cat storage.Catalog, session lieciba.ExamSession) {
	ctx, start := t.Context(), time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
	dir := t.TempDir()
	c := config.Default()
	c.Data, c.Disk.Critical = filepath.Join(dir, "data"), 1<<20
	configFile = filepath.Join(dir, "lieciba.yaml")
	require.NoError(t, os.WriteFile(configFile, fmt.Appendf(nil, "data: %s\ndisk:\n  critical: 1MiB\n", c.Data), 0o600))
	cat, err := server.OpenCatalog(ctx, c)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cat.Close()) })
	media, err := localfs.Open(filepath.Join(c.Data, "media"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, media.Close()) })
	log := sequencer.New(sequencer.Config{Catalog: cat, KeyFile: server.KeyFile(c), Interval: 10 * time.Millisecond})
	require.NoError(t, log.Start(ctx))

	node := lieciba.NewID[lieciba.NodeID](start)
	site := lieciba.Site{ID: lieciba.NewID[lieciba.SiteID](start), Code: "riga", Name: "Rīga", State: lieciba.PlaceActive, CreatedAt: start}
	room := lieciba.Room{ID: lieciba.NewID[lieciba.RoomID](start), SiteID: site.ID, Code: "r1", Name: "1", State: lieciba.PlaceActive, CreatedAt: start}
	cam := lieciba.Camera{ID: lieciba.NewID[lieciba.CameraID](start), SiteID: site.ID, Name: "front", Address: "127.0.0.1:80", State: lieciba.CameraReady, CreatedAt: start}
	stream := footage.Encode(t, footage.Spec{Video: lieciba.H264, GOP: 25, Seconds: 6})
	window := lieciba.Interval{From: start, To: start.Add(6 * time.Second)}
	session = lieciba.ExamSession{ID: lieciba.NewID[lieciba.SessionID](start), SessionKey: lieciba.SessionKey{Source: "test", ExternalID: "EX-7"}, SourceVersion: 1,
		SiteID: site.ID, RoomID: room.ID, StartsAt: window.From, EndsAt: window.To, State: lieciba.SessionRunning, CreatedAt: start, UpdatedAt: start}
	require.NoError(t, cat.PutSite(ctx, site))
	require.NoError(t, cat.PutRoom(ctx, room))
	require.NoError(t, cat.PutCamera(ctx, cam))
	require.NoError(t, cat.ChangeSession(ctx, session.SessionKey, func(*lieciba.ExamSession) (*lieciba.ExamSession, error) { return &session, nil }, nil))
	rec, err := cat.EnsureRecording(ctx, lieciba.Recording{ID: lieciba.NewID[lieciba.RecordingID](start), SessionID: session.ID, CameraID: cam.ID,
		RoomID: room.ID, NodeID: node, Window: window, State: lieciba.RecordingRecording, CreatedAt: start})
	require.NoError(t, err)
	run := lieciba.Run{ID: lieciba.NewID[lieciba.RunID](start), CameraID: cam.ID, RecordingID: rec.ID, NodeID: node, StartedAt: start, Format: stream.Format}
	require.NoError(t, cat.PutRun(ctx, run))
	for _, r := range stream.Record(t, t.TempDir(), start, 2*time.Second, func() segment.IDs {
		return segment.IDs{Recording: rec.ID, Camera: cam.ID, Run: run.ID, Segment: lieciba.NewID[lieciba.SegmentID](start), Node: node}
	}) {
		s := r.Segment()
		s.ClockQuality = lieciba.ClockGood
		f, err := os.Open(r.Path)
		require.NoError(t, err)
		o, err := media.Put(ctx, storage.SegmentKey(rec.ID, s.ID), f, s.Size, s.SHA256)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		require.NoError(t, cat.AddSegment(ctx, s))
		require.NoError(t, cat.VerifySegment(ctx, s.ID, o.Ref))
	}
	require.NoError(t, cat.MoveRecording(ctx, rec.ID, lieciba.RecordingComplete, ""))
	require.NoError(t, cat.MoveSession(ctx, session.ID, lieciba.SessionFinished))
	_, err = log.Once(ctx)
	require.NoError(t, err)
	n, waiting, err := seal.New(seal.Config{Catalog: cat}).Once(ctx)
	require.NoError(t, err)
	require.Equal(t, 1, n, "%v", waiting)

	loop, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- log.Run(loop) }()
	t.Cleanup(func() { stop(); require.NoError(t, <-ended) })
	return configFile, cat, session
}

// shell runs the program and returns its exit status and output.
func shell(t *testing.T, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(environment{ctx: t.Context(), stdin: strings.NewReader(""), stdout: &out, stderr: &errs, getenv: func(string) string { return "" }}, args)
	return code, out.String(), errs.String()
}

func TestExportCommand(t *testing.T) {
	conf, cat, session := sealedSession(t)
	key, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	dir := t.TempDir()
	identity := filepath.Join(dir, "key.txt")
	require.NoError(t, os.WriteFile(identity, []byte(key.String()+"\n"), 0o600))
	for name, c := range map[string]struct {
		session string
		more    []string
		verify  []string
	}{
		"by ID, with a clip": {string(session.ID), []string{"--from", "2026-05-04T12:00:01+03:00", "--to", "2026-05-04T12:00:03+03:00"}, nil},
		"by external ID":     {"EX-7", nil, nil},
		"encrypted":          {"EX-7", []string{"--recipient", key.Recipient().String()}, []string{"-i", identity}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))
			args := append([]string{"export", c.session, "-c", conf, "--out", path, "--break-glass", "--reason", "Nobody else is here", "--purpose", "apstrīdēšana", "--recipient-name", "Tiesa"}, c.more...)
			code, out, errs := shell(t, args...)
			require.Equal(t, 0, code, errs)
			require.Contains(t, errs, "100 %")
			require.LessOrEqual(t, strings.Count(errs, "%"), 11, "no terminal")
			require.NotContains(t, errs, "witness")
			b, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Contains(t, out, fmt.Sprintf("%x", sha256.Sum256(b)))
			require.NoDirExists(t, path+server.BuildingSuffix)
			_, fingerprint, ok := strings.Cut(out, "fingerprint  ")
			require.True(t, ok)
			code, judged, errs := shell(t, append([]string{"verify", path, "--lang", "en", "--key", strings.TrimSpace(fingerprint)}, c.verify...)...)
			require.Equal(t, 0, code, judged+errs)

			list, err := cat.ListExports(t.Context(), storage.ExportFilter{SessionID: session.ID, Limit: 1})
			require.NoError(t, err)
			require.Equal(t, lieciba.ExportCollected, list[0].State)
			entries, err := cat.ListAudit(t.Context(), storage.AuditFilter{Act: string(lieciba.ActExport), SessionID: session.ID, Limit: 1})
			require.NoError(t, err)
			require.Equal(t, "export:"+string(list[0].ID), entries[0].Object)

			alarms, err := cat.ListAlarms(t.Context(), storage.AlarmFilter{Kinds: []lieciba.AlarmKind{lieciba.AlarmBreakGlass}, Limit: 1})
			require.NoError(t, err)
			require.Equal(t, "export:"+string(list[0].ID), alarms[0].Key)
			require.Contains(t, alarms[0].Detail, "for Tiesa at the machine's shell without a second person: Nobody else is here")

			checked, err := fsck.CheckLog(t.Context(), cat, fsck.Options{})
			require.NoError(t, err)
			require.Empty(t, checked.Violations)

			code, _, errs = shell(t, args...)
			require.Equal(t, 1, code)
			require.Contains(t, errs, "exists already")
		})
	}
}

// TestExportCommandGoesOn: a building that was stopped is gone on with by the
// same command, and by no other.
func TestExportCommandGoesOn(t *testing.T) {
	conf, cat, session := sealedSession(t)
	path := filepath.Join(t.TempDir(), "p.zip")
	c, err := config.Load(conf, func(string) string { return "" })
	require.NoError(t, err)
	r := server.ExportRequest{Session: "EX-7", Out: path, Purpose: "a", RecipientName: "b", Reason: "c"}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = server.Export(ctx, c, r, func(int64, int64) { cancel() })
	require.Error(t, err)
	code, _, errs := shell(t, "export", "EX-7", "-c", conf, "--out", path, "--break-glass", "--reason", "c", "--purpose", "other", "--recipient-name", "b")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "another package that was begun")
	code, _, errs = shell(t, "export", "EX-7", "-c", conf, "--out", path, "--break-glass", "--reason", "c", "--purpose", "a", "--recipient-name", "b")
	require.Equal(t, 0, code, errs)
	list, err := cat.ListExports(t.Context(), storage.ExportFilter{SessionID: session.ID})
	require.NoError(t, err)
	require.Len(t, list, 1, "it is the same export")
}

func TestExportCommandRefuses(t *testing.T) {
	conf, _, _ := sealedSession(t)
	path := filepath.Join(t.TempDir(), "p.zip")
	base := []string{"export", "-c", conf, "--out", path, "--break-glass", "--reason", "c", "--purpose", "a", "--recipient-name", "b"}
	approved := []string{"export", "-c", conf, "--out", path, "--request", lieciba.NewID[string](time.Now())}
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no folder":        {append(base, "EX-7", "--out", filepath.Join(filepath.Dir(path), "none", "a.zip")), 1, "none: make it first"},
		"a file is none":   {append(base, "EX-7", "--out", filepath.Join(conf, "a.zip")), 1, "out: there is no folder " + conf},
		"no such session":  {append(base, "EX-8"), 1, "no session"},
		"alone":            {[]string{"export", "EX-7", "-c", conf, "--out", path, "--purpose", "a", "--recipient-name", "b"}, 1, "request: two people let footage out"},
		"both":             {append(base, "EX-7", "--request", lieciba.NewID[string](time.Now())), 1, "break-glass: an approved request needs none"},
		"no session":       {base, 1, "session: is missing"},
		"no reason":        {append(base, "EX-7", "--reason", ""), 1, "reason: must not be empty"},
		"no purpose":       {append(base, "EX-7", "--purpose", ""), 1, "purpose: must not be empty"},
		"another session":  {append(approved, "EX-7"), 1, "session: is the request's, as it was approved"},
		"another person":   {append(approved, "--recipient-name", "b"), 1, "recipient-name: is the request's, as it was approved"},
		"no such request":  {approved, 1, "there is no request"},
		"no ID":            {append(approved, "--request", "x"), 1, "request: is not an ID"},
		"private key":      {append(base, "EX-7", "--recipient", "AGE-SECRET-KEY-1QQQ"), 1, "private key"},
		"a person":         {append(base, "EX-7", "--purpose", "asked by 150685-11111"), 1, "purpose: holds what looks like a personal code"},
		"a person gets it": {append(base, "EX-7", "--recipient-name", "J. B. 32123412345"), 1, "recipient-name: holds what looks like a personal code"},
		"two lines":        {append(base, "EX-7", "--purpose", "a\nb"), 1, "purpose: must not hold line breaks"},
		"half a clip":      {append(base, "EX-7", "--from", "2026-05-04T12:00:01+03:00"), 1, "--to"},
		"no offset":        {append(base, "EX-7", "--from", "2026-05-04T12:00:01"), 1, "offset"},
	} {
		code, _, errs := shell(t, c.args...)
		require.Equal(t, c.code, code, name)
		require.Contains(t, errs, c.want, name)
		require.NotContains(t, errs, "AGE-SECRET", name)
		require.NoFileExists(t, path)
		list, err := os.ReadDir(filepath.Dir(path))
		require.NoError(t, err)
		require.Empty(t, list, "%s: nothing is made", name)
	}
}

// approvedExport stores somebody's request for a package, which another approved.
func approvedExport(t *testing.T, cat storage.Catalog, kind lieciba.RequestKind, a lieciba.Asked) lieciba.Request {
	t.Helper()
	now := time.Now()
	asker := person(t, cat, "rita", now, lieciba.RoleReviewer)
	r, err := lieciba.NewRequest(kind, a, "Apelācija A-17", asker, now)
	require.NoError(t, err)
	e := server.ShellEntry(lieciba.AuditAsk(kind), now)
	require.NoError(t, cat.Act(t.Context(), &e, func(ctx context.Context) error { return cat.PutRequest(ctx, r) }))
	by := person(t, cat, "berta", now, lieciba.RoleApprover)
	in := lieciba.SignIn{ID: lieciba.NewID[lieciba.SignInID](now), UserID: lieciba.UserID(by.ID), FreshAt: now, FreshBy: lieciba.SignInPasskey}
	e = server.ShellEntry(string(lieciba.ActApproveRequest), now)
	e.Who, e.WhoID, e.Object = by.Name, by.ID, "request:"+string(r.ID)
	require.NoError(t, cat.Act(t.Context(), &e, func(ctx context.Context) error {
		r, err = cat.ChangeRequest(ctx, r.ID, func(r lieciba.Request) (*lieciba.Request, error) {
			next, err := r.Approve(by, in, r.Digest, now, lieciba.SignInPasskey)
			return &next, err
		})
		return err
	}))
	return r
}

// A package leaves as two people agreed: its request is spent in the act, goes on
// after a stop, makes no second package, and raises no alarm.
func TestExportCommandSpendsARequest(t *testing.T) {
	conf, cat, session := sealedSession(t)
	c, err := config.Load(conf, func(string) string { return "" })
	require.NoError(t, err)
	dir := t.TempDir()
	path := filepath.Join(dir, "p.zip")
	key, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	r := approvedExport(t, cat, lieciba.RequestExport, lieciba.Asked{SessionID: session.ID, ClipFrom: session.StartsAt.Add(time.Second), ClipTo: session.StartsAt.Add(3 * time.Second),
		RecipientName: "Tiesa", RecipientKind: "court", Recipient: key.Recipient().String()})
	ctx, cancel := context.WithCancel(t.Context())
	_, err = server.Export(ctx, c, server.ExportRequest{Request: r.ID, Out: path}, func(int64, int64) { cancel() })
	require.Error(t, err, "it was cut off")
	other := filepath.Join(dir, "other.zip")
	refused := func(id lieciba.RequestID, says string) {
		t.Helper()
		code, _, errs := shell(t, "export", "-c", conf, "--out", other, "--request", string(id))
		require.Equal(t, 1, code)
		require.Contains(t, errs, says)
		require.NoDirExists(t, other+server.BuildingSuffix)
		entries, err := cat.ListAudit(t.Context(), storage.AuditFilter{Act: lieciba.AuditUseRequest, Limit: 1})
		require.NoError(t, err)
		require.Equal(t, []string{"request:" + string(id), "conflict", "shell"}, []string{entries[0].Object, entries[0].Outcome, entries[0].Who})
	}
	refused(r.ID, "used")
	code, out, errs := shell(t, "export", "-c", conf, "--out", path, "--request", string(r.ID))
	require.Equal(t, 0, code, errs)
	require.FileExists(t, path)
	refused(r.ID, "used")
	refused(approvedExport(t, cat, lieciba.RequestRoles, lieciba.Asked{}).ID, "asks for something else")
	gone := approvedExport(t, cat, lieciba.RequestExport, lieciba.Asked{SessionID: session.ID, RecipientName: "Tiesa"})
	u, err := cat.User(t.Context(), lieciba.UserID(gone.DecidedByID))
	require.NoError(t, err)
	u.Disabled = true
	require.NoError(t, cat.PutUser(t.Context(), u))
	refused(gone.ID, "who approved this, is closed")
	gone = approvedExport(t, cat, lieciba.RequestExport, lieciba.Asked{SessionID: session.ID, RecipientName: "Tiesa"})
	u, err = cat.User(t.Context(), lieciba.UserID(gone.AskedByID))
	require.NoError(t, err)
	u.Roles = []lieciba.Role{lieciba.RoleSecurity}
	require.NoError(t, cat.PutUser(t.Context(), u))
	refused(gone.ID, "rita, who asked for this, may not ask for it any more")

	list, err := cat.ListExports(t.Context(), storage.ExportFilter{SessionID: session.ID})
	require.NoError(t, err)
	require.Len(t, list, 1)
	e := list[0]
	require.Contains(t, out, string(e.ID))
	require.Equal(t, []any{r.ID, r.DecidedBy, "rita", "Apelācija A-17", "Tiesa", key.Recipient().String(), r.Asked.ClipFrom, lieciba.ExportCollected},
		[]any{e.RequestID, e.ApprovedBy, e.RequestedBy, e.Purpose, e.RecipientName, e.Recipient, e.From, e.State})
	stored, err := cat.Request(t.Context(), r.ID)
	require.NoError(t, err)
	require.Equal(t, []any{lieciba.RequestUsed, "export:" + string(e.ID)}, []any{stored.State, stored.UsedFor})
	alarms, err := cat.ListAlarms(t.Context(), storage.AlarmFilter{Limit: 1})
	require.NoError(t, err)
	require.Empty(t, alarms)
	checked, err := fsck.CheckLog(t.Context(), cat, fsck.Options{})
	require.NoError(t, err)
	require.Empty(t, checked.Violations)
}

// TestExportCommandTellsThatItWaits: a package whose witness does not answer
// stands still for a while, and says why.
func TestExportCommandTellsThatItWaits(t *testing.T) {
	conf, _, _ := sealedSession(t)
	witness, _, err := evidence.OpenWitnessKey(filepath.Join(t.TempDir(), "witness.key"), "away.test/w")
	require.NoError(t, err)
	f, err := os.OpenFile(conf, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = fmt.Fprintf(f, "evidence: {witnesses: [%q]}\nexport: {witness_wait: 1s}\n", witness.VerifierKey())
	require.NoError(t, errors.Join(err, f.Close()))
	code, _, errs := shell(t, "export", "EX-7", "-c", conf, "--out", filepath.Join(t.TempDir(), "p.zip"), "--break-glass", "--reason", "c", "--purpose", "a", "--recipient-name", "b")
	require.Equal(t, 0, code, errs)
	require.Equal(t, 1, strings.Count(errs, "waiting for cosignatures of witnesses (1 missing), for 1s at most\n"), errs)
}
