package api

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"lieciba"
	"lieciba/storage"
	"lieciba/storage/evidence"
)

// requestSummary names what the IDs of a request stand for, so that an approver
// reads what they say yes to.
type requestSummary struct {
	ExternalID string         `json:"external_id"` // of the session
	RoomCode   string         `json:"room_code"`
	Cameras    []string       `json:"cameras"` // names; empty: all of the session
	Footage    *footageView   `json:"footage"` // that it concerns; null where it concerns none, and in lists for who cannot approve it
	Notice     string         `json:"notice"`  // what leaves the house, in words; empty but for a package
	Recipient  *recipientFact `json:"recipient"`
	Incident   *incidentFact  `json:"incident"`
	Hold       *holdView      `json:"hold"`
	Policy     *policyView    `json:"policy"`
	User       *userSummary   `json:"user"`
	Sites      []siteFact     `json:"sites"` // of asked.site_ids
	Recording  *recordingFact `json:"recording"`
	Client     *clientSummary `json:"client"`
}

type footageView struct {
	Bytes    int64   `json:"bytes"`
	Seconds  float64 `json:"seconds"` // of all cameras together
	Segments int     `json:"segments"`
	Cameras  int     `json:"cameras"`
	From     *stamp  `json:"from"` // of the first frame; null without footage
	To       *stamp  `json:"to"`
}

// recipientFact tells whether a key is one that its name had before: a key of
// somebody else under a court's name looks like the court's.
type recipientFact struct {
	Fingerprint string   `json:"fingerprint"` // SHA-256 of the public key, in hexadecimal
	Packages    int      `json:"packages"`    // that this name had under this key before
	OtherKeys   int      `json:"other_keys"`  // under which this name had packages before
	OtherNames  []string `json:"other_names"` // that had packages under this key before
}

type incidentFact struct {
	ID         lieciba.IncidentID   `json:"id"`
	State      lieciba.IncidentStep `json:"state"`
	At         stamp                `json:"at"`
	Kind       lieciba.IncidentKind `json:"kind"`
	Seat       *int                 `json:"seat"`
	CameraName string               `json:"camera_name"` // empty: the room
	Note       string               `json:"note"`
	By         string               `json:"by"` // who marked it first
	RecordedAt stamp                `json:"recorded_at"`
}

type siteFact struct {
	ID   lieciba.SiteID `json:"id"`
	Code string         `json:"code"`
	Name string         `json:"name"`
}

type userSummary struct {
	Login   string           `json:"login"`
	Name    string           `json:"name"`
	Roles   []lieciba.Role   `json:"roles"` // as they are now
	SiteIDs []lieciba.SiteID `json:"site_ids"`
	Sites   []siteFact       `json:"sites"` // of site_ids
}

type recordingFact struct {
	CameraName string                 `json:"camera_name"`
	State      lieciba.RecordingState `json:"state"`
	Window     intervalView           `json:"window"`
}

// summaries reads the facts of the requests of one answer, each once.
type summaries struct {
	c        *call
	sessions map[lieciba.SessionID]sessionNames
	cameras  map[lieciba.CameraID]string
	sites    map[lieciba.SiteID]siteFact
	policies []lieciba.RetentionPolicy
	exports  []lieciba.Export // that were built once
}

// sessionNames is what people call a session.
type sessionNames struct{ external, room string }

func (c *call) summaries() *summaries {
	return &summaries{c: c, sessions: map[lieciba.SessionID]sessionNames{}, cameras: map[lieciba.CameraID]string{}}
}

// of reads what the IDs stand for; whole: with the footage that it concerns.
func (m *summaries) of(r lieciba.Request, whole bool) (sum requestSummary, err error) {
	sum.Cameras, sum.Sites = []string{}, []siteFact{}
	for _, part := range []func(lieciba.Request, *requestSummary) error{m.session, m.incident, m.recording, m.object} {
		if err := part(r, &sum); err != nil {
			return sum, err
		}
	}
	if whole && r.Asked.SessionID != "" && r.Kind != lieciba.RequestHoldRelease {
		if err := m.footage(r, &sum); err != nil {
			return sum, err
		}
	}
	if r.Kind == lieciba.RequestExport {
		sum.Notice = leaves(r, sum.Footage)
		return sum, m.recipient(r, &sum)
	}
	return sum, nil
}

