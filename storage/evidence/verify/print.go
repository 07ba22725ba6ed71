package verify

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"unicode"

	"lieciba"
	"lieciba/storage/evidence"
)

// phrases are what the text report says beside the findings.
type phrases struct {
	verdicts                                                       map[Verdict]string
	verdict, pack, session, by, reason, recipient, log, key        string
	compared, notCompared, witnessed, notWitnessed, stamped, notes string
	camera, expected, recorded, missing, segments, gap, offset     string
	differs, entries, segment                                      string
	file, time, nothing                                            string
}

var spoken = map[string]phrases{
	"lv": {
		verdicts: map[Verdict]string{Complete: "PILNĪGS", CompleteWithGaps: "PILNĪGS AR NORĀDĪTIEM PĀRRĀVUMIEM", Altered: "IZMAINĪTS", Unverifiable: "NAV PĀRBAUDĀMS"},
		verdict:  "Slēdziens", pack: "Pakotne", session: "Eksāmena sesija", by: "Pieprasītājs", reason: "Pamatojums", recipient: "Saņēmējs",
		log: "Žurnāls", key: "Atslēga", compared: "salīdzināta", notCompared: "NAV SALĪDZINĀTA", differs: "salīdzināta: ATŠĶIRAS", entries: "ieraksti", segment: "segments", witnessed: "Līdzparakstījis", notWitnessed: "NAV LĪDZPARAKSTA",
		stamped: "Laika zīmogs", notes: "Piezīme", camera: "Kamera", expected: "paredzēts", recorded: "ierakstīts", missing: "trūkst",
		segments: "segmenti", gap: "pārrāvums", offset: "pulksteņa nobīde", file: "fails", time: "laiks", nothing: "pakotne nav pārskatāma",
	},
	"en": {
		verdicts: map[Verdict]string{Complete: "COMPLETE", CompleteWithGaps: "COMPLETE WITH DECLARED GAPS", Altered: "ALTERED", Unverifiable: "UNVERIFIABLE"},
		verdict:  "Verdict", pack: "Package", session: "Exam session", by: "Requested by", reason: "Reason", recipient: "Recipient",
		log: "Log", key: "Key", compared: "compared", notCompared: "NOT COMPARED", differs: "compared: DIFFERENT", entries: "entries", segment: "segment", witnessed: "Witnessed by", notWitnessed: "NOT WITNESSED",
		stamped: "Time stamp", notes: "Note", camera: "Camera", expected: "expected", recorded: "recorded", missing: "missing",
		segments: "segments", gap: "gap", offset: "clock offset", file: "file", time: "time", nothing: "the package cannot be read",
	},
}

// Print writes the report for people in Latvian, or English for "en". Characters
// of the package that could drive a terminal are shown as question marks.
func (r Report) Print(w io.Writer, lang string) error {
	if _, ok := spoken[lang]; !ok {
		lang = "lv"
	}
	p := printer{phrases: spoken[lang], lang: lang}
	p.line("%s: %s", p.verdict, p.verdicts[r.Verdict])
	p.line("%s: %s", p.pack, r.Path)
	if r.Package != nil {
		p.line("%s: %s (%s)", p.session, r.Package.Session.ExternalID, r.Package.Session.Source)
		p.line("%s: %s · %s: %s · %s: %s", p.by, r.Package.Requester, p.recipient, r.Package.Recipient, p.reason, r.Package.Purpose)
	}
	p.signers(r)
	for _, x := range r.Recorded {
		p.recording(x)
	}
	for _, note := range []bool{false, true} { // what decides comes first
		for _, f := range r.Findings {
			if (f.Severity == SeverityNote) == note {
				p.finding(f)
			}
		}
	}
	_, err := io.WriteString(w, p.b.String())
	return err
}

type printer struct {
	phrases
	lang string
	b    strings.Builder
}

func (p *printer) line(format string, args ...any) {
	for i, a := range args {
		switch a.(type) {
		case int, int64:
		default:
			args[i] = harmless(fmt.Sprint(a))
		}
	}
	fmt.Fprintf(&p.b, format+"\n", args...)
}

// harmless takes out what is no printable character: controls, and marks that
// reorder, hide or join what stands beside them.
func harmless(s string) string {
	return strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsGraphic(r) {
			return '?'
		}
		return r
	}, s)
}

func (p *printer) signers(r Report) {
	if r.Log == nil {
		p.line("%s", p.nothing)
		return
	}
	is := p.notCompared
	switch {
	case r.Log.KeyCompared:
		is = p.compared
	case r.Log.KeyDiffers:
		is = p.differs
	}
	p.line("%s: %s, %d %s", p.log, r.Log.Origin, r.Log.Size, p.entries)
	p.line("%s: %s (%s)", p.key, evidence.FingerprintGroups(r.Log.Fingerprint), is)
	if !r.Witnessed {
		p.line("%s", p.notWitnessed)
	}
	for _, x := range r.Witnesses {
		is := p.notCompared
		if x.Compared {
			is = p.compared
		}
		p.line("%s: %s, %s (%s) %s", p.witnessed, x.Name, instant(x.At), is, evidence.FingerprintGroups(x.Fingerprint))
	}
	for _, x := range r.Stamps {
		p.line("%s: %s, %s", p.stamped, x.Authority, instant(x.At))
	}
}

func (p *printer) recording(x Recording) {
	long := func(us int64) string { return micros(us).say(p.lang) }
	p.line("%s %s: %s %s, %s %s, %s %s, %s %d, %s %s…%s", p.camera, cmp.Or(x.Camera, string(x.CameraID)), p.expected, long(x.Expected), p.recorded, long(x.Recorded),
		p.missing, long(x.Missing), p.segments, x.Segments, p.offset, long(x.OffsetMin), long(x.OffsetMax))
	for _, g := range x.Gaps {
		p.line("  %s %s: %s", p.gap, between(g.From, g.To), cause(g.Cause, p.lang))
	}
}

func (p *printer) finding(f Finding) {
	mark := map[Severity]string{SeverityAltered: "✗", SeverityUnverifiable: "?", SeverityNote: "·"}[f.Severity]
	p.line("%s [%s] %s", mark, string(f.Code), f.Text(p.lang))
	if f.File != "" {
		p.line("    %s: %s", p.file, f.File)
	}
	var about []string
	if name := cmp.Or(f.Camera, string(f.CameraID)); name != "" {
		about = append(about, p.camera+" "+name)
	}
	if f.SegmentID != "" {
		about = append(about, p.segment+" "+string(f.SegmentID))
	}
	if len(about) > 0 {
		p.line("    %s", strings.Join(about, ", "))
	}
	if !f.From.IsZero() || !f.To.IsZero() {
		p.line("    %s: %s", p.time, between(f.From, f.To))
	}
}

// instant is a time in Riga, with its offset.
func instant(t evidence.Time) string {
	return t.In(lieciba.Riga).Format("2006-01-02 15:04:05.000000 -07:00")
}

func between(from, to evidence.Time) string {
	return fmt.Sprintf("%s – %s (UTC %s – %s)", instant(from), instant(to), from.UTC().Format("15:04:05.000000"), to.UTC().Format("15:04:05.000000"))
}
