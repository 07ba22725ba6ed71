package api

import (
	"encoding/hex"
	"time"

	"lieciba"
)

// orEmpty is s, or an empty list instead of JSON's null.
func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// items is the shape of every list.
type items[T any] struct {
	Items []T `json:"items"`
}

// paged is a list that goes on: next_before is what to send as before.
type paged[T any] struct {
	Items      []T     `json:"items"`
	NextBefore *string `json:"next_before"`
}

// pageOf begins the page that shows rows of the catalogue, which were asked for up
// to limit: fewer of them are the end.
func pageOf[V, T any, ID ~string](rows []T, limit int, id func(T) ID) paged[V] {
	out := paged[V]{Items: []V{}}
	if len(rows) == limit {
		out.NextBefore = optional(string(id(rows[len(rows)-1])))
	}
	return out
}

// optional is JSON's null for the zero value.
func optional[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// stamp is a time as the API writes it: RFC 3339, UTC, up to 6 decimals.
type stamp time.Time

// MarshalJSON implements json.Marshaler.
func (s stamp) MarshalJSON() ([]byte, error) {
	return []byte(lieciba.Micro(time.Time(s)).Format(`"2006-01-02T15:04:05.999999Z"`)), nil
}

// optionalStamp is null for the zero time.
func optionalStamp(t time.Time) *stamp {
	if t.IsZero() {
		return nil
	}
	s := stamp(t)
	return &s
}

type intervalView struct {
	From stamp `json:"from"`
	To   stamp `json:"to"`
}

func viewInterval(i lieciba.Interval) intervalView { return intervalView{stamp(i.From), stamp(i.To)} }

type siteView struct {
	ID     lieciba.SiteID     `json:"id"`
	Code   string             `json:"code"`
	Name   string             `json:"name"`
	Mobile bool               `json:"mobile"`
	State  lieciba.PlaceState `json:"state"`
}

func viewSite(s lieciba.Site) siteView { return siteView{s.ID, s.Code, s.Name, s.Mobile, s.State} }

type roomView struct {
	ID     lieciba.RoomID     `json:"id"`
	SiteID lieciba.SiteID     `json:"site_id"`
	Code   string             `json:"code"`
	Name   string             `json:"name"`
	State  lieciba.PlaceState `json:"state"`
}

func viewRoom(r lieciba.Room) roomView { return roomView{r.ID, r.SiteID, r.Code, r.Name, r.State} }

type streamView struct {
	Role   lieciba.StreamRole `json:"role"`
	Video  lieciba.VideoCodec `json:"video"`
	Audio  lieciba.AudioCodec `json:"audio"`
	Width  int                `json:"width"`
	Height int                `json:"height"`
	FPS    float64            `json:"fps"`
}

func viewStreams(in []lieciba.CameraStream) []streamView {
	out := make([]streamView, 0, len(in))
	for _, s := range in {
		out = append(out, streamView{s.Role, s.Video, s.Audio, s.Width, s.Height, s.FPS})
	}
	return out
}

type cameraView struct {
	ID            lieciba.CameraID    `json:"id"`
	Name          string              `json:"name"`
	SiteID        lieciba.SiteID      `json:"site_id"`
	RoomID        *lieciba.RoomID     `json:"room_id"`
	RoomCode      *string             `json:"room_code"`
	Address       string              `json:"address"`
	ONVIF         bool                `json:"onvif"`
	Maker         string              `json:"maker"`
	Model         string              `json:"model"`
	Firmware      string              `json:"firmware"`
	Serial        string              `json:"serial"`
	State         lieciba.CameraState `json:"state"`
	Streams       []streamView        `json:"streams"`
	ClockOffsetMS int64               `json:"clock_offset_ms"`
	Purpose       string              `json:"purpose"`
	LegalBasis    string              `json:"legal_basis"`
	Status        *statusView         `json:"status"`
	Advice        []string            `json:"advice,omitempty"`
}

type statusView struct {
	Connected        bool               `json:"connected"`
	Since            *stamp             `json:"since"`
	LastFrameAgeMS   *int64             `json:"last_frame_age_ms"`
	FPS              float64            `json:"fps"`
	Bitrate          int64              `json:"bitrate"`
	LostPackets      int64              `json:"lost_packets"`
	Recording        bool               `json:"recording"`
	SessionID        *lieciba.SessionID `json:"session_id"`
	LastDurableAgeMS *int64             `json:"last_durable_age_ms"`
	GapOpenSince     *stamp             `json:"gap_open_since"`
	GapCause         *lieciba.GapCause  `json:"gap_cause"`
	Viewers          int                `json:"viewers"`
	Advice           []string           `json:"advice"`
}

// viewAge is milliseconds, null for the unknown age (below zero).
func viewAge(d time.Duration) *int64 {
	if d < 0 {
		return nil
	}
	ms := d.Milliseconds()
	return &ms
}

func viewStatus(s lieciba.CameraStatus) *statusView {
	return &statusView{Connected: s.Connected, Since: optionalStamp(s.Since), LastFrameAgeMS: viewAge(s.LastFrameAge),
		FPS: s.FPS, Bitrate: s.Bitrate, LostPackets: s.LostPackets, Recording: s.Recording,
		SessionID: optional(s.SessionID), LastDurableAgeMS: viewAge(s.LastDurableAge),
		GapOpenSince: optionalStamp(s.GapOpenSince), GapCause: optional(s.GapCause), Viewers: s.Viewers, Advice: orEmpty(s.Advice)}
}

type partView struct {
	ID       lieciba.PartID    `json:"id"`
	Kind     lieciba.PartKind  `json:"kind"`
	StartsAt stamp             `json:"starts_at"`
	EndsAt   stamp             `json:"ends_at"`
	Sound    bool              `json:"sound"`
	State    lieciba.PartState `json:"state"`
}

func viewParts(in []lieciba.Part) []partView {
	out := make([]partView, 0, len(in))
	for _, p := range in {
		out = append(out, partView{p.ID, p.Kind, stamp(p.StartsAt), stamp(p.EndsAt), p.Sound, p.State})
	}
	return out
}

type sessionView struct {
	ID            lieciba.SessionID    `json:"id"`
	Source        string               `json:"source"`
	ExternalID    string               `json:"external_id"`
	SourceVersion int64                `json:"source_version"`
	SiteID        lieciba.SiteID       `json:"site_id"`
	RoomID        lieciba.RoomID       `json:"room_id"`
	RoomCode      string               `json:"room_code"`
	StartsAt      stamp                `json:"starts_at"`
	EndsAt        stamp                `json:"ends_at"`
	Seats         int                  `json:"seats"`
	State         lieciba.SessionState `json:"state"`
	CancelAsked   bool                 `json:"cancel_asked"`
	Parts         []partView           `json:"parts"`
	CreatedAt     stamp                `json:"created_at"`
	UpdatedAt     stamp                `json:"updated_at"`
	Link          *linkView            `json:"link,omitempty"` // of one session alone, not in lists
}

func viewSession(s lieciba.ExamSession, roomCode string) sessionView {
	return sessionView{ID: s.ID, Source: s.Source, ExternalID: s.ExternalID, SourceVersion: s.SourceVersion,
		SiteID: s.SiteID, RoomID: s.RoomID, RoomCode: roomCode, StartsAt: stamp(s.StartsAt), EndsAt: stamp(s.EndsAt),
		Seats: s.Seats, State: s.State, CancelAsked: s.CancelAsked, Parts: viewParts(s.Parts),
		CreatedAt: stamp(s.CreatedAt), UpdatedAt: stamp(s.UpdatedAt)}
}

type segmentView struct {
	ID            lieciba.SegmentID    `json:"id"`
	From          stamp                `json:"from"`
	To            stamp                `json:"to"`
	Size          int64                `json:"size"`
	State         lieciba.SegmentState `json:"state"`
	Frames        int                  `json:"frames"`
	Video         lieciba.VideoCodec   `json:"video"`
	Audio         lieciba.AudioCodec   `json:"audio"`
	ClockOffsetMS int64                `json:"clock_offset_ms"`
	ClockQuality  lieciba.ClockQuality `json:"clock_quality"`
	SHA256        string               `json:"sha256"`
}

func viewSegment(s lieciba.Segment) segmentView {
	return segmentView{ID: s.ID, From: stamp(s.From), To: stamp(s.To), Size: s.Size, State: s.State, Frames: s.Frames,
		Video: s.Video, Audio: s.Audio, ClockOffsetMS: s.ClockOffset.Milliseconds(), ClockQuality: s.ClockQuality,
		SHA256: hex.EncodeToString(s.SHA256[:])}
}

type gapView struct {
	ID     lieciba.GapID    `json:"id"`
	From   stamp            `json:"from"`
	To     *stamp           `json:"to"`
	Cause  lieciba.GapCause `json:"cause"`
	Detail string           `json:"detail"`
}

func viewGap(g lieciba.Gap) gapView {
	return gapView{g.ID, stamp(g.From), optionalStamp(g.To), g.Cause, g.Detail}
}