// object reads what the request of its kind is about, beside a session.
func (m *summaries) object(r lieciba.Request, sum *requestSummary) error {
	switch r.Kind {
	case lieciba.RequestHoldRelease:
		h, err := m.c.server.cfg.Catalog.Hold(m.c.ctx(), r.Asked.HoldID)
		v := viewHold(h)
		sum.Hold = &v
		return err
	case lieciba.RequestPolicy:
		return m.policy(r, sum)
	case lieciba.RequestRoles:
		return m.user(r, sum)
	case lieciba.RequestClientToken:
		var err error
		sum.Client, err = m.c.server.summaryClient(m.c.ctx(), r.Asked.Client, m.c.now)
		return err
	}
	return nil
}

func (m *summaries) user(r lieciba.Request, sum *requestSummary) error {
	u, err := m.c.server.cfg.Catalog.User(m.c.ctx(), r.Asked.UserID)
	if err != nil {
		return err
	}
	now, err := m.siteFacts(u.SiteIDs)
	if err != nil {
		return err
	}
	sum.User = &userSummary{u.Login, u.Name, orEmpty(u.Roles), orEmpty(u.SiteIDs), now}
	sum.Sites, err = m.siteFacts(r.Asked.SiteIDs)
	return err
}

func (m *summaries) siteFacts(ids []lieciba.SiteID) ([]siteFact, error) {
	if m.sites == nil {
		all, err := m.c.server.cfg.Catalog.ListSites(m.c.ctx())
		if err != nil {
			return nil, err
		}
		m.sites = map[lieciba.SiteID]siteFact{}
		for _, x := range all {
			m.sites[x.ID] = siteFact{x.ID, x.Code, x.Name}
		}
	}
	out := []siteFact{}
	for _, id := range ids {
		if x, ok := m.sites[id]; ok {
			out = append(out, x)
		}
	}
	return out, nil
}

func (m *summaries) policy(r lieciba.Request, sum *requestSummary) (err error) {
	if m.policies == nil {
		if m.policies, err = m.c.server.cfg.Catalog.Policies(m.c.ctx()); err != nil {
			return err
		}
	}
	if i := slices.IndexFunc(m.policies, func(p lieciba.RetentionPolicy) bool { return p.ID == r.Asked.PolicyID }); i >= 0 {
		v := viewPolicy(m.policies[i], before(m.policies[i], m.policies))
		sum.Policy = &v
	}
	return nil
}

func (m *summaries) session(r lieciba.Request, sum *requestSummary) error {
	if r.Asked.SessionID == "" {
		return nil
	}
	x, err := m.names(r.Asked.SessionID)
	if err != nil {
		return err
	}
	sum.ExternalID, sum.RoomCode = x.external, x.room
	for _, id := range r.Asked.CameraIDs {
		name, err := m.camera(id)
		if err != nil {
			return err
		}
		sum.Cameras = append(sum.Cameras, name)
	}
	return nil
}

// names reads what people call a session.
func (m *summaries) names(id lieciba.SessionID) (sessionNames, error) {
	if x, known := m.sessions[id]; known {
		return x, nil
	}
	x, err := m.c.server.cfg.Catalog.Session(m.c.ctx(), id)
	if err != nil {
		return sessionNames{}, err
	}
	room, err := m.c.server.cfg.Catalog.Room(m.c.ctx(), x.RoomID)
	if err != nil {
		return sessionNames{}, err
	}
	m.sessions[id] = sessionNames{x.ExternalID, room.Code}
	return m.sessions[id], nil
}

// camera is a camera's name; empty for no camera.
func (m *summaries) camera(id lieciba.CameraID) (string, error) {
	if _, known := m.cameras[id]; !known && id != "" {
		cam, err := m.c.server.cfg.Catalog.Camera(m.c.ctx(), id)
		if err != nil {
			return "", err
		}
		m.cameras[id] = cam.Name
	}
	return m.cameras[id], nil
}

func (m *summaries) incident(r lieciba.Request, sum *requestSummary) error {
	if r.Asked.IncidentID == "" {
		return nil
	}
	n, err := m.c.server.incidentNow(m.c.ctx(), r.Asked.SessionID, r.Asked.IncidentID)
	if err != nil || n == nil {
		return err
	}
	name, err := m.camera(n.CameraID)
	sum.Incident = &incidentFact{ID: n.ID, State: n.State, At: stamp(n.At), Kind: n.Kind, Seat: optional(n.Seat), CameraName: name,
		Note: n.Note, By: n.By, RecordedAt: stamp(n.RecordedAt)}
	return err
}

func (m *summaries) recording(r lieciba.Request, sum *requestSummary) error {
	if r.Asked.RecordingID == "" {
		return nil
	}
	rec, err := m.c.server.cfg.Catalog.Recording(m.c.ctx(), r.Asked.RecordingID)
	if err != nil {
		return err
	}
	name, err := m.camera(rec.CameraID)
	sum.Recording = &recordingFact{name, rec.State, viewInterval(rec.Window)}
	return err
}

// footage adds up what the request concerns: of a package all, whatever its clip.
func (m *summaries) footage(r lieciba.Request, sum *requestSummary) error {
	catalog, ctx := m.c.server.cfg.Catalog, m.c.ctx()
	recs, err := catalog.SessionRecordings(ctx, r.Asked.SessionID)
	if err != nil {
		return err
	}
	sum.Footage = &footageView{}
	span, seen := lieciba.Interval{From: r.Asked.From, To: r.Asked.To}, map[lieciba.CameraID]bool{}
	var whole lieciba.Interval
	for _, rec := range recs {
		if r.Asked.RecordingID != "" && rec.ID != r.Asked.RecordingID ||
			len(r.Asked.CameraIDs) > 0 && !slices.Contains(r.Asked.CameraIDs, rec.CameraID) {
			continue
		}
		segments, err := catalog.RecordingSegments(ctx, rec.ID, span)
		if err != nil {
			return err
		}
		for _, seg := range segments {
			part := seg.Span()
			if span != (lieciba.Interval{}) {
				part = part.Clip(span)
			}
			seen[rec.CameraID] = true
			sum.Footage.Segments++
			sum.Footage.Bytes += seg.Size
			sum.Footage.Seconds += part.Duration().Seconds()
			whole = around(whole, part)
		}
	}
	sum.Footage.Cameras, sum.Footage.From, sum.Footage.To = len(seen), optionalStamp(whole.From), optionalStamp(whole.To)
	return nil
}

// around is the shortest interval that holds both; an empty one holds nothing.
func around(a, b lieciba.Interval) lieciba.Interval {
	if a.Empty() {
		return b
	}
	if b.From.Before(a.From) {
		a.From = b.From
	}
	if b.To.After(a.To) {
		a.To = b.To
	}
	return a
}

// leaves says in words what a package takes out of the house.
func leaves(r lieciba.Request, f *footageView) string {
	clip := "clips of its incidents, for watching, cut nothing"
	if !r.Asked.ClipFrom.IsZero() {
		clip = "the clip is a copy for watching and cuts nothing"
	}
	if f == nil || f.From == nil {
		return "All footage of the session's cameras that are asked for leaves the house, not a part of it; " + clip + "."
	}
	riga := func(s *stamp) string { return time.Time(*s).In(lieciba.Riga).Format("02.01.2006 15:04:05") }
	return fmt.Sprintf("All footage of %d camera(s) leaves the house, %s to %s, %d segments, %.1f MB; %s.", f.Cameras, riga(f.From), riga(f.To),
		f.Segments, float64(f.Bytes)/1e6, clip)
}

// recipient compares the key and the name with those of earlier packages.
func (m *summaries) recipient(r lieciba.Request, sum *requestSummary) error {
	if r.Asked.Recipient == "" {
		sum.Notice += " It is not encrypted."
		return nil
	}
	if err := m.readExports(); err != nil {
		return err
	}
	f := &recipientFact{Fingerprint: evidence.Fingerprint(r.Asked.Recipient), OtherNames: []string{}}
	var keys []string
	for _, e := range m.exports {
		name, key := sameName(e.RecipientName, r.Asked.RecipientName), e.Recipient == r.Asked.Recipient
		switch {
		case !e.RequestedAt.Before(r.AskedAt) || e.Recipient == "":
		case name && key:
			f.Packages++
		case name && !slices.Contains(keys, e.Recipient):
			keys = append(keys, e.Recipient)
		case key && !name && !slices.Contains(f.OtherNames, e.RecipientName):
			f.OtherNames = append(f.OtherNames, e.RecipientName)
		}
	}
	f.OtherKeys, sum.Recipient = len(keys), f
	return nil
}

// sameName compares names of recipients as people do.
func sameName(a, b string) bool {
	return strings.EqualFold(strings.Join(strings.Fields(a), " "), strings.Join(strings.Fields(b), " "))
}

func (m *summaries) readExports() error {
	if m.exports != nil {
		return nil
	}
	m.exports = []lieciba.Export{}
	f := storage.ExportFilter{States: []lieciba.ExportState{lieciba.ExportSealed, lieciba.ExportCollected, lieciba.ExportPurged}, Limit: storage.MaxPage}
	for e, err := range storage.Pages(func(before lieciba.ExportID) ([]lieciba.Export, error) {
		f.Before = before
		return m.c.server.cfg.Catalog.ListExports(m.c.ctx(), f)
	}, func(e lieciba.Export) lieciba.ExportID { return e.ID }) {
		if err != nil {
			return err
		}
		m.exports = append(m.exports, e)
	}
	return nil
}
